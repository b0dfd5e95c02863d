"""Health: assessments, and the yearly outcomes a return carries."""

from typing import Annotated, Literal

from pydantic import Field

from events.codes import SDQ_REASON
from events.event import Coded, CollectionYear, Fact, Sensitivity


class _Health(Fact):
    topic = "care.health"


class HealthAssessmentHeld(_Health):
    """The child had a health assessment: the initial one by a registered medical practitioner, or a review."""

    wire, lane = "health.health_assessment_held", "health_assessment"
    kind: Literal["initial", "review"]


class HealthOutcomesReported(_Health):
    """The child's health outcomes of the year were these (SSDA903 OC2); null where the return says nothing."""

    wire, lane = "health.health_outcomes_reported", "health"
    year: CollectionYear
    sdq_score: Annotated[int | None, Field(ge=0, le=40)] = None
    sdq_reason: Annotated[str | None, Coded(SDQ_REASON)] = None
    health_check: bool | None = None
    immunisations: bool | None = None
    teeth_check: bool | None = None
    health_assessment: bool | None = None


class SubstanceMisuseReported(_Health):
    """The child was, or was not, identified as misusing substances in the year, and offered help (SSDA903 OC2)."""

    wire, lane = "health.substance_misuse_reported", "substance_misuse"
    sensitivity = Sensitivity.RESTRICTED
    year: CollectionYear
    identified: bool | None = None
    intervention_received: bool | None = None
    intervention_offered: bool | None = None
