"""Planning: the workers who answer for a child, reviews and visits, decisions, plans, support and entitlements."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from events.codes import (
    AGENCY,
    APPROVER,
    COMPLAINT,
    CONCLUSION,
    CONTACT,
    DECIDED,
    ENTITLEMENT,
    LEVEL,
    MATTER,
    MEETING,
    NEED,
    OFFER,
    PLAN,
    REVIEW_PARTICIPATION,
    ROLE,
    SUPPORT,
    SW_REASON,
    TEAM_ROLE,
    UNIT,
)
from events.event import Coded, Fact, Identifier
from events.families import (
    Activity,
    Count,
    Decision,
    Entitlement,
    Incident,
    IncidentEnds,
    Name,
    Need,
    NeedEnds,
    Plan,
    PlanChanges,
    PlanEnds,
    Role,
    RoleBegins,
    RoleEnds,
    Someone,
    Text,
    Who,
)

Amount = Annotated[float, Field(ge=0, le=10_000_000, description="In the unit of the entitlement.")]


class _Planning(Fact):
    topic = "care.planning"


class ReviewHeld(_Planning, Activity):
    """The child's care was reviewed, with the child taking part in this way (SSDA903 Reviews)."""

    wire, lane = "planning.review_held", "review"
    sources = ("CM1.25p6", "CM1.25x", "CM1.30a", "CM1.30c", "CM1.31b")
    command = "/children/{child}/reviews"
    participation: Annotated[str, Coded(REVIEW_PARTICIPATION)]


class SocialWorkerAssigned(_Planning, RoleBegins):
    """The child was allocated a social worker, for this reason; `worker` is a pseudonym (SSDA903 SWEpisodes)."""

    wire, lane = "planning.social_worker_assigned", "social_worker"
    sources = ("ES.14b", "CM1.13", "CM1.25p2", "CM1.25x", "CM3.4")
    reason: Annotated[str | None, Coded(SW_REASON)] = None


class SocialWorkerEnded(_Planning, Role):
    """The child's allocation to a social worker ended."""

    wire, lane, edge = "planning.social_worker_ended", "social_worker", "end"
    sources, link, linked = ("HC.7", "HC.41.b", "MB.7.2", "MB.9.8.e"), "assignment", SocialWorkerAssigned
    assignment: Identifier


class IroAssigned(_Planning, RoleBegins):
    """The child has an independent reviewing officer."""

    wire, lane = "planning.iro_assigned", "iro"
    sources = ("CM7.33a", "CM1.25p9", "CM1.25x", "CM1.32d", "HC.39.a")


class IroEnded(_Planning, RoleEnds):
    """The child's independent reviewing officer is no longer the one."""

    wire, lane, linked = "planning.iro_ended", "iro", IroAssigned
    sources = ("MB.9.7", "MB.9.8.e")


class AdvocateAssigned(_Planning, RoleBegins):
    """The child has an advocate."""

    wire, lane = "planning.advocate_assigned", "advocate"
    sources = ("CM7.37a", "HC.39.a", "HC.39.b", "CI5.whocares.1.c", "CM6.17")
    independent: bool | None = None


class AdvocateEnded(_Planning, RoleEnds):
    """The child's advocate is no longer the one."""

    wire, lane, linked = "planning.advocate_ended", "advocate", AdvocateAssigned
    sources = ("CM7.37a", "HC.39.a", "HC.39.b", "CI5.whocares.1.c", "CM6.17")


class RoleAssigned(_Planning, RoleBegins):
    """The child has somebody in this role, which has no fact of its own."""

    wire, lane = "planning.role_assigned", "role"
    sources = ("CM4.24b", "CM4.27a", "CM5.10", "CM5.BOX-NHPd", "CM5.BOX-WBERKS")
    role: Annotated[str, Coded(ROLE)]


class RoleEnded(_Planning, RoleEnds):
    """The child no longer has that person in this role."""

    wire, lane, linked = "planning.role_ended", "role", RoleAssigned
    sources = ("HC.61", "HC.42.a")


class TeamMemberJoined(_Planning, RoleBegins):
    """The child's team has one member more, of this agency."""

    wire, lane = "planning.team_member_joined", "team"
    sources = ("CM1.9b", "CM3.2")
    role: Annotated[str, Coded(TEAM_ROLE)]
    agency: Annotated[str, Coded(AGENCY)]


class TeamMemberLeft(_Planning, RoleEnds):
    """The child's team has one member fewer."""

    wire, lane, linked, sources = "planning.team_member_left", "team", TeamMemberJoined, ("CM1.9b",)


class AdvocateOffered(_Planning, Activity):
    """The child was offered an advocate, for this matter, and answered so."""

    wire, lane = "planning.advocate_offered", "advocate_offer"
    sources = ("ES.14a", "CM1.25p8", "CM1.25x", "CM4.81", "CM7.3")
    answer: Annotated[str, Coded(OFFER)]
    about: Annotated[str | None, Coded(MATTER)] = None


