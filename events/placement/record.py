"""Who is looked after, on what legal basis, where, and how that began and ended, as returns state it (SSDA903)."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from events.codes import (
    CATEGORY_OF_NEED,
    ETHNICITY,
    FOSTER_CARE,
    LA_PERM,
    LEGAL_STATUS,
    LEGAL_STATUS_OF_ADOPTERS,
    NUMBER_OF_ADOPTERS,
    PLACEMENT_PROVIDER,
    PLACEMENT_TYPE,
    PREVIOUS_PERMANENCE,
    REASON_EPISODE_CEASED,
    REASON_FOR_NEW_EPISODE,
    REASON_PLACED_CEASED,
    REASON_PLACEMENT_CHANGE,
    SEX,
    SEX_OF_ADOPTERS,
)
from events.event import AreaCode, Coded, CollectionYear, Fact, Identifier, PersonalDate, PersonalText, Sensitivity, Urn
from events.families import (
    Decision,
    Interval,
    Outcome,
    Register,
)

LegalStatus = Annotated[str, Coded(LEGAL_STATUS)]
Need = Annotated[str, Coded(CATEGORY_OF_NEED)]
PlacementType = Annotated[str, Coded(PLACEMENT_TYPE)]
Provider = Annotated[str | None, Coded(PLACEMENT_PROVIDER)]
ReasonCeased = Annotated[str | None, Coded(REASON_EPISODE_CEASED)]
ReasonChanged = Annotated[str | None, Coded(REASON_PLACEMENT_CHANGE)]
Manner = Annotated[
    Literal["planned", "emergency", "not_stated"], Field(description="How the placement began; a return does not say.")
]
Miles = Annotated[
    float | None, Field(ge=0, le=13_000, description="Miles from home, one decimal; null where not known.")
]
AuthorityCode = Annotated[
    AreaCode | None, Field(description="ONS code of the upper-tier authority; null where not known.")
]
EpisodeId = Annotated[Identifier, Field(description="Id of the EpisodeStarted fact this follows from.")]


class _Placement(Fact):
    topic = "care.placement"


class SubjectRegistered(_Placement, Register):
    """The child was given a pseudonym; the local id is what the authority calls the child."""

    wire, lane, dated = "placement.subject_registered", "identity", False
    recorded_by = "register"
    kind: Literal["child"] = "child"
    local_id: PersonalText


class ChildDetailsRecorded(_Placement, Register):
    """The child was registered with these particulars (SSDA903 Header)."""

    wire, lane, dated = "placement.child_details_recorded", "details", False
    sources = ("MB.9.2", "SR2.1.h", "SR2.13.d", "MB.3.21", "MB.5.3.a")
    once = True
    sex: Annotated[str, Coded(SEX)]
    date_of_birth: PersonalDate
    ethnicity: Annotated[str | None, Coded(ETHNICITY)] = None
    mother: bool | None = None
    mother_child_born_on: PersonalDate | None = None


class UnaccompaniedStatusRecorded(_Placement, Register):
    """The child was an unaccompanied asylum-seeking child until the day stated (SSDA903 UASC)."""

    wire, lane, dated = "placement.unaccompanied_status_recorded", "unaccompanied", False
    sources = ("HC.63.a", "HC.71.a")
    once = True
    ceased_on: PersonalDate | None = None


class PreviousPermanenceRecorded(_Placement, Register):
    """The child had, or had not, left care before through a permanence order (SSDA903 PrevPerm)."""

    wire, lane, dated = "placement.previous_permanence_recorded", "previous_permanence", False
    once = True
    previous_permanence: Annotated[str, Coded(PREVIOUS_PERMANENCE)]
    authority_then: Annotated[str | None, Coded(LA_PERM)] = None
    ordered_on: PersonalText | None = None


class EpisodeStarted(_Placement, Interval):
    """The child began a statutory episode, stated cell by cell as the return states it (SSDA903 Episodes)."""

    wire, lane, edge = "placement.episode_started", "episode", "start"
    sources = ("MB.9.2",)
    reason_for_new_episode: Annotated[str, Coded(REASON_FOR_NEW_EPISODE)]
    legal_status: LegalStatus
    category_of_need: Need
    placement_type: PlacementType
    placement_provider: Provider = None
    home_postcode: PersonalText | None = None
    placement_postcode: PersonalText | None = None
    urn: Urn | None = None
    manner: Manner = "not_stated"


class EpisodeEnded(_Placement, Interval):
    """The child's statutory episode ended on this day, the first on which it no longer held (SSDA903 DEC, REC)."""

    wire, lane, edge = "placement.episode_ended", "episode", "end"
    sources = ("MB.9.2",)
    link, linked = "episode", EpisodeStarted
    episode: EpisodeId
    reason_ceased: ReasonCeased = None
    reason_placement_change: ReasonChanged = None


class OpenEpisodeReasonStated(_Placement, Interval):
    """The child's episode was stated with a reason of ceasing although it had no end: kept as stated."""

    wire, lane = "placement.open_episode_reason_stated", "episode"
    sources = ("MB.9.2",)
    recorded_by = "derived"
    episode: EpisodeId
    reason_ceased: ReasonCeased = None
    reason_placement_change: ReasonChanged = None


class ChildEnteredCare(_Placement, Interval):
    """The child began to be looked after; on or before this day where the return does not hold the start itself."""

    wire, lane, edge = "placement.child_entered_care", "care", "start"
    sources = ("ES.fn1", "CM1.11a", "CM1.11b", "CM1.30a", "CM1.case-Barnet")
    recorded_by, command = "derived", "/children/{child}/care"
    episode: EpisodeId | None = None
    legal_status: LegalStatus
    category_of_need: Need
    on_or_before: bool = False


