"""Placement's decisions: entering and leaving care, moving, changing legal status, going missing and coming back.

Each is pure: a command and the child's standing record in, facts or a refusal out. Those on placements and legal status
add or end a statutory episode, and everything else follows from the episodes (`episodes.py`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from carejourney.commands import Decided, State
from carejourney.envelope import Draft, instant
from carejourney.errors import NotFound, Refusal
from carejourney.restating import LONDON, day_of
from carejourney.standing import Standing
from carejourney.yearly import settled
from events.codes import REASON_EPISODE_CEASED
from events.event import Coded, Identifier, Urn
from events.missing import ChildReturned, ChildWentMissing, ReturnInterviewHeld
from events.placement import EpisodeStarted
from events.placement.record import LegalStatus, Need, PlacementType, Provider, ReasonChanged
from events.strictness import Strict
from services.placement.episodes import (
    CONTINUES,
    STARTS,
    Episode,
    Known,
    Manner,
    Places,
    current,
    ends_before_it_begins,
    in_order,
    known_episodes,
    want_episodes,
)
from services.placement.statement import reconciliation

Postcode = Annotated[str | None, Field(max_length=10)]


class Where(Strict):
    """A placement: its SSDA903 codes and where it is."""

    placement_type: PlacementType
    placement_provider: Provider = None
    placement_postcode: Postcode = None
    urn: Urn | None = None


class EnterCare(Where):
    """The child begins to be looked after."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"on": "2026-03-02", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
                 "placement_provider": "PR1", "home_postcode": "B1 1AA", "placement_postcode": "B13 8DD"}
            ]
        }
    )  # fmt: skip

    on: date
    legal_status: LegalStatus
    category_of_need: Need
    home_postcode: Postcode = None


class MovePlacement(Where):
    """The child moves to another placement, or the placement changes its status with the same carer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"on": "2026-06-09", "placement_type": "K2", "placement_provider": "PR4", "urn": "SC123456",
                 "placement_postcode": "LE2 3AA", "reason": "CREQB", "manner": "emergency"}
            ]
        }
    )  # fmt: skip

    on: date
    reason: ReasonChanged = None
    manner: Manner = "not_stated"
    same_carer: bool = False


class ChangeLegalStatus(Strict):
    """The child's legal status changes; the placement stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on": "2026-07-01", "legal_status": "C2"}]})

    on: date
    legal_status: LegalStatus


class LeaveCare(Strict):
    """The child stops being looked after."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on": "2026-09-30", "reason": "E4A"}]})

    on: date
    reason: Annotated[str, Coded(REASON_EPISODE_CEASED)]


class GoMissing(Strict):
    """The child is missing, or away without authorisation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": "2026-10-03T22:15:00+01:00", "kind": "M"}]})

    at: AwareDatetime
    kind: Literal["M", "A"]


class ComeBack(Strict):
    """The child has returned or was found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": "2026-10-04T06:40:00+01:00"}]})

    at: AwareDatetime


class HoldReturnInterview(Strict):
    """The interview after a return was held, refused, or not offered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"at": "2026-10-05T15:00:00+01:00", "incident": "0190c2f4-0000-7000-8000-000000000001",
                          "outcome": "held", "independent": True}]
        }
    )  # fmt: skip

    at: AwareDatetime
    incident: Identifier
    outcome: Literal["held", "refused", "not_offered"]
    independent: bool = True
    words: Annotated[str | None, Field(max_length=20_000)] = None


def enter_care(command: EnterCare, state: State, places: Places) -> Decided:
    """Refused: a child who is in care already, or a day in the future."""
    _not_in_future(command.on, state)
    episodes = known_episodes(state.own)
    if current(list(episodes.items())):
        raise Refusal("the child is in care already; record a move or a change of legal status instead")
    began = Episode(
        decom=command.on.isoformat(),
        rne=STARTS,
        ls=command.legal_status,
        cin=command.category_of_need,
        home_post=command.home_postcode,
        **_where(command),
    )
    return _with(state, episodes, [], began, places)


def move_placement(command: MovePlacement, state: State, places: Places) -> Decided:
    """Ends the open episode and begins one with the new placement (RNE P, or T with the same carer)."""
    identity, episode = _open(command.on, state)
    where = _where(command)
    if episode.decom == command.on.isoformat() and replace(episode, **where) == episode:
        return Decided()
    ended = replace(episode, dec=command.on.isoformat(), rec=CONTINUES, reason_place_change=command.reason)
    began = replace(
        _after(episode, command.on),
        rne="T" if command.same_carer else "P",
        manner=command.manner,
        **where,
    )
    return _with(state, known_episodes(state.own), [(identity, ended)], began, places)