class SocialWorkerVisitMade(_Planning, Activity):
    """The child was visited by the social worker."""

    wire, lane = "planning.social_worker_visit_made", "visit"
    sources = ("CM4.24a", "FW.b", "CM3.70b", "CM3.79", "CM3.80")
    seen_alone: bool | None
    minutes: Count = None
    in_custody: bool = False
    notes: Text = None


class IroMetChild(_Planning, Activity):
    """The child and the independent reviewing officer met."""

    wire, lane = "planning.iro_met_child", "iro_meeting"
    sources = ("CM7.3", "CM7.33b", "MB.9.6.a")
    seen_alone: bool | None
    minutes: Count = None


class MeetingHeld(_Planning, Activity):
    """The child was spoken of, or took part, in a meeting of this kind."""

    wire, lane = "planning.meeting_held", "meeting"
    sources = ("CM2.11", "CM2.37a", "CI5.frg.4", "MB.9.13.b", "MB.9.8.a")
    kind: Annotated[str, Coded(MEETING)]
    child_took_part: bool | None = None
    outcome: Text = None


class ReviewDecisionMade(_Planning, Decision):
    """The child's review decided something on this matter, to be done by that day."""

    wire, lane = "planning.review_decision_made", "review_decision"
    sources = ("CM4.68", "CM6.8", "CM6.11", "CM6.24a", "CM7.27")
    about: Annotated[str, Coded(MATTER)]
    decided: Text = None
    by_whom: Someone = None
    due_on: date | None = None


class DecisionRequested(_Planning, Decision):
    """The child needs a decision on this matter, somebody asked."""

    wire, lane = "planning.decision_requested", "decision_request"
    sources = ("CI5.frg.1.d",)
    about: Annotated[str, Coded(MATTER)]
    requested_by: Who
    wanted: Text = None


class DecisionMade(_Planning, Decision):
    """The child's case was decided on this matter, with this outcome, by this person or body."""

    wire, lane, link, linked = "planning.decision_made", "decision", "request", DecisionRequested
    sources = ("CI5.frg.1.d", "CM1.7a", "CM1.12", "CM1.21a", "CM1.25p1")
    about: Annotated[str, Coded(MATTER)]
    outcome: Annotated[str, Coded(DECIDED)]
    approver: Annotated[str | None, Coded(APPROVER)] = None
    level: Annotated[str | None, Coded(LEVEL)] = None
    consulted: Someone = None
    request: Identifier | None = None
    rationale: Text = None


class AgreementAnswered(_Planning, Decision):
    """The child, or somebody who had to be asked, gave or withheld agreement on this matter."""

    wire, lane = "planning.agreement_answered", "agreement"
    sources = ("CM6.7", "CM6.8", "CM8.4d")
    about: Annotated[str, Coded(MATTER)]
    asked: Who
    agreed: bool
    reason: Text = None


class AuthorityDelegated(_Planning, Decision):
    """The child's matters of this kind are decided by that person from now on."""

    wire, lane, edge = "planning.authority_delegated", "delegated_authority", "start"
    sources = ("HC.18.a", "MB.6.7")
    matter: Annotated[str, Coded(MATTER)]
    holder: Who
    conditions: Text = None


class AuthorityReserved(_Planning, Decision):
    """The child's matters of that kind are no longer decided by the person they were delegated to."""

    wire, lane, edge = "planning.authority_reserved", "delegated_authority", "end"
    sources, link, linked = ("HC.18.a", "MB.6.7"), "delegation", AuthorityDelegated
    delegation: Identifier
    reason: Text = None


class ComplaintMade(_Planning, Incident):
    """The child, or somebody for the child, complained about this matter."""

    wire, lane, edge = "planning.complaint_made", "complaint", "start"
    sources = ("ES.14a", "CM1.25p8", "CM1.25x", "CM4.81", "CM7.3")
    kind: Annotated[str, Coded(COMPLAINT)]
    about: Annotated[str, Coded(MATTER)]
    made_by: Who
    words: Text = None


class ComplaintResolved(_Planning, IncidentEnds):
    """The child's complaint was answered, with this conclusion."""

    wire, lane, linked = "planning.complaint_resolved", "complaint", ComplaintMade
    sources = ("CM1.25p8", "SR2.13.a", "CM4.68", "CM6.15")
    conclusion: Annotated[str, Coded(CONCLUSION)]
    answer: Text = None


class IroEscalated(_Planning, Incident):
    """The child's independent reviewing officer took a failing of the authority further."""

    wire, lane = "planning.iro_escalated", "escalation"
    sources = ("CM7.33e", "CI5.whocares.1.d", "MB.9.6.c")
    about: Annotated[str, Coded(MATTER)]
    to: Literal["manager", "director", "cafcass"]
    reason: Text = None


