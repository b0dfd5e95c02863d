"""England's working days, calendar months, birthdays and ages.

A working day is Monday to Friday and no bank holiday in England and Wales. The day something happens is day nought.
"""

import calendar
from datetime import date, timedelta
from functools import cache, lru_cache

_SATURDAY = 5


@cache
def bank_holidays(year: int) -> frozenset[date]:
    """Weekdays of a year on which England does not work; the originals of substituted weekend days are left out."""
    # Imported on first use: the registry of countries takes a fifth of a second, which no service should pay at start.
    import holidays  # noqa: PLC0415

    listed = holidays.country_holidays("GB", subdiv="ENG", years=year)
    return frozenset(day for day in listed if day.weekday() < _SATURDAY)


def is_working_day(day: date) -> bool:
    """Whether England works on that day."""
    return day.weekday() < _SATURDAY and day not in bank_holidays(day.year)


@lru_cache(maxsize=8192)
def add_working_days(day: date, count: int) -> date:
    """Return the last day of `count` working days counted from the day after `day`.

    `count` 0 gives the day itself, working or not. A negative count raises ValueError.
    """
    if count < 0:
        raise ValueError("working days are counted forwards: the count cannot be negative")
    reached = day
    while count:
        reached += timedelta(days=1)
        count -= is_working_day(reached)
    return reached


def working_days_between(start: date, end: date) -> int:
    """Working days after `start` up to and including `end`; negative when `end` comes first."""
    if end < start:
        return -working_days_between(end, start)
    return sum(is_working_day(start + timedelta(days=passed)) for passed in range(1, (end - start).days + 1))


def add_months(day: date, count: int) -> date:
    """Return the same day `count` calendar months on (or back), or that month's last day when it is shorter."""
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def birthday(born: date, age: int) -> date:
    """Return the day on which that age is reached; a child born on 29 February reaches it on 1 March in other years."""
    year = born.year + age
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return born.replace(year=year)


def age_on(born: date, day: date) -> int:
    """Completed years on that day; negative before birth."""
    age = day.year - born.year
    return age if birthday(born, age) <= day else age - 1
