"""Reviews: within 20 working days, then 3 months, then every 6 months, and now and then late."""

from collections.abc import Iterator
from datetime import date, timedelta

from carejourney.sample.chance import Chance
from carejourney.sample.population import Outline, Stay
from carejourney.workdays import age_on

_ON_TIME = 0.93
_FIRST, _SECOND, _LATER = (10, 26), (55, 90), (140, 181)
_LATE_BY = (3, 40)
_SATURDAY = 5
_YOUNG = 4
_PART_TAKEN = {"PN1": 52, "PN2": 8, "PN3": 3, "PN4": 3, "PN5": 8, "PN6": 18, "PN7": 8}


def reviews(chance: Chance, child: Outline, stay: Stay) -> Iterator[tuple[date, str]]:
    """Draw the reviews of a period of care: the day each was held and how the child took part."""
    day, number = stay.start, 0
    while True:
        day = _working(day + timedelta(days=_interval(chance, number)))
        if day >= stay.end:
            return
        yield day, "PN0" if age_on(child.born, day) < _YOUNG else chance.pick(_PART_TAKEN)
        number += 1


def _interval(chance: Chance, number: int) -> int:
    span = (_FIRST, _SECOND, _LATER)[min(number, 2)]
    return chance.whole(*span) if chance.happens(_ON_TIME) else span[1] + chance.whole(*_LATE_BY)


def _working(day: date) -> date:
    return day - timedelta(days=max(0, day.weekday() - _SATURDAY + 1))
