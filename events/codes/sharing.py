"""Our own closed lists for who works with whom: agencies, why something is shared, what may be seen and on what basis.

Like the lists of practice they cannot lose a code.
"""

from typing import Final

from events.codes.code_set import Code, CodeSet, listed


def _named(name: str, /, **meanings: str) -> CodeSet:
    return listed(name, *(Code(code, meaning) for code, meaning in meanings.items()))


AGENCY: Final = _named(
    "agency",
    social_care="Children's social care",
    education="School or education service",
    health="Health service",
    youth_justice="Youth justice service",
    police="Police",
    housing="Housing service",
    voluntary="Voluntary organisation",
    provider="Provider of homes or foster care",
    other="Another agency",
)
SECTOR: Final = _named("sector", statutory="Statutory", voluntary="Voluntary", private="Private")
SERVICE: Final = _named(
    "service",
    fostering="Foster care",
    home="Children's home",
    supported_living="Supported accommodation",
    education="Education",
    health="Health",
    advocacy="Advocacy and independent visiting",
    mentoring="Mentoring and leisure",
    other="Another service",
)
TEAM_ROLE: Final = _named(
    "team_role",
    lead_professional="Lead professional",
    carer="Carer",
    social_worker="Social worker",
    teacher="Teacher",
    health_worker="Health worker",
    youth_justice_worker="Youth justice worker",
    police_officer="Police officer",
    volunteer="Volunteer",
    other="Another member",
)
LEVEL: Final = _named(
    "decision_level",
    day_to_day="Day to day, with the carer",
    placement="Where the child lives",
    education="Education",
    strategic="For the whole service",
)
SHARED_FOR: Final = _named(
    "shared_for",
    care="To care for the child",
    teaching="To teach the child",
    health="To look after the child's health",
    safety="To keep somebody safe",
    planning="To plan with the child",
    assessment="To assess needs",
    oversight="To see that duties are met",
    adoption_support="To support an adopted person",
    origins="An adopted person asks where they come from",
    court="A court asks for it",
    other="Another purpose",
)
SHARED_ON: Final = _named(
    "shared_on",
    consent="Consent of the child, or of who holds parental responsibility",
    legal_duty="A duty in law",
    safety="To protect the child or somebody else",
    best_interests="In the child's best interests, consent not being possible",
)
SHARED_ITEM: Final = _named(
    "shared_item",
    care_status="That the child is looked after",
    carer_contact="Whom to call at home",
    social_worker_contact="Whom to call in social care",
    placement_change="That the child has moved",
    legal_status_change="That the legal status has changed",
    attendance="Attendance",
    pep="Personal education plan",
    health_needs="What the child needs for health",
    assessment="Assessment",
    delegated_authority="Who may agree to what",
    risk="A risk that others must know",
    other="Another thing",
)
SCOPE: Final = _named(
    "record_scope",
    education="The education record: plans, attendance and work",
    health_summary="The health summary",
    carer_view="What a carer needs to know today",
)
READER: Final = _named(
    "reader",
    carer="Carer",
    school="Designated teacher",
    child="The child",
    social_work="Social worker",
    virtual_school="Virtual school",
    health="Health worker",
    review="Independent reviewing officer",
    adoption_records="Keeper of adoption records",
)
SYSTEM: Final = _named(
    "system",
    social_care="Case system of children's social care",
    school="School information system",
    nhs="NHS number",
    youth_justice="Youth justice system",
    learner_records="Learner records",
    other="Another system",
)
QUALITY: Final = _named(
    "quality", missing="Something is missing", late="It came late", invalid="It cannot be right",
    contradictory="It contradicts another record", duplicate="It is there twice",
)  # fmt: skip
DEVELOPMENT: Final = _named(
    "development", speech="Speech and language", movement="Movement", social="Social and emotional",
    learning="Thinking and learning", growth="Growth", attachment="Attachment", other="Another part of development",
)  # fmt: skip
ADVERSITY: Final = _named(
    "adversity", neglect="Neglect", physical_abuse="Physical abuse", emotional_abuse="Emotional abuse",
    sexual_abuse="Sexual abuse", domestic_violence="Domestic violence", bereavement="Loss of somebody close",
    parental_illness="Illness of a parent", substance_misuse="Substance misuse of a parent", injury="Injury",
    separation="Separation from the family", other="Another adverse experience",
)  # fmt: skip
SHARING: Final = tuple(value for value in dict(globals()).values() if isinstance(value, CodeSet))
