"""When a fact that was not accepted is sent again, and for how long a target may fail."""

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Final

# Seconds after each failed attempt, give or take a fifth; after the last of them the child's lane is parked.
RETRIES: Final = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
# A target that failed this often with nothing accepted in between is tried with one fact at a time, and given up after
# a day: before the schedule of any child is over, so that an outage parks nobody.
FAILING: Final = 5
PROBES: Final = (5, 15, 60, 300, 900)
PATIENCE: Final = timedelta(days=1)
LONGEST_ASKED: Final = 3_600
JITTER: Final = 0.2

_chance: Final = SystemRandom()


def next_attempt(attempts: int, now: datetime, asked: float | None = None) -> datetime | None:
    """When to send again after so many failed attempts; None where the schedule is over.

    `asked` are the seconds the target itself asks for, heeded for up to an hour.
    """
    if attempts > len(RETRIES):
        return None
    return now + _about(max(RETRIES[attempts - 1], min(asked or 0, LONGEST_ASKED)))


def next_probe(failures: int, now: datetime) -> datetime:
    """When a target that failed so often in a row is tried again."""
    return now + _about(PROBES[min(max(failures - FAILING, 0), len(PROBES) - 1)])


def _about(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * _chance.uniform(1 - JITTER, 1 + JITTER))
