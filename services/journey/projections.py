"""Which children there are, so that one can be found and an authority's can be listed."""

from datetime import date
from typing import Any

import msgspec

from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from events.catalogue import CATALOGUE
from services.journey.days import day_of
from services.journey.tables import CHILDREN

REGISTERED = "placement.subject_registered"
ENTERED = "placement.child_entered_care"
LEFT = "placement.child_left_care"


class Child(msgspec.Struct, frozen=True):
    """One child: who answers for it, the sealed local id, the latest period of care, the latest day of anything."""

    authority: str = ""
    registered: bool = False
    local_id: str | None = None
    entered: str | None = None
    left: str | None = None
    left_from: str | None = None
    on_or_before: bool = False
    last: str | None = None


def evolve(child: Child, fact: Standing) -> Child:
    child = _dated(child, fact)
    match fact.type:
        case "placement.subject_registered":
            return msgspec.structs.replace(
                child, authority=fact.authority, registered=True, local_id=fact.data["local_id"]
            )
        case "placement.child_entered_care":
            return _entered(child, fact)
        case "placement.child_left_care":
            return msgspec.structs.replace(child, left=fact.effective, left_from=fact.data.get("episode"))
    return child


def _dated(child: Child, fact: Standing) -> Child:
    """Facts of every lane commute here: the register's word on the authority counts, and else the least name."""
    authority = (
        child.authority if child.registered else min((a for a in (child.authority, fact.authority) if a), default="")
    )
    day = day_of(fact.effective) if fact.effective else None
    last = max(child.last or "", day or "") or None
    return msgspec.structs.replace(child, authority=authority, last=last)


def _entered(child: Child, fact: Standing) -> Child:
    """Ends come before starts of one day: a period that ended the day it began was left already."""
    episode = fact.data.get("episode")
    brief = child.left == fact.effective and episode is not None and child.left_from == episode
    return msgspec.structs.replace(
        child,
        entered=fact.effective,
        left=child.left if brief else None,
        on_or_before=bool(fact.data.get("on_or_before")),
    )


def row(child: Child, secrets: Secrets) -> dict[str, Any] | None:
    local_id = secrets.open("local_id", child.local_id)
    return {
        "authority": child.authority,
        "local_id": child.local_id,
        "local_id_digest": secrets.digest(f"{child.authority}:{local_id}") if local_id else None,
        "in_care": child.entered is not None and child.left is None,
        "on_or_before": child.on_or_before,
        "entered_on": _day(child.entered),
        "left_on": _day(child.left),
        "last_event_on": _day(child.last),
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(day_of(text)) if text else None


HANDLED = frozenset(
    wire
    for wire, cls in CATALOGUE.items()
    if wire == REGISTERED or (cls.dated and cls.lane != "correction" and cls.subject_kind == "child")
)
SEALED = frozenset({"local_id", "state.local_id"})
PROJECTIONS = (Projection("children", 1, CHILDREN, Child, HANDLED, evolve, row, SEALED),)
