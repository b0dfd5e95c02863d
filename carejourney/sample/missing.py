"""Going missing: most children never, a few again and again."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from carejourney.sample.chance import Chance
from carejourney.sample.population import Outline, Stay
from carejourney.workdays import age_on

_YEAR = 365.25
_OFTEN = {False: (0.28, 4.9, 1.25), True: (0.1, 2.0, 1.0)}
_AT_AGE = {9: 0.1, 10: 0.15, 11: 0.25, 12: 0.5, 13: 0.8, 14: 1.0, 15: 1.0, 16: 1.0, 17: 0.9}
_AWAY = {0.0: 80.0, 0.5: 20.0}
_EXACTLY = 3
_DAYS = {0: 47.0, 1: 38.0, 2: 8.0, 3: 3.0, 6: 2.5, 14: 1.0, 35: 0.3}


@dataclass(frozen=True, slots=True)
class Incident:
    """One time a child was missing (M) or away without authorisation (A), from a day to a day."""

    kind: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a child goes missing in a year of the worst age, and the share of it that is away, not missing."""

    a_year: float
    away: float


def habit_of(chance: Chance, *, unaccompanied: bool) -> Habit:
    """Draw the habit of a child: none for most children."""
    share, median, spread = _OFTEN[unaccompanied]
    often = chance.spell(100 * median, spread) / 100 if chance.happens(share) else 0.0
    return Habit(often, chance.pick(_AWAY))


def incidents(
    chance: Chance, child: Outline, stay: Stay, habit: Habit, changes: Collection[date]
) -> Iterator[Incident]:
    """Draw the incidents of a period of care: they neither overlap nor last until its end.

    An incident ends before the episode in which it began (`changes` are the days on which another begins): going
    missing from a placement is over when the placement is.
    """
    if not habit.a_year:
        return
    day = stay.start
    while (day := day + timedelta(days=chance.wait(_YEAR / habit.a_year))) < stay.end:
        if day in changes or not chance.happens(_AT_AGE.get(age_on(child.born, day), 0.0)):
            continue
        over = min((change for change in changes if change > day), default=stay.end) - timedelta(days=2)
        end = min(day + timedelta(days=_days_away(chance)), over)
        if end >= day:
            yield Incident("A" if chance.happens(habit.away) else "M", day, end)
            day = end


def _days_away(chance: Chance) -> int:
    about = chance.pick(_DAYS)
    return about if about <= _EXACTLY else chance.whole(about // 2, about * 2)
