"""The legal statuses of one period of care, one after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from carejourney.sample.chance import Chance
from carejourney.sample.population import Ending, Outline, Stay
from carejourney.workdays import age_on

_ORDER_AFTER_POLICE = 0.55
_PROCEEDINGS = (150, 310)
_ACCOMMODATED_FIRST = (40, 330)
_NEEDS_ORDER = frozenset({Ending.ADOPTION, Ending.GUARDIAN, Ending.ORDER})
_FULL_ORDER = {Ending.GUARDIAN: 0.35, Ending.ORDER: 0.4, Ending.ADOPTION: 0.0}
_JUNIOR, _TEEN = 10, 16


@dataclass(frozen=True, slots=True)
class Status:
    """A legal status and the day it begins."""

    start: date
    code: str


def statuses(chance: Chance, child: Outline, stay: Stay) -> list[Status]:
    """Draw the statuses of a period of care, in order; none begins on or after its end, equal neighbours never meet."""
    drawn = [Status(stay.start, stay.status), *_later(chance, child, stay)]
    kept = [status for status in drawn if status.start < stay.end]
    return kept[:1] + [after for before, after in pairwise(kept) if before.code != after.code]


def _later(chance: Chance, child: Outline, stay: Stay) -> Iterator[Status]:
    day, code = stay.start, stay.status
    if code in {"L1", "L2", "J1"}:
        day, code = _after_emergency(chance, stay)
        yield Status(day, code)
    if code == "V2" and _goes_to_court(chance, child, stay):
        day, code = day + timedelta(days=chance.whole(*_ACCOMMODATED_FIRST)), "C1"
        if stay.adoption:
            day = min(day, stay.adoption.ordered - timedelta(days=60))
        yield Status(day, code)
    if stay.adoption:
        yield from _adoption(stay, code)
    elif code == "C1" and chance.happens(_FULL_ORDER.get(stay.ending, 0.95)):
        yield Status(day + timedelta(days=chance.whole(*_PROCEEDINGS)), "C2")


def _after_emergency(chance: Chance, stay: Stay) -> tuple[date, str]:
    match stay.status:
        case "L1":
            to_court = stay.ending in _NEEDS_ORDER or chance.happens(_ORDER_AFTER_POLICE)
            return stay.start + timedelta(days=chance.whole(1, 3)), "C1" if to_court else "V2"
        case "L2":
            return stay.start + timedelta(days=chance.whole(4, 14)), "C1"
        case _:
            return stay.start + timedelta(days=chance.whole(20, 120)), "V2"


def _goes_to_court(chance: Chance, child: Outline, stay: Stay) -> bool:
    if child.unaccompanied or stay.status == "J1":
        return False
    if stay.ending in _NEEDS_ORDER:
        return True
    age = age_on(child.born, stay.start)
    if stay.ending is not Ending.ADULTHOOD or age >= _TEEN:
        return chance.happens(0.1)
    return chance.happens(0.95 if age < _JUNIOR else 0.72)


def _adoption(stay: Stay, code: str) -> Iterator[Status]:
    plan = stay.adoption
    if plan is None:
        return
    if code == "V2":
        yield Status(plan.ordered - timedelta(days=60), "C1")
    yield Status(plan.ordered, "E1")
    if plan.reversed:
        yield Status(plan.reversed, "C2")
