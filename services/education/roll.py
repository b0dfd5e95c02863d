"""Reading the virtual roll on a day: what is open to whom may see it, searched and sorted in memory."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from carejourney.keys import FORGOTTEN, SubjectKey, open_fields
from services.education.projections import Child, Spell, out_of_area

RECEPTION_STARTS, LAST_YEAR = 5, 13
SCHOOL_YEAR_BEGINS: Final = 9
NO_CHANGE: Final = {"first_school", "other"}


@dataclass(frozen=True, slots=True)
class Windows:
    """How near to a placement move a school change is shown with it."""

    kept_after_move: timedelta
    caused_before_change: timedelta


@cache
def windows() -> Windows:
    """The windows of `windows.toml`."""
    stated = tomllib.loads((files("services.education") / "windows.toml").read_text())
    return Windows(
        timedelta(days=stated["school_kept"]["days_after_move"]),
        timedelta(days=stated["caused_by_move"]["days_before_change"]),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One child on the roll as read on a day; personal fields in plain text, or None where they are not known.

    `school_kept` says whether the school of the day before the last move is still the one when the window after the
    move ends; None without a move or a school, and where the school is forgotten.
    """

    child: UUID
    local_id: str | None
    upn: str | None
    upn_unknown_because: str | None
    year_group: int | None
    in_care: bool
    entered_on: date
    on_or_before: bool
    left_on: date | None
    school: Spell | None
    ever_at_school: bool
    last_moved_on: date | None
    days_since_move: int | None
    school_kept: bool | None
    last_change: Spell | None
    caused_by_move_on: date | None
    missing_now: bool
    out_of_area: bool | None
    turned_eighteen: bool


def entry(subject: UUID, child: Child, key: SubjectKey | None, today: date, within: Windows) -> Entry:
    """The child as seen today. `child.entered` must be known."""
    sealed = {"local_id": child.local_id, "upn": child.upn, "date_of_birth": child.born}
    plain = open_fields({name: value for name, value in sealed.items() if value}, key)
    child = replace(child, schools=tuple(_opened(one, key) for one in child.schools))
    moved = _latest(child.moves, today)
    change = _last_change(child, today)
    return Entry(
        child=subject,
        local_id=plain.get("local_id"),
        upn=plain.get("upn"),
        upn_unknown_because=child.upn_unknown,
        year_group=year_group(plain.get("date_of_birth"), today),
        in_care=child.left is None,
        entered_on=date.fromisoformat(child.entered or ""),
        on_or_before=child.on_or_before,
        left_on=date.fromisoformat(child.left) if child.left else None,
        school=school_on(child, today),
        ever_at_school=bool(child.schools),
        last_moved_on=moved,
        days_since_move=(today - moved).days if moved else None,
        school_kept=_kept(child, moved, within) if moved else None,
        last_change=change,
        caused_by_move_on=_cause(child, change, within),
        missing_now=bool(child.away),
        out_of_area=out_of_area(child),
        turned_eighteen=child.adult,
    )


def _opened(spell: Spell, key: SubjectKey | None) -> Spell:
    return replace(spell, **open_fields({"urn": spell.urn, "school": spell.school}, key))


def school_on(child: Child, day: date) -> Spell | None:
    """The school attended on a day; of several, the one begun last."""
    text = day.isoformat()
    ends = child.school_ends
    attended = [s for s in child.schools if s.start <= text and (s.id not in ends or text < ends[s.id])]
    return max(attended, key=lambda s: s.start, default=None)


def _latest(days: Iterable[str], today: date) -> date | None:
    past = [day for day in days if day <= today.isoformat()]
    return date.fromisoformat(max(past)) if past else None


def _last_change(child: Child, today: date) -> Spell | None:
    """The last school begun, unless it is the only one and nothing says that another came before it."""
    begun = sorted((s for s in child.schools if s.start <= today.isoformat()), key=lambda s: s.start)
    return begun[-1] if len(begun) > 1 or (begun and begun[-1].reason not in NO_CHANGE) else None


def _kept(child: Child, moved: date, within: Windows) -> bool | None:
    before = school_on(child, moved - timedelta(days=1))
    if before is None or before.urn == FORGOTTEN:
        return None
    after = school_on(child, moved + within.kept_after_move)
    return after is not None and after.urn == before.urn


def _cause(child: Child, change: Spell | None, within: Windows) -> date | None:
    """The latest move in the window before a change that is said to follow a placement move."""
    if change is None or change.reason != "placement_move":
        return None
    day = date.fromisoformat(change.start)
    moved = _latest(child.moves, day)
    return moved if moved and day - moved <= within.caused_before_change else None


def year_group(born: str | None, today: date) -> int | None:
    """The school year a child of that birthday is in: 0 is Reception, below 0 before it, over 13 after school."""
    if not born:
        return None
    try:
        birthday = date.fromisoformat(born)
    except ValueError:
        return None
    return _school_year(today) - _school_year(birthday) - RECEPTION_STARTS


def _school_year(day: date) -> int:
    return day.year if day.month >= SCHOOL_YEAR_BEGINS else day.year - 1


def year_name(group: int | None) -> str:
    """`Year 7`, `Reception`, or what stands outside school years."""
    if group is None:
        return "Not known"
    if group < 0:
        return "Before Reception"
    if group > LAST_YEAR:
        return "After Year 13"
    return f"Year {group}" if group else "Reception"


SORTS: Final[dict[str, Callable[[Entry], Any]]] = {
    "local_id": lambda e: e.local_id,
    "upn": lambda e: e.upn,
    "year_group": lambda e: e.year_group,
    "school": lambda e: e.school.school.casefold() if e.school else None,
    "last_move": lambda e: e.last_moved_on,
    "last_change": lambda e: e.last_change.start if e.last_change else None,
    "missing": lambda e: e.missing_now,
    "entered": lambda e: e.entered_on,
}


def in_order(entries: Iterable[Entry], sort: str) -> list[Entry]:
    """Entries by a key of `SORTS`, descending with a minus before it; those without a value come last either way."""
    value = SORTS[sort.removeprefix("-")]
    listed = sorted(entries, key=lambda e: (e.local_id or "", str(e.child)))
    known = sorted((e for e in listed if value(e) is not None), key=value, reverse=sort.startswith("-"))
    return [*known, *(e for e in listed if value(e) is None)]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: part of a school's name, or the digests of a whole local id or pupil number."""

    text: str
    digests: frozenset[str]

    def finds(self, one: Entry, digests: Sequence[str | None]) -> bool:
        if not self.digests.isdisjoint(digests):
            return True
        return one.school is not None and self.text in one.school.school.casefold()
