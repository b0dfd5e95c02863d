"""What a return does not hold of where and how a child lives: choice, stays, brothers and sisters, harm, custody."""

from datetime import date
from typing import Annotated

from pydantic import Field

from events.codes import (
    APPROVER,
    ASYLUM,
    CONCERN,
    CONCLUSION,
    CONVERSION,
    CUSTODY,
    HELD,
    JUSTICE,
    LEGAL_STATUS,
    PLACEMENT_TYPE,
    STAY,
)
from events.event import Coded, Fact, Sensitivity
from events.families import Activity, Decision, Incident, IncidentEnds, Interval, IntervalEnds, Register, Someone, Text
from events.placement.record import AuthorityCode


class _Placement(Fact):
    topic = "care.placement"


class PlacementOptionsPresented(_Placement, Decision):
    """The child was shown this many placements to choose among, by this person."""

    wire, lane = "placement.placement_options_presented", "placement_options"
    sources = ("CI5.whocares.2.a", "MB.6.4.a", "HC.23", "SR2.1.b", "SR2.31.b")
    options: Annotated[int, Field(ge=0, le=50)]
    presented_by: Someone = None
    preference: Text = None


class PlacementAgreementSigned(_Placement, Activity):
    """The child's placement agreement was signed; null where it is not known who signed."""

    wire, lane = "placement.placement_agreement_signed", "placement_agreement"
    sources = ("HC.13",)
    before_placement: bool
    signed_by_carer: bool | None = None
    signed_by_parent: bool | None = None


class PrePlacementVisitMade(_Placement, Activity):
    """The child visited a placement before moving there."""

    wire, lane = "placement.pre_placement_visit_made", "pre_placement_visit"
    sources = ("CM4.24a", "CI5.tfn.4", "MB.6.4.b")
    overnight: bool
    notes: Text = None


class OutOfAuthorityPlacementApproved(_Placement, Decision):
    """The child may be placed outside the area of the authority, as this person or body approved."""

    wire, lane = "placement.out_of_authority_placement_approved", "placement_approval"
    sources = ("CM3.72a", "CM4.23")
    approver: Annotated[str, Coded(APPROVER)]
    area: AuthorityCode = None
    rationale: Text = None


class HostAuthorityNotified(_Placement, Activity):
    """The child's placement was notified to the authority in whose area it is."""

    wire, lane = "placement.host_authority_notified", "host_authority_notice"
    sources = ("CM4.23",)
    area: Annotated[str, Field(pattern="^[A-Z][0-9]{8}$", description="ONS code of the authority that was told.")]
    before_placement: bool | None = None


class SiblingGroupRecorded(_Placement, Register):
    """The child has this many brothers and sisters in care; the fact concerns each of them."""

    wire, lane = "placement.sibling_group_recorded", "sibling_group"
    sources = ("CM3.46a", "MB.5.6")
    in_care: Annotated[int, Field(ge=0, le=30, description="Brothers and sisters in care, the child not counted.")]
    placed_together: Annotated[int | None, Field(ge=0, le=30, description="Of them, those living with the child.")] = (
        None
    )


class SiblingSeparationApproved(_Placement, Decision):
    """The child may be placed apart from brothers and sisters, as this person or body approved."""

    wire, lane = "placement.sibling_separation_approved", "sibling_separation"
    sources = ("MB.5.6", "MB.voice.3", "CM3.46a")
    approver: Annotated[str, Coded(APPROVER)]
    rationale: Text = None


class PlacementConverted(_Placement, Interval):
    """The child's placement took another status with the same carers, which is no move."""

    wire, lane = "placement.placement_converted", "placement_status"
    sources = ("CM6.BOX-HULLa", "MB.3.23", "MB.5.2.a")
    to_status: Annotated[str, Coded(CONVERSION)]
    notes: Text = None


class PlacementHeldOpen(_Placement, Interval):
    """The child has a second placement, held open or named to fall back on."""

    wire, lane, edge = "placement.placement_held_open", "held_placement", "start"
    sources = ("MB.3.11", "MB.7.1", "CI5.whocares.2.b")
    kind: Annotated[str, Coded(HELD)]
    placement_type: Annotated[str | None, Coded(PLACEMENT_TYPE)] = None


class PlacementReleased(_Placement, IntervalEnds):
    """The child's second placement is no longer held."""

    wire, lane, linked = "placement.placement_released", "held_placement", PlacementHeldOpen
    sources = ("MB.7.1", "CI5.whocares.2.b")


class ShortStayStarted(_Placement, Interval):
    """The child began a short stay that is no placement: a trial, a break, respite, a stay with family, a refuge."""

    wire, lane, edge = "placement.short_stay_started", "short_stay", "start"
    sources = ("CM6.54b", "CM6.BOX-SOLI", "MB.5.13", "SR2.21")
    kind: Annotated[str, Coded(STAY)]
    stays_with: Someone = None


class ShortStayEnded(_Placement, IntervalEnds):
    """The child's short stay ended."""

    wire, lane, linked = "placement.short_stay_ended", "short_stay", ShortStayStarted
    sources = ("CM6.54b", "CM6.BOX-SOLI", "SR2.21")


class ChildEnteredCustody(_Placement, Interval):
    """The child began to be held in custody; the care record goes on."""

    wire, lane, edge = "placement.child_entered_custody", "custody", "start"
    sources = ("CM3.82c", "HC.58.a", "HC.71.b", "HC.61")
    sensitivity = Sensitivity.RESTRICTED
    establishment: Annotated[str, Coded(CUSTODY)]
    status_before: Annotated[str | None, Coded(LEGAL_STATUS)] = None


class ChildLeftCustody(_Placement, IntervalEnds):
    """The child was released from custody."""

    wire, lane, linked = "placement.child_left_custody", "custody", ChildEnteredCustody
    sources = ("HC.58.a",)
    sensitivity = Sensitivity.RESTRICTED


class JusticeContactRecorded(_Placement, Incident):
    """The child came into contact with the police or a court."""

    wire, lane = "placement.justice_contact_recorded", "justice_contact"
    sources = ("HC.57", "HC.59", "HC.71.b")
    sensitivity = Sensitivity.RESTRICTED
    kind: Annotated[str, Coded(JUSTICE)]
    in_placement: Annotated[bool | None, Field(description="Whether it arose from something in the placement.")] = None
    notes: Text = None


class SafeguardingConcernRaised(_Placement, Incident):
    """The child may have been harmed, exploited or abused, somebody said."""

    wire, lane, edge = "placement.safeguarding_concern_raised", "safeguarding_concern", "start"
    sources = ("SR2.1.a", "SR2.1.d", "SR2.7.b", "HC.22", "HC.50")
    sensitivity = Sensitivity.RESTRICTED
    kind: Annotated[str, Coded(CONCERN)]
    raised_by: Someone = None
    account: Text = None


class SafeguardingConcernClosed(_Placement, IncidentEnds):
    """The child's safeguarding concern was looked into and closed, with this conclusion."""

    wire, lane, linked = "placement.safeguarding_concern_closed", "safeguarding_concern", SafeguardingConcernRaised
    sources = ("HC.22", "SR2.1.m")
    sensitivity = Sensitivity.RESTRICTED
    conclusion: Annotated[str, Coded(CONCLUSION)]
    summary: Text = None


class AsylumStageReached(_Placement, Decision):
    """The child's asylum claim reached this stage."""

    wire, lane = "placement.asylum_stage_reached", "asylum"
    sources = ("HC.64.a", "CM6.42")
    sensitivity = Sensitivity.RESTRICTED
    stage: Annotated[str, Coded(ASYLUM)]
    leave_until: date | None = None
