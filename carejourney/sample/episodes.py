"""Episodes: statuses and placements laid over each other, as an SSDA903 return cuts a period of care."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from carejourney.sample.areas import Whereabouts
from carejourney.sample.chance import Chance
from carejourney.sample.placements import FOSTER, TEMPORARY, Placement
from carejourney.sample.population import Ending, Stay
from carejourney.sample.statuses import Status
from carejourney.sample.world import World

Dated = TypeVar("Dated")
_TEMPORARY_EVERY = 7000
_SETTLED = 20
_TEMPORARY_LENGTH = {"T0": (2, 14), "T1": (2, 35), "T2": (5, 14), "T3": (5, 18), "T4": (2, 6)}
_TEMPORARY_KINDS = {"T1": 35, "T3": 25, "T4": 20, "T0": 10, "T2": 10}
_CEASED = {
    Ending.HOME: {"E4A": 84, "E4B": 16},
    Ending.RELATIVE: {"E13": 1},
    Ending.ORDER: {"E41": 1},
    Ending.ADOPTION: {"E11": 45, "E12": 55},
    Ending.TRANSFER: {"E3": 1},
    Ending.ASSESSED: {"E15": 1},
    Ending.CUSTODY: {"E9": 60, "E14": 40},
    Ending.INDEPENDENCE: {"E5": 80, "E6": 20},
    Ending.OTHER: {"E8": 95, "E16": 5},
    Ending.DEATH: {"E2": 1},
}
_GUARDIAN_FOSTER = {"E45": 90, "E46": 10}
_GUARDIAN_ELSE = {"E47": 85, "E48": 15}
_GROWN = {
    "U": {"E17": 78, "E5": 9, "E6": 3, "E8": 5, "E13": 3},
    "K2": {"E5": 42, "E6": 8, "E7": 16, "E8": 20, "E17": 14},
    "K3": {"E5": 48, "E6": 11, "E8": 15, "E17": 26},
    "P1": {"E4A": 70, "E8": 30},
    "S1": {"E7": 100},
    "R5": {"E9": 100},
}
_GROWN_ELSE = {"E5": 35, "E6": 15, "E8": 40, "E7": 10}


@dataclass(frozen=True, slots=True)
class Episode:
    """One row of the Episodes table as it will once stand; a year's return leaves out what lies after the year."""

    start: date
    cause: str
    status: str
    placement: Placement
    end: date
    ceased: str
    reason: str


def with_temporary_moves(
    chance: Chance, world: World, placements: Sequence[Placement], under: Sequence[Status], end: date
) -> Iterator[Placement]:
    """Lay the rare temporary moves into the placements; each is followed by the return to the same carer."""
    for number, placement in enumerate(placements):
        yield placement
        until = placements[number + 1].start if number + 1 < len(placements) else end
        away = _temporary(chance, placement, until)
        if away and not any(away[0] <= status.start <= away[1] for status in under):
            kind = chance.pick(_TEMPORARY_KINDS) if placement.kind in FOSTER else "T1"
            back = min(away[1], away[0] + timedelta(days=chance.whole(*_TEMPORARY_LENGTH[kind])))
            postcode = world.areas.postcode(chance, Whereabouts.INSIDE, (placement.postcode,))
            yield Placement(away[0], kind, "", postcode, "", placement.carer, Whereabouts.INSIDE)
            yield replace(placement, start=back)


def _temporary(chance: Chance, placement: Placement, until: date) -> tuple[date, date] | None:
    """Return the first and last day a temporary move may take, or nothing for most placements."""
    start = placement.start + timedelta(days=_SETTLED + chance.wait(_TEMPORARY_EVERY))
    last = start + timedelta(days=max(high for _, high in _TEMPORARY_LENGTH.values()))
    settled = placement.kind in FOSTER or placement.kind == "K2"
    return (start, last) if settled and last + timedelta(days=_SETTLED) < until else None


def episodes(chance: Chance, stay: Stay, placements: Sequence[Placement], under: Sequence[Status]) -> list[Episode]:
    """Cut a period of care into episodes: a new one on each day on which status or placement changes."""
    days = sorted({placement.start for placement in placements} | {status.start for status in under})
    places = [_last(placements, [placement.start for placement in placements], day) for day in days]
    codes = [_last(under, [status.start for status in under], day).code for day in days]
    ends = [*days[1:], stay.end]
    final = _ceased(chance, stay, places[-1])
    return [
        Episode(
            start=day,
            cause=_cause(codes[at - 1 : at + 1], places[at - 1 : at + 1]) if at else "S",
            status=codes[at],
            placement=places[at],
            end=ends[at],
            ceased="X1" if at + 1 < len(days) else final,
            reason=_reason(*places[at : at + 2]),
        )
        for at, day in enumerate(days)
    ]


def _last(items: Sequence[Dated], starts: Sequence[date], day: date) -> Dated:
    return items[bisect_right(starts, day) - 1]


def _cause(codes: Sequence[str], places: Sequence[Placement]) -> str:
    before, now = places
    if before == now:
        return "L"
    same_carer = before.carer == now.carer and not {before.kind, now.kind} & TEMPORARY
    if codes[0] == codes[1]:
        return "T" if same_carer else "P"
    return "U" if same_carer else "B"


def _reason(now: Placement, following: Placement | None = None) -> str:
    if following is None or following == now or {now.kind, following.kind} & TEMPORARY:
        return ""
    return now.reason


def _ceased(chance: Chance, stay: Stay, last: Placement) -> str:
    if stay.ending is Ending.ADULTHOOD:
        return chance.pick(_GROWN.get(last.kind) or _GROWN.get(last.kind[0]) or _GROWN_ELSE)
    if stay.ending is Ending.GUARDIAN:
        return chance.pick(_GUARDIAN_FOSTER if last.kind in FOSTER else _GUARDIAN_ELSE)
    return chance.pick(_CEASED[stay.ending])
