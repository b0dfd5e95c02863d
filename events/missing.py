"""Missing: a child whose whereabouts are unknown, or who is away without authorisation, and the return."""

from typing import Annotated, Literal

from events.codes import MISSING_KIND
from events.event import Coded, Fact, Identifier, PersonalText


class _Missing(Fact):
    topic = "care.missing"


class ChildWentMissing(_Missing):
    """The child went missing, or was away from the placement without authorisation."""

    wire, lane, edge = "missing.child_went_missing", "missing", "start"
    kind: Annotated[str, Coded(MISSING_KIND)]


class ChildReturned(_Missing):
    """The child came back, or was found."""

    wire, lane, edge = "missing.child_returned", "missing", "end"
    incident: Identifier


class ReturnInterviewHeld(_Missing):
    """The child was offered an interview with an independent person after returning."""

    wire, lane = "missing.return_interview_held", "return_interview"
    incident: Identifier
    outcome: Literal["held", "refused", "not_offered"]
    independent: bool = True
    words: PersonalText | None = None
