"""Leaving care: birthdays that change what is owed, and how care leavers fare."""

from typing import Annotated

from pydantic import Field

from events.codes import ACCOMMODATION, ACTIVITY, APPROVER, DECIDED, IN_TOUCH, LIVING, SUPPORT_LEVEL
from events.event import Coded, CollectionYear, Fact, PersonalText
from events.families import (
    Age,
    Decision,
    Incident,
    IncidentEnds,
    Interval,
    IntervalEnds,
    Need,
    Outcome,
    Plan,
    PlanChanges,
    PlanEnds,
    RoleBegins,
    RoleEnds,
    Text,
)


class _LeavingCare(Fact):
    topic = "care.leaving-care"


class TurnedSixteen(_LeavingCare, Age):
    """The child turned 16, having been in care on or after that day."""

    wire, lane = "leaving_care.turned_sixteen", "birthday"
    sources = ("CM6.SUMa", "HC.63.b", "ES.3e", "CM1.25p10", "CM1.25x")


class TurnedEighteen(_LeavingCare, Age):
    """The child turned 18 and became an adult."""

    wire, lane = "leaving_care.turned_eighteen", "birthday"
    sources = ("CM6.18", "CM6.20", "HC.41.b", "HC.46.b", "CI5.together.4")


class TurnedTwentyOne(_LeavingCare, Age):
    """The child turned 21."""

    wire, lane = "leaving_care.turned_twenty_one", "birthday"
    sources = ("CM6.44a", "HC.46.b")


class TurnedTwentyFive(_LeavingCare, Age):
    """The child turned 25, when support from a personal adviser ends."""

    wire, lane = "leaving_care.turned_twenty_five", "birthday"
    sources = ("CM4.68", "CM6.44b", "HC.53.a", "HC.53.c")


class CareLeaverOutcomesReported(_LeavingCare, Outcome):
    """The child, now a care leaver, was in touch, active and housed in this way (SSDA903 OC3)."""

    wire, lane = "leaving_care.care_leaver_outcomes_reported", "care_leaver"
    sources = ("HC.70.b", "CI5.tact.2", "CI5.auk.4")
    year: CollectionYear
    in_touch: Annotated[str, Coded(IN_TOUCH)]
    activity: Annotated[str | None, Coded(ACTIVITY)] = None
    accommodation: Annotated[str | None, Coded(ACCOMMODATION)] = None


class PathwayAssessmentCompleted(_LeavingCare, Need):
    """The child's needs on the way to adulthood were assessed."""

    wire, lane = "leaving_care.pathway_assessment_completed", "pathway_assessment"
    sources = ("CM6.29", "MB.7.6")
    ready: Annotated[bool | None, Field(description="Whether judged ready to leave care.")] = None
    needs: Text = None


class PathwayPlanMade(_LeavingCare, Plan):
    """The child has a pathway plan."""

    wire, lane, edge = "leaving_care.pathway_plan_made", "pathway_plan", "start"
    sources = ("CM6.29", "CM8.4d", "MB.7.3")
    child_took_part: bool | None = None
    summary: Text = None


class PathwayPlanReviewed(_LeavingCare, PlanChanges):
    """The child's pathway plan was reviewed."""

    wire, lane, linked = "leaving_care.pathway_plan_reviewed", "pathway_plan_review", PathwayPlanMade
    sources = ("CI5.tact.4", "CI5.together.5", "MB.3.34")
    changed: bool | None = None


class PathwayPlanEnded(_LeavingCare, PlanEnds):
    """The child's pathway plan no longer holds."""

    wire, lane, linked = "leaving_care.pathway_plan_ended", "pathway_plan", PathwayPlanMade
    sources = ("CI5.tact.4",)


class PersonalAdviserAssigned(_LeavingCare, RoleBegins):
    """The child has a personal adviser."""

    wire, lane = "leaving_care.personal_adviser_assigned", "personal_adviser"
    sources = ("ES.13b", "CM4.68", "CM6.SUMb", "CM6.41", "CM6.44b")


