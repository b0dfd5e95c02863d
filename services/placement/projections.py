"""What placement staff ask: where is the child now, on what basis, missing or not, and did a move cost a school."""

from datetime import date, timedelta
from typing import Any

import msgspec

from carejourney.envelope import CORRECTIONS
from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.placement import trust
from services.placement.tables import PLACEMENT_RECORD

CAUSED_WITHIN = timedelta(days=90)


class Record(msgspec.Struct, frozen=True):
    """One child's present placement, folded lane by lane."""

    authority: str = ""
    entered: str | None = None
    on_or_before: bool = False
    left: str | None = None
    entered_with: str | None = None
    left_with: str | None = None
    legal_status: str | None = None
    placement_type: str | None = None
    placed: str | None = None
    moves: tuple[str, ...] = ()
    incidents: dict[str, str] = {}
    returned: frozenset[str] = frozenset()
    school: str | None = None
    school_changed: str | None = None
    because_of_move: bool = False
    adult: str | None = None


def evolve(record: Record, fact: Standing) -> Record:
    change = _CHANGES[fact.type](record, fact)
    return msgspec.structs.replace(record, authority=fact.authority, **change)


def child_entered_care(_: Record, fact: Standing) -> dict[str, Any]:
    began = {"entered": fact.effective, "entered_with": fact.data.get("episode")}
    return {**began, "on_or_before": fact.data["on_or_before"]}


def child_left_care(_: Record, fact: Standing) -> dict[str, Any]:
    return {"left": fact.effective, "left_with": fact.data.get("episode")}


def legal_status_changed(_: Record, fact: Standing) -> dict[str, Any]:
    return {"legal_status": fact.data["legal_status"]}


def placement_started(_: Record, fact: Standing) -> dict[str, Any]:
    return {"placement_type": fact.data["placement_type"], "placed": fact.effective}


def placement_moved(record: Record, fact: Standing) -> dict[str, Any]:
    return {"moves": (*record.moves, fact.effective)} if fact.data["carer_changed"] else {}


def child_went_missing(record: Record, fact: Standing) -> dict[str, Any]:
    return {"incidents": {**record.incidents, fact.id: fact.effective}}


def child_returned(record: Record, fact: Standing) -> dict[str, Any]:
    return {"returned": record.returned | {fact.data["incident"]}}


def school_changed(_: Record, fact: Standing) -> dict[str, Any]:
    return {
        "school": fact.data["urn"],
        "school_changed": fact.effective,
        "because_of_move": fact.data["reason"] == "placement_move",
    }


def turned_eighteen(_: Record, fact: Standing) -> dict[str, Any]:
    return {"adult": fact.effective}


_CHANGES = {
    "placement.child_entered_care": child_entered_care,
    "placement.child_left_care": child_left_care,
    "placement.legal_status_changed": legal_status_changed,
    "placement.placement_started": placement_started,
    "placement.placement_moved": placement_moved,
    "missing.child_went_missing": child_went_missing,
    "missing.child_returned": child_returned,
    "education.school_changed": school_changed,
    "leaving_care.turned_eighteen": turned_eighteen,
}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def _causing_move(record: Record) -> date | None:
    """The latest move in the 90 days before a school change that was made because of a move."""
    changed = _day(record.school_changed)
    if changed is None or not record.because_of_move:
        return None
    days = [date.fromisoformat(move) for move in record.moves]
    return max((d for d in days if changed - CAUSED_WITHIN <= d <= changed), default=None)


def _in_care(record: Record) -> bool:
    """Who leaves and enters again on one day is in care; who enters and leaves with one episode is not."""
    if record.entered is None or record.left is None or record.left < record.entered:
        return record.entered is not None
    return record.left == record.entered and record.left_with != record.entered_with


def row(record: Record, _: Secrets) -> dict[str, Any]:
    in_care = _in_care(record)
    missing = [since for incident, since in record.incidents.items() if incident not in record.returned]
    return {
        "authority": record.authority,
        "in_care": in_care,
        "entered_on": _day(record.entered),
        "entered_on_or_before": record.on_or_before,
        "left_on": None if in_care else _day(record.left),
        "legal_status": record.legal_status if in_care else None,
        "placement_type": record.placement_type if in_care else None,
        "placed_on": _day(record.placed) if in_care else None,
        "moved_on": _day(record.moves[-1]) if record.moves else None,
        "missing_since": max(missing, default=None),
        "school_urn": record.school,
        "school_changed_on": _day(record.school_changed),
        "school_changed_by_move_on": _causing_move(record),
        "became_adult_on": _day(record.adult),
    }


SEALED = frozenset({"school_urn", "state.school"})
PLACEMENTS = Projection("placement_record", 2, PLACEMENT_RECORD, Record, frozenset(_CHANGES), evolve, row, SEALED)
PROJECTIONS = (PLACEMENTS, *trust.PROJECTIONS)
KEEPS = frozenset(_CHANGES) | trust.MEMBERSHIPS | trust.REGISTERED | CORRECTIONS