class ChildLeftCare(_Placement, Interval):
    """The child stopped being looked after for this reason."""

    wire, lane, edge = "placement.child_left_care", "care", "end"
    sources = ("FW.a", "CM1.11b", "CM1.case-Barnet", "CM1.40", "CM2.9b")
    recorded_by, command = "derived", "/children/{child}/care/end"
    episode: EpisodeId | None = None
    reason: ReasonCeased = None


class LegalStatusChanged(_Placement, Interval):
    """The child's legal status became this one."""

    wire, lane, edge = "placement.legal_status_changed", "legal_status", "start"
    sources = ("ES.fn1", "CM6.20", "HC.58.a", "CI5.frg.2", "MB.9.17.b")
    recorded_by, command = "derived", "/children/{child}/legal-statuses"
    episode: EpisodeId | None = None
    legal_status: LegalStatus
    previous: Annotated[str | None, Coded(LEGAL_STATUS)] = None


class PlacementStarted(_Placement, Interval):
    """The child began to live in a placement."""

    wire, lane, edge = "placement.placement_started", "placement", "start"
    sources = ("CM1.1a", "CM1.case-Barnet", "CM1.40", "CM3.3c", "CM3.5b")
    recorded_by, command = "derived", "/children/{child}/care"
    episode: EpisodeId | None = None
    placement_type: PlacementType
    placement_provider: Provider = None
    urn: Urn | None = None
    home_area: AuthorityCode = None
    placement_area: AuthorityCode = None
    distance_miles: Miles = None


class PlacementEnded(_Placement, Interval):
    """The child's placement ended."""

    wire, lane, edge = "placement.placement_ended", "placement", "end"
    sources = ("CM1.1a", "CM1.40", "CM3.25", "CM3.28", "CM4.17a")
    recorded_by, command = "derived", "/children/{child}/moves"
    episode: EpisodeId | None = None
    reason: ReasonChanged = None


class PlacementMoved(_Placement, Interval):
    """The child moved from one placement to another; `ended` and `started` are the ids of the pair."""

    wire, lane = "placement.placement_moved", "move"
    sources = ("CM1.13", "CM1.15b", "CM1.Box2f", "CM3.4", "CM3.72c")
    recorded_by, command = "derived", "/children/{child}/moves"
    episode: EpisodeId | None = None
    ended: Identifier | None = None
    started: Identifier
    from_type: PlacementType
    to_type: PlacementType
    reason: ReasonChanged = None
    manner: Manner = "not_stated"
    carer_changed: bool = True
    home_area: AuthorityCode = None
    placement_area: AuthorityCode = None
    distance_miles: Miles = None


class AdoptionDecided(_Placement, Decision):
    """The child's authority decided that adoption is the plan (SSDA903 PlacedAdoption DATE_PLACED)."""

    wire, lane, edge = "placement.adoption_decided", "adoption_plan", "start"
    sources = ("CI5.baaf.1",)
    sensitivity = Sensitivity.RESTRICTED


class AdoptionDecisionCeased(_Placement, Decision):
    """The child's plan for adoption ended without an adoption (SSDA903 DATE_PLACED_CEASED)."""

    wire, lane, edge = "placement.adoption_decision_ceased", "adoption_plan", "end"
    sources = ("CI5.baaf.1",)
    sensitivity = Sensitivity.RESTRICTED
    link, linked = "decision", AdoptionDecided
    decision: Identifier
    reason: Annotated[str | None, Coded(REASON_PLACED_CEASED)] = None


class AdoptionRecorded(_Placement, Decision):
    """The child was adopted; matched on the effective day with these adopters (SSDA903 AD1)."""

    wire, lane = "placement.adoption_recorded", "adoption"
    sources = ("CM3.49", "CM3.52", "CM3.case-Ruth", "CI5.baaf.1")
    sensitivity = Sensitivity.RESTRICTED
    decided_on: date
    by_former_carer: Annotated[str, Coded(FOSTER_CARE)]
    number_of_adopters: Annotated[str, Coded(NUMBER_OF_ADOPTERS)]
    sex_of_adopters: Annotated[str, Coded(SEX_OF_ADOPTERS)]
    legal_status_of_adopters: Annotated[str, Coded(LEGAL_STATUS_OF_ADOPTERS)]


class ConvictionRecorded(_Placement, Outcome):
    """The child was, or was not, convicted or cautioned in the year (SSDA903 OC2 CONVICTED)."""

    wire, lane = "placement.conviction_recorded", "conviction"
    sources = ("CM6.2", "HC.57", "HC.59", "HC.71.b")
    sensitivity = Sensitivity.RESTRICTED
    year: CollectionYear
    convicted: bool


class DeprivationOfLibertyStarted(_Placement, Interval):
    """The child was deprived of liberty by order of the High Court (SSDA903 DoLo)."""

    wire, lane, edge = "placement.deprivation_of_liberty_started", "deprivation_of_liberty", "start"
    sensitivity = Sensitivity.RESTRICTED


class DeprivationOfLibertyEnded(_Placement, Interval):
    """The child's deprivation of liberty order ended (SSDA903 DoLo)."""

    wire, lane, edge = "placement.deprivation_of_liberty_ended", "deprivation_of_liberty", "end"
    sensitivity = Sensitivity.RESTRICTED
    link, linked = "order", DeprivationOfLibertyStarted
    order: Identifier
