"""What reviewing officers and social workers ask: where does each child's reviewing stand, and who answers for it."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from carejourney.duties import load_policy
from carejourney.duties.outlook import lasting, latest, met_on, outlook
from carejourney.duties.recorded import Looking, Said, day_in_london, with_said
from carejourney.envelope import CORRECTED, RETRACTED
from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.planning.tables import REVIEW_POSITION

POLICY = load_policy(Path(__file__).parent / "policy")
LOOKING = Looking(POLICY)
FIRST_REVIEW = "planning.first_review"


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """Something that lasts: an absence, or an allocation to a worker."""

    id: str
    since: str
    worker: str | None = None


class Position(msgspec.Struct, frozen=True):
    """One child, as far as planning needs to know. `ended` are ends that came before their beginnings were folded."""

    newest: tuple[str, str] = ("", "")
    said: tuple[Said, ...] = ()
    in_care: bool = False
    entered: str | None = None
    on_or_before: bool = False
    left: tuple[str, str | None] | None = None
    reviewed: tuple[str, str] | None = None
    moved: str | None = None
    missing: tuple[Begun, ...] = ()
    workers: tuple[Begun, ...] = ()
    ended: tuple[str, ...] = ()


def evolve(position: Position, fact: Standing) -> Position:
    said = LOOKING.said(fact)
    position = msgspec.structs.replace(
        position,
        newest=max(position.newest, (fact.known, fact.authority)),
        said=with_said(position.said, said) if said else position.said,
    )
    return EVOLVE[fact.type](position, fact)


def child_entered_care(position: Position, fact: Standing) -> Position:
    day, episode = fact.effective or "", fact.data.get("episode")
    # On one day ends are folded before starts: a period that began and ended within the day has its end already.
    over = episode is not None and position.left == (day, episode)
    return msgspec.structs.replace(
        position, in_care=not over, entered=day, on_or_before=fact.data.get("on_or_before") is True
    )


def child_left_care(position: Position, fact: Standing) -> Position:
    return msgspec.structs.replace(position, in_care=False, left=(fact.effective or "", fact.data.get("episode")))


def legal_status_changed(position: Position, _: Standing) -> Position:
    return position


def placement_moved(position: Position, fact: Standing) -> Position:
    return msgspec.structs.replace(position, moved=fact.effective)


def review_held(position: Position, fact: Standing) -> Position:
    return msgspec.structs.replace(position, reviewed=(fact.effective or "", fact.data["participation"]))


def child_went_missing(position: Position, fact: Standing) -> Position:
    begun = Begun(fact.id, fact.effective or "")
    missing, ended = _begin(position.missing, position.ended, begun)
    return msgspec.structs.replace(position, missing=missing, ended=ended)


def child_returned(position: Position, fact: Standing) -> Position:
    missing, ended = _end(position.missing, position.ended, fact.data["incident"])
    return msgspec.structs.replace(position, missing=missing, ended=ended)


def social_worker_assigned(position: Position, fact: Standing) -> Position:
    begun = Begun(fact.id, fact.effective or "", fact.data["worker"])
    workers, ended = _begin(position.workers, position.ended, begun)
    return msgspec.structs.replace(position, workers=workers, ended=ended)


def social_worker_ended(position: Position, fact: Standing) -> Position:
    workers, ended = _end(position.workers, position.ended, fact.data["assignment"])
    return msgspec.structs.replace(position, workers=workers, ended=ended)


_Lasting = tuple[tuple[Begun, ...], tuple[str, ...]]


def _begin(going_on: tuple[Begun, ...], ended: tuple[str, ...], begun: Begun) -> _Lasting:
    if begun.id in ended:
        return going_on, tuple(one for one in ended if one != begun.id)
    return (*going_on, begun), ended


def _end(going_on: tuple[Begun, ...], ended: tuple[str, ...], identity: str) -> _Lasting:
    left = tuple(one for one in going_on if one.id != identity)
    return left, ended if len(left) < len(going_on) else tuple(sorted((*ended, identity)))


EVOLVE: Mapping[str, Callable[[Position, Standing], Position]] = {
    "placement.child_entered_care": child_entered_care,
    "placement.child_left_care": child_left_care,
    "placement.legal_status_changed": legal_status_changed,
    "placement.placement_moved": placement_moved,
    "planning.review_held": review_held,
    "planning.social_worker_assigned": social_worker_assigned,
    "planning.social_worker_ended": social_worker_ended,
    "missing.child_went_missing": child_went_missing,
    "missing.child_returned": child_returned,
}


def row(position: Position, _: Secrets) -> dict[str, Any]:
    """The row; what it says of duties does not depend on the day it is made: overdue is told at reading."""
    return {
        "authority": position.newest[1],
        "in_care": position.in_care,
        "entered_on": _day(position.entered),
        "on_or_before": position.on_or_before,
        "last_review_on": _day(position.reviewed[0]) if position.reviewed else None,
        "participation": position.reviewed[1] if position.reviewed else None,
        **_duties(position),
        "visits_from": _visits_from(position),
        **_missing(position),
        **_worker(position),
    }


def _day(text: str | None) -> date | None:
    return day_in_london(text) if text else None


def _duties(position: Position) -> dict[str, Any]:
    states = outlook(position.said, POLICY)
    first = latest(states, FIRST_REVIEW)
    open_one = next((state for state in states if lasting(state) == "open"), None)
    return {
        "first_review_due_on": first.due if first else None,
        "first_review_due_on_or_before": first is not None and first.due_on_or_before,
        "first_review_met_on": met_on(first) if first else None,
        "first_review_state": lasting(first) if first else None,
        "open_duty": open_one.duty if open_one else None,
        "open_since": open_one.arose if open_one else None,
        "open_due_on": open_one.due if open_one else None,
        "open_due_on_or_before": open_one is not None and open_one.due_on_or_before,
    }


def _visits_from(position: Position) -> date | None:
    """The last move of this period of care; None where the child has not moved since it began."""
    stale = position.moved is None or (position.entered is not None and position.moved < position.entered)
    return None if stale else _day(position.moved)


def _missing(position: Position) -> dict[str, Any]:
    since = min((one.since for one in position.missing), default=None)
    return {"missing_now": since is not None, "missing_since": _day(since)}


def _worker(position: Position) -> dict[str, Any]:
    last = max(position.workers, key=lambda one: (one.since, one.id), default=None)
    return {
        "worker": UUID(last.worker) if last and last.worker else None,
        "worker_since": _day(last.since) if last else None,
    }


POSITION = Projection("review_position", 1, REVIEW_POSITION, Position, frozenset(EVOLVE), evolve, row)
PROJECTIONS = (POSITION,)
KEEPS = frozenset(EVOLVE) | LOOKING.types | {CORRECTED, RETRACTED}
