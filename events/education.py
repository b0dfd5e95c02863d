"""Education: which school a child attends, and why that changed."""

from typing import Annotated, Literal

from pydantic import Field

from events.event import Fact, Identifier, PersonalText

SchoolChangeReason = Literal[
    "first_school", "placement_move", "phase_transfer", "managed_move", "exclusion", "family_moved", "choice", "other"
]


class _Education(Fact):
    topic = "care.education"


class UpnRecorded(_Education):
    """The child has this unique pupil number, or none for the reason coded UN1 to UN5 (SSDA903 Header UPN)."""

    wire, lane, dated = "education.upn_recorded", "upn", False
    upn: PersonalText | None = None
    unknown_because: Annotated[str | None, Field(pattern="^UN[1-5]$")] = None


class SchoolChanged(_Education):
    """The child began at this school."""

    wire, lane, edge = "education.school_changed", "school", "start"
    urn: Annotated[str, Field(min_length=1, max_length=12, description="The school's unique reference number.")]
    school: Annotated[str, Field(min_length=1, max_length=200)]
    previous_urn: str | None = None
    reason: SchoolChangeReason = "other"


class SchoolLeft(_Education):
    """The child left a school."""

    wire, lane, edge = "education.school_left", "school", "end"
    enrolment: Identifier