class NeedsAssessed(_Planning, Need):
    """The child's needs of this kind were assessed."""

    wire, lane = "planning.needs_assessed", "needs_assessment"
    sources = ("HC.53.c", "HC.59", "SR2.12.b", "SR2.31.a", "CI5.frg.1.a")
    kind: Annotated[str, Coded(NEED)]
    assessor: Someone = None
    needs: Text = None
    strengths: Text = None


class SupportStarted(_Planning, Need):
    """The child, or those who care for the child, began to have support of this kind."""

    wire, lane, edge = "planning.support_started", "support", "start"
    sources = ("SR2.4.f", "CI5.frg.2", "MB.9.3", "CM8.TAB8", "HC.17")
    kind: Annotated[str, Coded(SUPPORT)]
    hours_a_week: Annotated[float | None, Field(ge=0, le=168)] = None
    provider: Name = None


class SupportEnded(_Planning, NeedEnds):
    """The child's support of this kind ended."""

    wire, lane, linked = "planning.support_ended", "support", SupportStarted
    sources = ("MB.9.16.b", "HC.3")


class CarePlanMade(_Planning, Plan):
    """The child has a care plan."""

    wire, lane, edge = "planning.care_plan_made", "care_plan", "start"
    sources = ("CM7.25a", "CM1.25p3", "CM1.25x", "CM1.29", "CM3.5b")
    complete: bool | None = None
    child_took_part: bool | None = None
    summary: Text = None


class CarePlanUpdated(_Planning, PlanChanges):
    """The child's care plan was changed in what it says on this matter."""

    wire, lane, linked = "planning.care_plan_updated", "care_plan_update", CarePlanMade
    sources = ("CM5.59", "CM7.11", "CM7.25b", "CM7.26d", "CM8.TAB2")
    about: Annotated[str, Coded(MATTER)]
    significant: bool | None = None


class CarePlanEnded(_Planning, PlanEnds):
    """The child's care plan no longer holds."""

    wire, lane, linked = "planning.care_plan_ended", "care_plan", CarePlanMade
    sources = ("SR2.11.a", "SR2.31.a", "MB.9.6.b", "MB.9.15")


class ContactPlanAgreed(_Planning, Plan):
    """The child is to have contact with this person, so often and in this form."""

    wire, lane, edge = "planning.contact_plan_agreed", "contact_plan", "start"
    sources = ("CM1.25p5", "CM1.25x", "CM2.10b", "SR2.4.j", "CI5.whocares.5")
    contact_with: Who
    person: Identifier | None = None
    form: Annotated[str, Coded(CONTACT)]
    times_a_year: Annotated[int | None, Field(ge=0, le=366)] = None
    supervised: bool | None = None


class ContactPlanEnded(_Planning, PlanEnds):
    """The child's contact plan no longer holds."""

    wire, lane, linked = "planning.contact_plan_ended", "contact_plan", ContactPlanAgreed
    sources = ("MB.3.33",)


class PlanAgreed(_Planning, Plan):
    """The child has a plan of this kind, which has no fact of its own."""

    wire, lane, edge = "planning.plan_agreed", "plan", "start"
    sources = ("CM1.31b", "HC.15", "MB.3.14", "MB.9.1", "MB.9.2")
    kind: Annotated[str, Coded(PLAN)]
    until_age: Annotated[int | None, Field(ge=0, le=25)] = None
    summary: Text = None


class PlanReviewed(_Planning, PlanChanges):
    """The child's plan was reviewed."""

    wire, lane, linked = "planning.plan_reviewed", "plan_review", PlanAgreed
    sources = ("MB.3.16", "CI5.frg.5", "MB.9.16.a")
    changed: bool


class PlanEnded(_Planning, PlanEnds):
    """The child's plan no longer holds."""

    wire, lane, linked = "planning.plan_ended", "plan", PlanAgreed
    sources = ("MB.9.1",)


class EntitlementOpened(_Planning, Entitlement):
    """The child is owed this much of something, from now on."""

    wire, lane, edge = "planning.entitlement_opened", "entitlement", "start"
    sources = ("CM4.42", "CM4.59", "CM5.35", "CM5.39", "CM5.44")
    entitlement: Annotated[str, Coded(ENTITLEMENT)]
    amount: Amount
    unit: Annotated[str, Coded(UNIT)]


class EntitlementUsed(_Planning, Entitlement):
    """The child had this much of what is owed."""

    wire, lane, link, linked = "planning.entitlement_used", "entitlement_use", "opening", EntitlementOpened
    sources = ("CM6.SUMb", "CM4.24b", "CM4.43", "CM5.42", "CM5.43")
    opening: Identifier
    amount: Amount
    purpose: Text = None


class EntitlementClosed(_Planning, Entitlement):
    """The child is no longer owed it."""

    wire, lane, edge = "planning.entitlement_closed", "entitlement", "end"
    sources, link, linked = ("CM6.SUMb", "HC.30", "HC.58.b", "SR2.1.c"), "opening", EntitlementOpened
    opening: Identifier
    reason: Text = None
