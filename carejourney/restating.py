"""Rows that a return states again: which row of the record each one is, and what an older return cannot unsay."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from carejourney.standing import Standing

R = TypeVar("R")
CLOSE_ENOUGH = 0.5
LONDON: Final = ZoneInfo("Europe/London")
_RETURN: Final = re.compile(r"ssda903/(\d{4})")


@dataclass(frozen=True, slots=True)
class Matched(Generic[R]):
    """`pairs` join a known row's id to the row now stated; `new` were never stated; `gone` are not stated again."""

    pairs: list[tuple[str, R]]
    new: list[R]
    gone: list[str]


def match(
    known: Mapping[str, R],
    stated: Sequence[R],
    key: Callable[[R], Hashable],
    cells: Callable[[R], Sequence[object]],
    expected: Callable[[str], bool],
    comparable: Callable[[R, R], bool] = lambda _known, _stated: True,
) -> Matched[R]:
    """Join rows by key; a known row that was to be expected and is not stated again joins the most similar new one.

    `expected` says whether this return should state a known row at all, `comparable` whether a known row may be a
    stated one with another key.
    """
    by_key: dict[Hashable, list[str]] = {}
    for identity, row in known.items():
        by_key.setdefault(key(row), []).append(identity)
    pairs: list[tuple[str, R]] = []
    unknown: list[R] = []
    unchanged = {(key(row), tuple(cells(row))) for row in known.values()}
    for row in sorted(stated, key=lambda row: (key(row), tuple(cells(row))) not in unchanged):
        candidates = by_key.get(key(row), [])
        if candidates:
            best = max(candidates, key=lambda i: _alike(cells(known[i]), cells(row)))
            candidates.remove(best)
            pairs.append((best, row))
        else:
            unknown.append(row)
    left = [i for candidates in by_key.values() for i in candidates if expected(i)]
    renamed = _most_alike({i: known[i] for i in left}, unknown, cells, comparable)
    joined = {id(row) for _, row in renamed}
    taken = {i for i, _ in renamed}
    return Matched(
        pairs + renamed, [row for row in unknown if id(row) not in joined], [i for i in left if i not in taken]
    )


def _most_alike(
    known: Mapping[str, R],
    unknown: Sequence[R],
    cells: Callable[[R], Sequence[object]],
    comparable: Callable[[R, R], bool],
) -> list[tuple[str, R]]:
    """Greedy pairs of the most similar rows, never of rows that share less than half of their cells."""
    scored = sorted(
        (
            (_alike(cells(a), cells(b)), identity, n)
            for identity, a in known.items()
            for n, b in enumerate(unknown)
            if comparable(a, b)
        ),
        reverse=True,
    )
    pairs: list[tuple[str, R]] = []
    used_known: set[str] = set()
    used_new: set[int] = set()
    for score, identity, n in scored:
        if score < CLOSE_ENOUGH or identity in used_known or n in used_new:
            continue
        used_known.add(identity)
        used_new.add(n)
        pairs.append((identity, unknown[n]))
    return pairs


def _alike(one: Sequence[object], other: Sequence[object]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=True)) / max(len(one), 1)


def day_of(effective: str) -> str:
    """The day, in England, of an ISO day or of an instant with its offset."""
    if len(effective) == len("2026-06-01"):
        return effective
    return datetime.fromisoformat(effective).astimezone(LONDON).date().isoformat()


def collection_year(day: date) -> int:
    """The year Y of a return (1 April Y-1 to 31 March Y) in which a day lies."""
    return day.year + 1 if (day.month, day.day) >= (4, 1) else day.year


def year_bounds(year: int) -> tuple[str, str]:
    """First day of the collection year, and the first day after it, as ISO dates."""
    return f"{year - 1}-04-01", f"{year}-04-01"


def stated_year(fact: Standing | None) -> int | None:
    """The year of the return that has the last word on a fact; None where no return has."""
    said = _RETURN.fullmatch((fact.stated_in if fact else None) or "")
    return int(said[1]) if said else None


def said_later(fact: Standing | None, year: int) -> bool:
    """Whether the return of a year after this one has the last word on a fact, also on its not being so."""
    return (stated_year(fact) or year) > year


def beyond(fact: Standing, year: int) -> bool:
    """Whether the return of a year cannot unsay a fact: a later one said it, or it came later and from elsewhere."""
    if stated_year(fact) == year or fact.effective is None:
        return False
    return said_later(fact, year) or day_of(fact.effective) >= year_bounds(year)[1]