def change_legal_status(command: ChangeLegalStatus, state: State, places: Places) -> Decided:
    """Ends the open episode and begins one with the new status (RNE L)."""
    identity, episode = _open(command.on, state)
    if episode.ls == command.legal_status:
        return Decided()
    day = command.on.isoformat()
    ended = replace(episode, dec=day, rec=CONTINUES)
    began = replace(_after(episode, command.on), rne="L", ls=command.legal_status)
    return _with(state, known_episodes(state.own), [(identity, ended)], began, places)


def leave_care(command: LeaveCare, state: State, places: Places) -> Decided:
    """Ends the open episode with a reason of ceasing. Refused: X1, which says that care goes on."""
    if command.reason == CONTINUES:
        raise Refusal("X1 says that care goes on; give the reason why it ended")
    episodes = known_episodes(state.own)
    for _, known in in_order(episodes.items()):
        if known.dec == command.on.isoformat() and known.rec == command.reason:
            return Decided()
    identity, episode = _open(command.on, state)
    ended = replace(episode, dec=command.on.isoformat(), rec=command.reason)
    return _with(state, episodes, [(identity, ended)], None, places)


def go_missing(command: GoMissing, state: State) -> Decided:
    """Refused: a moment in the future. Already so: the same moment said again."""
    _not_in_future(command.at, state)
    at = instant(command.at)
    if any(f.effective == at for f in _standing(state, ChildWentMissing.wire)):
        return Decided()
    if _missing_now(state):
        raise Refusal("the child is recorded as missing already; record the return first")
    body = ChildWentMissing(kind=command.kind)
    return Decided([Draft(state.subject, body, at, body.destination())])


def come_back(command: ComeBack, state: State) -> Decided:
    """Refused: a child who is not missing, or a return before the incident began."""
    _not_in_future(command.at, state)
    at = instant(command.at)
    if any(f.effective == at for f in _standing(state, ChildReturned.wire)):
        return Decided()
    incident = _missing_now(state)
    if incident is None:
        raise Refusal("the child is not recorded as missing")
    if _before(at, incident.effective or ""):
        raise Refusal("the child cannot have returned before going missing")
    body = ChildReturned(incident=incident.id)
    return Decided([Draft(state.subject, body, at, body.destination())])


def hold_return_interview(command: HoldReturnInterview, state: State) -> Decided:
    """Refused: an incident nobody recorded. Already so: the same interview said again."""
    _not_in_future(command.at, state)
    if not any(f.id == command.incident for f in _standing(state, ChildWentMissing.wire)):
        raise NotFound("no missing incident of that id is recorded for this child")
    at = instant(command.at)
    for fact in _standing(state, ReturnInterviewHeld.wire):
        if fact.effective == at and fact.data["incident"] == command.incident:
            return Decided()
    body = ReturnInterviewHeld(
        incident=command.incident, outcome=command.outcome, independent=command.independent, words=command.words
    )
    return Decided([Draft(state.subject, body, at, body.destination())])


def _before(at: str, other: str) -> bool:
    """Whether an instant lies before another instant, or before a day in England."""
    return day_of(at) < other if len(other) == len("2026-06-01") else at < other


def _where(command: Where) -> dict[str, Any]:
    return {
        "place": command.placement_type,
        "place_provider": command.placement_provider,
        "pl_post": command.placement_postcode,
        "urn": command.urn,
    }


def _after(episode: Episode, day: date) -> Episode:
    """The episode that goes on where another ended, open and not yet given its reason."""
    return replace(episode, decom=day.isoformat(), dec=None, rec=None, reason_place_change=None, manner="not_stated")


def _not_in_future(moment: date | datetime, state: State) -> None:
    later = moment > state.now if isinstance(moment, datetime) else moment > state.now.astimezone(LONDON).date()
    if later:
        raise Refusal("this lies in the future; record it when it has happened")


def _open(day: date, state: State) -> Known:
    """The open episode, which a new day may end."""
    _not_in_future(day, state)
    found = current(list(known_episodes(state.own).items()))
    if found is None:
        raise Refusal("the child is not in care")
    if ends_before_it_begins(replace(found[1], dec=day.isoformat())):
        raise Refusal(f"the current episode began on {found[1].decom}; this day lies before it")
    return found


def _with(
    state: State, episodes: dict[str, Episode], changed: Iterable[Known], began: Episode | None, places: Places
) -> Decided:
    record = reconciliation(state)
    after = {**episodes, **dict(changed)}
    if began is not None:
        after[record.fresh(EpisodeStarted.wire)] = began
    want_episodes(record, after.items(), places, lambda *_: None)
    return settled(record)


def _standing(state: State, wire: str) -> list[Standing]:
    return [f for f in state.own if f.type == wire and not f.retracted]


def _missing_now(state: State) -> Standing | None:
    returned = {f.data["incident"] for f in _standing(state, ChildReturned.wire)}
    incidents = [f for f in _standing(state, ChildWentMissing.wire) if f.id not in returned]
    return max(incidents, key=lambda f: f.effective or "", default=None)
