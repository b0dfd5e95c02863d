"""Social workers: one at a time from the first day in care until the case is closed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from carejourney.sample.chance import Chance
from carejourney.sample.population import Stay
from carejourney.sample.world import World

_MEAN_DAYS = 305
_SHORTEST = 10
_CLOSED_AFTER = (7, 18)
_LAST_DAYS_OF_YEAR = (25, 31)
_MARCH = 3
_REASONS = {"TSPROC": 30, "LEFTRL": 26, "ORGRST": 12, "MANAGE": 10, "ABSENC": 8, "CHCHAN": 2, "PCCHAN": 2, "OTHERS": 10}


@dataclass(frozen=True, slots=True)
class Allocation:
    """One social worker for a child, with the reason the allocation began."""

    worker: str
    start: date
    end: date
    reason: str


def allocations(chance: Chance, world: World, stay: Stay) -> Iterator[Allocation]:
    """Draw the allocations around a period of care, each starting the day the one before ends."""
    start, reason, worker = stay.start, "FCONTA", chance.one(world.workers)
    closed = _not_late_in_march(stay.end + timedelta(days=chance.whole(*_CLOSED_AFTER)))
    while True:
        end = _not_late_in_march(start + timedelta(days=_SHORTEST + chance.wait(_MEAN_DAYS)))
        if end > stay.end - timedelta(days=_SHORTEST):
            yield Allocation(worker, start, closed, reason)
            return
        yield Allocation(worker, start, end, reason)
        left = worker
        while (worker := chance.one(world.workers)) == left:
            pass
        start, reason = end, chance.pick(_REASONS)


def _not_late_in_march(day: date) -> date:
    """End no allocation in the last days of March: the rules would look for its successor on the 31st."""
    first, last = _LAST_DAYS_OF_YEAR
    return date(day.year, 4, 2) if day.month == _MARCH and first <= day.day <= last else day
