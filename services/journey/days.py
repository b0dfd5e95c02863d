"""Days in England, and the instants from which things count as known. ISO texts throughout: they sort as time does."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from carejourney.envelope import instant

LONDON: Final = ZoneInfo("Europe/London")
_DAY_LENGTH: Final = 10


def day_of(effective: str) -> str:
    """The day, in England, of an ISO day or instant."""
    return effective if len(effective) == _DAY_LENGTH else _day_in_england(effective)


@lru_cache(maxsize=65_536)
def _day_in_england(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(LONDON).date().isoformat()


@lru_cache(maxsize=4096)
def day_after(day: str) -> str:
    """The first day after this one: with it as its exclusive end an interval is that day and no more."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def days_between(earlier: str, later: str) -> int:
    """Days from one ISO day to another."""
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days


def last_instant(known_on: date | datetime) -> str:
    """The last instant at which a fact must be known: the moment itself, or the end of the day in England."""
    if isinstance(known_on, datetime):
        return instant(known_on)
    midnight = datetime.combine(known_on + timedelta(days=1), time(), LONDON)
    return instant(midnight.astimezone(UTC) - timedelta(microseconds=1))


def text_of(moment: date | datetime | None) -> str | None:
    """An asked-for day or moment as the answer repeats it."""
    if moment is None:
        return None
    return instant(moment) if isinstance(moment, datetime) else moment.isoformat()


def shown_on(start: str | None, until: str | None, day: str) -> bool:
    """Whether something that held from `start` until before `until` held at some time of this day.

    What began and ended on one day is shown on it; what ended at an instant is shown on the day of that instant.
    """
    if start is not None and day_of(start) > day:
        return False
    if until is None or start == until:
        return until is None or day_of(until) == day
    return day_of(until) > day or (len(until) > _DAY_LENGTH and day_of(until) == day)
