"""Our own closed lists, where the sources name the alternatives and no statutory return has a code for them.

They cannot lose a code. `other` admits what a source leaves open, and the fact's free text says it.
"""

from typing import Final

from events.codes.code_set import Code, CodeSet, listed


def _named(name: str, /, **meanings: str) -> CodeSet:
    return listed(name, *(Code(code, meaning) for code, meaning in meanings.items()))


PERSON: Final = _named(
    "person",
    child="The child",
    mother="Mother",
    father="Father",
    parent="Parent",
    sibling="Brother or sister",
    other_relative="Another relative",
    carer="Present carer",
    past_carer="Former carer",
    foster_relative="Relative of a carer",
    friend="Friend",
    social_worker="Social worker",
    iro="Independent reviewing officer",
    personal_adviser="Personal adviser",
    teacher="Teacher",
    nurse="Nurse or other health worker",
    advocate="Advocate",
    independent_visitor="Independent visitor",
    mentor="Mentor",
    other="Another person",
)
ROLE: Final = _named(
    "role",
    guardian="Guardian of an unaccompanied child",
    independent_visitor="Independent visitor",
    mentor="Mentor",
    lead_professional="Lead professional",
    supervising_social_worker="Supervising social worker of the carers",
    family_support_worker="Family support worker",
    key_worker="Key worker in the home",
    virtual_school_head="Virtual school head",
    designated_doctor="Designated doctor",
    designated_nurse="Designated nurse",
    health_champion="Health champion",
    named_inspector="Named inspector",
    other="Another role",
)
APPROVER: Final = _named(
    "approver",
    court="Court",
    director="Director of children's services",
    nominated_officer="Nominated officer",
    service_manager="Service manager",
    team_manager="Team manager",
    panel="Panel",
    iro="Independent reviewing officer",
    social_worker="Social worker",
    carer="Carer, by delegated authority",
    other="Another person or body",
)
MATTER: Final = _named(
    "matter",
    care_entry="Entering care",
    care_plan="The care plan",
    placement="Where the child lives",
    placement_status="The status of the placement",
    sibling_separation="Brothers and sisters apart",
    distance="A placement far from home or out of the area",
    permanence="Permanence",
    return_home="Returning home",
    adoption="Adoption",
    contact="Contact with family and friends",
    school="School or education",
    health="Health or treatment",
    worker="A worker or a change of worker",
    advocacy="Advocacy",
    review="A review",
    identity="Identity, religion, culture or language",
    daily_life="Daily life, leisure and activities",
    overnight_stays="Staying overnight with friends",
    school_trips="School trips and activities",
    travel="Travel abroad",
    money="Money and allowances",
    early_leaving="Leaving care before 18",
    accommodation="Accommodation after care",
    homelessness="Homelessness",
    immigration="Immigration or asylum",
    future="Hopes for the future",
    other="Another matter",
)
DECIDED: Final = _named(
    "decided", agreed="Agreed", partly="Agreed in part", refused="Refused", deferred="Put off", withdrawn="Withdrawn"
)
FOLLOWED: Final = _named(
    "followed", followed="Followed", partly="Followed in part", not_followed="Not followed", pending="Not decided yet"
)
METHOD: Final = _named(
    "method",
    spoken="Told by the child",
    written="Written",
    drawn="Drawn or made",
    symbols="Symbols or another means of communication",
    observed="Observed",
    through_other="Told through another person",
)
NEED: Final = _named(
    "need",
    core="Core assessment",
    initial="Initial assessment",
    common="Common assessment across agencies",
    placement="What a placement must offer",
    permanence="Permanence",
    kinship="Care by family or friends",
    return_home="Returning home",
    school_impact="The effect of a move on education",
    return_from_missing="After coming back from being missing",
    missing_risk="The risk of going missing",
    exploitation_risk="The risk of exploitation",
    custody="On entering or leaving custody",
    leaving_care="Leaving care",
    parenting="As a parent",
    other="Another assessment",
)
SUPPORT: Final = _named(
    "support",
    family_support="Family support",
    kinship="Support to family and friends who care",
    adoption="Adoption support",
    return_home="Support after returning home",
    carer="Support to carers",
    out_of_hours="Out-of-hours support to carers",
    therapy="Therapy",
    crisis="Crisis support",
    practical="Practical help",
    parenting="Support as a parent",
    leisure="Leisure, sport and culture",
    other="Other support",
)
PLAN: Final = _named(
    "plan",
    permanence="Permanence plan",
    long_term_foster="Long-term foster care, recognised as permanent",
    return_home="Return home plan",
    identity="Identity and life story plan",
    family="Family plan made at a family group conference",
    transition="Plan for a move or change",
    support="Support plan",
    release="Plan for release from custody",
    safety="Safety plan",
    other="Another plan",
)
ENTITLEMENT: Final = _named(
    "entitlement",
    personal_education_allowance="Personal education allowance",
    extended_activity="Free activities out of school",
    tuition="Tuition",
    bursary="Higher education bursary",
    leaving_care_grant="Setting up home allowance",
    savings="Savings",
    leisure_pass="Free use of leisure services",  # noqa: S106 - a season ticket
    transport="Transport",
    pledge="A promise of the authority's pledge",
    other="Another entitlement",
)
UNIT: Final = _named("unit", pounds="Pounds", hours="Hours", sessions="Sessions", weeks="Weeks", items="Items")
MEETING: Final = _named(
    "meeting",
    family_group_conference="Family group conference",
    strategy="Strategy discussion",
    placement_planning="Placement planning",
    settling="Settling-in review of a placement",
    disruption="Disruption meeting",
    handover="Handover between workers",
    introduction="Introduction of carers and child",
    school="Meeting with the school",
    professionals="Meeting of professionals",
    goodbye="Goodbye to a worker or carer",
    participation="Children's council or another way of taking part",
    other="Another meeting",
)
CONCERN: Final = _named(
    "concern",
    physical_harm="Physical harm",
    sexual_harm="Sexual harm",
    emotional_harm="Emotional harm",
    neglect="Neglect",
    bullying="Bullying",
    harassment="Racial or other harassment",
    self_harm="Self-harm",
    allegation_carer="Allegation against a carer",
    allegation_worker="Allegation against a worker",
    sexual_exploitation="Sexual exploitation",
    criminal_exploitation="Criminal exploitation",
    trafficking="Trafficking",
    radicalisation="Radicalisation",
    other="Another concern",
)
CONCLUSION: Final = _named(
    "conclusion",
    substantiated="Substantiated",
    unsubstantiated="Not substantiated",
    unfounded="Unfounded",
    resolved="Resolved",
    referred_on="Referred on",
    withdrawn="Withdrawn",
)
COMPLAINT: Final = _named(
    "complaint",
    informal="Informal",
    stage_1="Stage 1",
    stage_2="Stage 2",
    stage_3="Stage 3",
    pledge="Breach of the pledge",
    dispute="Dispute between services or with the plan",
)
JUSTICE: Final = _named(
    "justice", police_contact="Contact with the police without arrest", arrest="Arrest", charge="Charge",
    restorative="Restorative approach instead of prosecution", reprimand="Reprimand, warning or caution", bail="Bail",
    remand="Remand", sentence="Sentence",
)  # fmt: skip
CUSTODY: Final = _named(
    "custody",
    secure_home="Secure children's home",
    training_centre="Secure training centre or secure school",
    young_offender="Young offender institution",
    police="Police cell",
    other="Another establishment",
)
STAY: Final = _named(
    "stay",
    trial="Trial stay before a placement",
    short_break="Short break",
    respite="Respite for carers",
    visit_home="Stay with family",
    refuge="Refuge",
)
HELD: Final = _named("held", held_open="Held open for the child's return", back_up="Named as the place to fall back on")
CONVERSION: Final = _named(
    "conversion",
    long_term="Long-term foster care",
    kinship="Care by family or friends",
    adoptive="Foster to adoptive placement",
    special_guardianship="Special guardianship",
    residence="Residence or child arrangements order",
    staying_put="Staying put after 18",
    other="Another status",
)
ASYLUM: Final = _named(
    "asylum",
    claimed="Claim made",
    interviewed="Interviewed",
    refugee="Refugee status granted",
    humanitarian="Humanitarian protection granted",
    discretionary="Discretionary leave granted",
    refused="Refused",
    appealed="Appeal lodged",
    exhausted="Appeal rights exhausted",
)
ADMISSION: Final = _named(
    "admission", offered="Place offered", refused="Place refused", directed="Admission directed", withdrawn="Withdrawn"
)
NO_PROVISION: Final = _named(
    "no_provision",
    no_place="No school place",
    excluded="Excluded, no provision arranged",
    moved="Placement moved",
    refused="The child does not attend",
    health="Illness or treatment",
    arrived="Newly arrived in the country",
    other="Another cause",
)
EXCLUSION: Final = _named(
    "exclusion", suspension="Suspension", permanent="Permanent exclusion", lunchtime="Suspension over lunchtime"
)
SCHOOL_SUPPORT: Final = _named(
    "school_support",
    tuition="Tuition",
    catch_up="Catch-up in reading or mathematics",
    alternative_provision="Alternative provision",
    mentoring="Learning mentor",
    extended_activity="Activities out of school",
    transport="Transport to school",
    gifted="For gifted and talented pupils",
    early_years="Early years provision",
    other="Other support",
)
ATTAINMENT: Final = _named(
    "attainment",
    foundation="Early years foundation stage",
    ks1="Key stage 1",
    ks2="Key stage 2",
    ks3="Key stage 3",
    ks4="Key stage 4",
    ks5="Key stage 5",
    entry="Baseline on entering care",
    other="Another assessment",
)
QUALIFICATION: Final = _named(
    "qualification",
    entry="Entry level",
    level_1="Level 1",
    level_2="Level 2",
    level_3="Level 3",
    level_4="Level 4",
    level_5="Level 5",
    level_6="Level 6, degree",
    level_7="Level 7",
    other="Another qualification",
)
SPECIAL_NEED: Final = _named(
    "special_need", statement="Statement or plan of special educational needs", support="Support without a statement"
)
HEALTH_SERVICE: Final = _named(
    "health_service",
    mental_health="Child and adolescent mental health service",
    substance_misuse="Substance misuse service",
    sexual_health="Sexual health service",
    dentist="Dentist",
    optician="Optician",
    paediatrics="Paediatrics",
    speech="Speech and language therapy",
    therapy="Therapy",
    adult="Adult health service",
    other="Another service",
)
REFERRAL_END: Final = _named(
    "referral_end", completed="Treatment completed", declined="Declined by the service", refused="Refused by the child",
    transferred="Handed over to another service", not_needed="No longer needed",
)  # fmt: skip
HEALTH_RECORD: Final = _named(
    "health_record", gp="GP record", summary="Health summary", critical="Critical health information", dental="Dental",
    immunisation="Immunisation record",
)  # fmt: skip
DISABILITY: Final = _named(
    "disability",
    none="None",
    mobility="Mobility",
    hand="Hand function",
    personal_care="Personal care",
    incontinence="Continence",
    communication="Communication",
    learning="Learning",
    hearing="Hearing",
    vision="Vision",
    behaviour="Behaviour",
    consciousness="Consciousness",
    autism="Autism spectrum",
    other="Another disability",
)
SUPPORT_LEVEL: Final = _named(
    "support_level", universal="Universal", targeted="Targeted", specialist="Specialist", intensive="Intensive"
)
LIVING: Final = _named(
    "living",
    independent="Independent tenancy",
    supported="Supported accommodation",
    lodgings="Supported lodgings",
    foyer="Foyer",
    family="With family or friends",
    campus="Student accommodation",
    vacation="Accommodation in vacations",
    bed_and_breakfast="Bed and breakfast",
    other="Other accommodation",
)
CONTACT: Final = _named(
    "contact", face_to_face="Face to face", overnight="Overnight stay", telephone="Telephone", video="Video call",
    letterbox="Letters and letterbox exchange", message="Messages", other="Another form",
)  # fmt: skip
TIE_CHANGE: Final = _named(
    "tie_change", closer="Closer than before", weaker="Weaker than before", resumed="Taken up again",
    interrupted="Interrupted by a move or change", restricted="Restricted for the child's safety",
)  # fmt: skip
MISSED_BY: Final = _named(
    "missed_by", child="The child", family="The other person", carer="The carer", authority="The authority",
    other="Another cause",
)  # fmt: skip
LIFE_STORY: Final = _named(
    "life_story", memory="Memory", photograph="Photograph", letter="Letter", object="Object", record="Record",
    visit="Visit to a place or person", other="Another item",
)  # fmt: skip
IDENTITY: Final = _named(
    "identity", religion="Religion or belief", language="Language", culture="Culture", nationality="Nationality",
    name="Name and how the child wishes to be called", other="Another part of identity",
)  # fmt: skip
ACHIEVEMENT: Final = _named(
    "achievement", school="At school", sport="Sport", arts="Arts", work="Work or volunteering", personal="Personal",
    skill="Skill for living independently",
)  # fmt: skip
OFFER: Final = _named(
    "offer", accepted="Accepted", declined="Declined", undecided="Not decided yet", not_asked="Could not be asked"
)
RISK: Final = _named("risk", low="Low", medium="Medium", high="High")
PRACTICE: Final = tuple(value for value in dict(globals()).values() if isinstance(value, CodeSet))
