"""Health: assessments, and the yearly outcomes a return carries."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from events.codes import (
    ADVERSITY,
    AGENCY,
    DEVELOPMENT,
    DISABILITY,
    HEALTH_RECORD,
    HEALTH_SERVICE,
    REFERRAL_END,
    SDQ_REASON,
    SHARED_ON,
)
from events.event import Coded, CollectionYear, Fact, Identifier, PersonalDate, PersonalText, Sensitivity
from events.families import (
    Activity,
    Count,
    Name,
    Need,
    NeedEnds,
    Outcome,
    Plan,
    PlanEnds,
    Register,
    Someone,
    Text,
    Who,
)


class _Health(Fact):
    topic = "care.health"


class HealthAssessmentHeld(_Health, Activity):
    """The child had a health assessment: the initial one by a registered medical practitioner, or a review."""

    wire, lane = "health.health_assessment_held", "health_assessment"
    sources = ("CM1.25p16", "CM1.25x", "CM1.Box2f", "CM5.6", "CM5.BOX-NHPa")
    command = "/children/{child}/assessments"
    kind: Literal["initial", "review"]


class HealthOutcomesReported(_Health, Outcome):
    """The child's health outcomes of the year were these (SSDA903 OC2); null where the return says nothing."""

    wire, lane = "health.health_outcomes_reported", "health"
    year: CollectionYear
    sdq_score: Annotated[int | None, Field(ge=0, le=40)] = None
    sdq_reason: Annotated[str | None, Coded(SDQ_REASON)] = None
    health_check: bool | None = None
    immunisations: bool | None = None
    teeth_check: bool | None = None
    health_assessment: bool | None = None


class SubstanceMisuseReported(_Health, Outcome):
    """The child was, or was not, identified as misusing substances in the year, and offered help (SSDA903 OC2)."""

    wire, lane = "health.substance_misuse_reported", "substance_misuse"
    sources = ("CM5.8", "CM5.BOX-NHPe")
    sensitivity = Sensitivity.RESTRICTED
    year: CollectionYear
    identified: bool | None = None
    intervention_received: bool | None = None
    intervention_offered: bool | None = None


class HealthPlanMade(_Health, Plan):
    """The child has a health plan with this many actions."""

    wire, lane, edge = "health.health_plan_made", "health_plan", "start"
    sources = ("CM5.6", "CM5.BOX-NHPa", "CM5.BOX-NHPe", "CM7.26b")
    actions: Count = None
    summary: Text = None


class HealthPlanEnded(_Health, PlanEnds):
    """The child's health plan no longer holds."""

    wire, lane, linked = "health.health_plan_ended", "health_plan", HealthPlanMade
    sources = ("CM5.6", "CM5.BOX-NHPa", "CM5.BOX-NHPe", "CM7.26b")


class HealthActionAssigned(_Health, Need):
    """The child's health needs something done by this service, by that day."""

    wire, lane, edge = "health.health_action_assigned", "health_action", "start"
    sources = ("CM5.5b", "CM5.BOX-NHPe")
    service: Annotated[str, Coded(HEALTH_SERVICE)]
    due_on: date | None = None
    action: Text = None


class HealthActionBlocked(_Health, Need):
    """The child's health action cannot go on, for this reason."""

    wire, lane, link, linked = "health.health_action_blocked", "health_action_block", "need", HealthActionAssigned
    sources = ("CM5.BOX-NHPb", "CM5.BOX-NHPe")
    need: Identifier
    reason: Text = None


class HealthActionDone(_Health, NeedEnds):
    """The child's health action was done."""

    wire, lane, linked = "health.health_action_done", "health_action", HealthActionAssigned
    sources = ("CM5.BOX-NHPb", "CM5.BOX-NHPe")


class ReferralMade(_Health, Need):
    """The child was referred to this service."""

    wire, lane, edge = "health.referral_made", "referral", "start"
    sources = ("CM5.4", "CM5.BOX-NHPe", "HC.44.a")
    service: Annotated[str, Coded(HEALTH_SERVICE)]
    urgent: bool | None = None
    concern: Text = None


class ReferralStarted(_Health, Need):
    """The child was seen for the first time by the service."""

    wire, lane, link, linked = "health.referral_started", "first_appointment", "need", ReferralMade
    sources = ("CM5.19", "HC.44.a", "CI5.whocares.3", "HC.44.b")
    need: Identifier