class PersonalAdviserEnded(_LeavingCare, RoleEnds):
    """The child's personal adviser is no longer the one."""

    wire, lane, linked = "leaving_care.personal_adviser_ended", "personal_adviser", PersonalAdviserAssigned
    sources = ("CM6.44b", "HC.41.b", "HC.53.a")


class EarlyLeavingApproved(_LeavingCare, Decision):
    """The child may leave care before 18, as this person or body approved."""

    wire, lane = "leaving_care.early_leaving_approved", "early_leaving"
    sources = ("HC.46.a",)
    approver: Annotated[str, Coded(APPROVER)]
    child_agrees: bool | None
    rationale: Text = None


class StayingPutAgreed(_LeavingCare, Interval):
    """The child stays with the carers after 18, as all agreed."""

    wire, lane, edge, ahead = "leaving_care.staying_put_agreed", "staying_put", "start", True
    sources = ("ES.13c", "CM6.SUMb", "CM6.19", "HC.46.b", "CI5.tfn.1")
    until_age: Annotated[int | None, Field(ge=18, le=25)] = None


class StayingPutEnded(_LeavingCare, IntervalEnds):
    """The child no longer stays with the former carers."""

    wire, lane, linked = "leaving_care.staying_put_ended", "staying_put", StayingPutAgreed
    sources = ("ES.13c", "CM6.19", "CM8.TAB8")


class AccommodationAssessed(_LeavingCare, Need):
    """The child's accommodation was judged suitable, or not, before it was offered or while it lasts."""

    wire, lane = "leaving_care.accommodation_assessed", "accommodation_assessment"
    sources = ("HC.55.a", "HC.55.b")
    kind: Annotated[str, Coded(LIVING)]
    suitable: bool
    reason: Text = None


class AccommodationStarted(_LeavingCare, Interval):
    """The child began to live in accommodation of this kind after care."""

    wire, lane, edge = "leaving_care.accommodation_started", "accommodation", "start"
    sources = ("CM6.1", "CM6.26", "CM6.35", "HC.55.c", "CI5.tfn.1")
    kind: Annotated[str, Coded(LIVING)]
    suitable: bool | None = None
    postcode: PersonalText | None = None


class AccommodationEnded(_LeavingCare, IntervalEnds):
    """The child left that accommodation."""

    wire, lane, linked = "leaving_care.accommodation_ended", "accommodation", AccommodationStarted
    sources = ("HC.56.b",)


class HomelessnessPresented(_LeavingCare, Incident):
    """The child was homeless, or about to be, and asked for help."""

    wire, lane, edge = "leaving_care.homelessness_presented", "homelessness", "start"
    sources = ("CM6.58", "CM6.59", "HC.56.a")
    about_to_be: bool


class HomelessnessDecided(_LeavingCare, IncidentEnds):
    """The child was told what help there is with homelessness."""

    wire, lane, linked = "leaving_care.homelessness_decided", "homelessness", HomelessnessPresented
    sources = ("HC.56.a",)
    outcome: Annotated[str, Coded(DECIDED)]
    rationale: Text = None


class SupportLevelChanged(_LeavingCare, Need):
    """The child's level of support became this one: higher or lower, also back to what it was."""

    wire, lane = "leaving_care.support_level_changed", "support_level"
    sources = ("CM2.14", "HC.49", "CI5.tfn.3", "CI5.together.4", "MB.3.6")
    level: Annotated[str, Coded(SUPPORT_LEVEL)]
    previous: Annotated[str | None, Coded(SUPPORT_LEVEL)] = None
    reason: Text = None


class ActivityStatusRecorded(_LeavingCare, Outcome):
    """The child was found in this education, training or employment, or in none."""

    wire, lane = "leaving_care.activity_status_recorded", "activity_status"
    sources = ("CM4.1", "CM6.BOX-OUTa", "CM6.BOX-OUTb", "CM6.1", "CM6.BOX-HULLb")
    activity: Annotated[str, Coded(ACTIVITY)]
    notes: Text = None
