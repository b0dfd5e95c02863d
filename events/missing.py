"""Missing: a child whose whereabouts are unknown, or who is away without authorisation, and the return."""

from typing import Annotated, Literal

from events.codes import MISSING_KIND, RISK
from events.event import Coded, Fact, Identifier, PersonalText
from events.families import Decision, Incident, IncidentEnds, IncidentPoint, Someone, Text


class _Missing(Fact):
    topic = "care.missing"


class ChildWentMissing(_Missing, Incident):
    """The child went missing, or was away from the placement without authorisation."""

    wire, lane, edge = "missing.child_went_missing", "missing", "start"
    sources = ("CM3.77a", "CM3.78g", "CM3.78i", "HC.64.c", "HC.72")
    command = "/children/{child}/missing"
    kind: Annotated[str, Coded(MISSING_KIND)]


class ChildReturned(_Missing, IncidentEnds):
    """The child came back, or was found."""

    wire, lane, linked = "missing.child_returned", "missing", ChildWentMissing
    sources = ("CM3.77a", "CM3.78g", "HC.72", "SR2.20.a")
    command = "/children/{child}/missing/return"


class ReturnInterviewHeld(_Missing, IncidentPoint):
    """The child was offered an interview with an independent person after returning."""

    wire, lane, linked = "missing.return_interview_held", "return_interview", ChildWentMissing
    sources = ("CM3.78e", "SR2.1.k", "SR2.20.a")
    command = "/children/{child}/return-interviews"
    outcome: Literal["held", "refused", "not_offered"]
    independent: bool = True
    words: PersonalText | None = None


class MissingRiskAssessed(_Missing, Incident):
    """The child's risk of going missing was assessed as this."""

    wire, lane = "missing.missing_risk_assessed", "missing_risk"
    sources = ("CM3.78c", "CM3.78g", "SR2.18.b")
    risk: Annotated[str, Coded(RISK)]
    summary: Text = None


class PoliceNotified(_Missing, IncidentPoint):
    """The child was reported missing to the police."""

    wire, lane, linked = "missing.police_notified", "missing_response", ChildWentMissing
    sources = ("SR2.18.a",)
    reported_by: Someone = None


class ChildLocated(_Missing, IncidentPoint):
    """The child was found, and had not yet come back."""

    wire, lane, linked = "missing.child_located", "missing_response", ChildWentMissing
    sources = ("SR2.18.c",)
    located_by: Someone = None
    place: Text = None


class PlacementSuitabilityDecided(_Missing, Decision):
    """The child's placement was found suitable, or not, to go back to after being missing."""

    wire, lane = "missing.placement_suitability_decided", "placement_suitability"
    sources = ("SR2.1.k", "SR2.20.b")
    link, linked = "incident", ChildWentMissing
    incident: Identifier
    suitable: bool
    rationale: Text = None