class ReferralClosed(_Health, NeedEnds):
    """The child's referral came to this end."""

    wire, lane, linked = "health.referral_closed", "referral", ReferralMade
    sources = ("SR2.7.d", "HC.44.a")
    outcome: Annotated[str, Coded(REFERRAL_END)]


class GpRegistered(_Health, Register):
    """The child was registered with a general practitioner."""

    wire, lane = "health.gp_registered", "gp"
    sources = ("CM5.BOX-NHPe", "CM5.12")
    practice: Name = None
    permanent: bool | None = None


class HealthRecordTransferred(_Health, Activity):
    """The child's health record of this kind reached those who need it."""

    wire, lane = "health.health_record_transferred", "health_record_transfer"
    sources = ("CM5.BOX-NHPe", "CM5.12", "CM5.13", "CM5.BOX-NHPf", "CM5.BOX-NHPg")
    kind: Annotated[str, Coded(HEALTH_RECORD)]
    to: Someone = None


class EmotionalBehaviouralScoreRecorded(_Health, Outcome):
    """The child's strengths and difficulties questionnaire, filled in by this person, gave this total."""

    wire, lane = "health.emotional_behavioural_score_recorded", "wellbeing"
    sources = ("CM5.24", "HC.45")
    score: Annotated[int, Field(ge=0, le=40, description="Total difficulties; higher is worse.")]
    answered_by: Who


class MentalHealthNeedIdentified(_Health, Need):
    """The child may need help from a mental-health service."""

    wire, lane = "health.mental_health_need_identified", "mental_health_need"
    sources = ("HC.44.a",)
    sensitivity = Sensitivity.RESTRICTED
    urgent: bool | None = None
    description: Text = None


class SubstanceMisuseScreened(_Health, Activity):
    """The child was asked about substances, and help was needed or not."""

    wire, lane = "health.substance_misuse_screened", "substance_misuse_screening"
    sources = ("CM5.8", "CM5.BOX-NHPe")
    sensitivity = Sensitivity.RESTRICTED
    help_needed: bool
    help_offered: bool | None = None


class PregnancyRecorded(_Health, Need):
    """The child is expecting a baby, as mother or father."""

    wire, lane = "health.pregnancy_recorded", "pregnancy"
    sources = ("ES.12a", "CM5.1", "CM5.FN2", "CM5.29a")
    sensitivity = Sensitivity.RESTRICTED
    parent: Literal["mother", "father"]
    due_on: PersonalDate | None = None


class DisabilityRecorded(_Health, Need):
    """The child has, or has not, a disability of this kind."""

    wire, lane = "health.disability_recorded", "disability"
    sources = ("HC.52", "SR2.7.e")
    kind: Annotated[str, Coded(DISABILITY)]
    specialist_plan: bool | None = None


class DevelopmentalConcernRaised(_Health, Need):
    """The child's development in this respect gave cause for concern at this age."""

    wire, lane = "health.developmental_concern_raised", "developmental_concern"
    sources = ("CM1.16",)
    sensitivity, readers = Sensitivity.RESTRICTED, ("social-work", "review", "health")
    domain: Annotated[str, Coded(DEVELOPMENT)]
    age_months: Annotated[int, Field(ge=0, le=300)]
    concern: Text = None


class AdverseExperienceRecorded(_Health, Need):
    """The child went through this early in life, from and until these ages."""

    wire, lane = "health.adverse_experience_recorded", "adverse_experience"
    sources = ("CM1.16",)
    sensitivity, readers = Sensitivity.RESTRICTED, ("social-work", "review", "health")
    kind: Annotated[str, Coded(ADVERSITY)]
    from_months: Count = None
    until_months: Count = None
    account: Text = None


class HealthSummaryShared(_Health, Activity):
    """The child's health needs were explained to this agency in plain words, without clinical detail."""

    wire, lane = "health.health_summary_shared", "health_summary"
    sources = ("CM5.BOX-NHPf",)
    audience: Annotated[str, Coded(AGENCY)]
    plain_summary: PersonalText
    consent_basis: Annotated[str, Coded(SHARED_ON)]
