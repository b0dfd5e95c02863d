"""Care leavers (OC3): how they are around their 17th to 21st birthdays."""

from collections.abc import Iterator
from datetime import date, timedelta

from carejourney.sample.chance import Chance
from carejourney.sample.population import Ending, Outline
from carejourney.sample.years import CollectionYear
from carejourney.workdays import birthday

AGES = range(17, 22)
_FIRST_GROWN = 19
_THIRTEEN_WEEKS = 91
_NOT_LEAVERS = frozenset({Ending.ADOPTION, Ending.TRANSFER, Ending.DEATH, Ending.ASSESSED})
_CONTACT = {
    "younger": {"YES": 91.5, "NO": 3.2, "REFU": 1.9, "NREQ": 0.8, "RHOM": 2.6},
    "grown": {"YES": 92.5, "NO": 3.3, "REFU": 1.6, "NREQ": 1.1, "RHOM": 1.4, "DIED": 0.1},
}
_ACTIVITY = {
    "younger": {"F1": 3, "F2": 44, "P2": 4, "F4": 2, "F5": 8, "P5": 3, "G4": 3.3, "G5": 25, "G6": 1.7},
    "grown": {
        "F1": 5.5, "P1": 0.5, "F2": 17, "P2": 4, "F4": 1.8, "P4": 0.2, "F5": 18, "P5": 7, "G4": 9, "G5": 27, "G6": 4,
    },
}  # fmt: skip
_HOUSED = {
    17: {"B1": 36, "D1": 37, "E1": 8, "U1": 6, "C1": 4, "K1": 3, "Y1": 3, "X2": 1.5, "S2": 0.5, "V2": 0.5, "B2": 0.5},
    18: {"B1": 27, "D1": 38, "E1": 7, "U1": 13, "Z1": 6, "C1": 3, "K1": 3, "X2": 1.5, "S2": 0.7, "V2": 0.8},
    19: {
        "U1": 39, "D1": 13, "B1": 12, "Z1": 12, "K1": 8, "E1": 4, "T1": 2, "C1": 2, "Y1": 2.6, "X2": 3, "S2": 1, "V2":
        0.7, "W2": 0.7,
    },
}  # fmt: skip


def is_care_leaver(child: Outline, day: date) -> bool:
    """Whether a young person out of care on a day spent 13 weeks in care from 14 on, some of it at 16 or over."""
    left = [stay for stay in child.stays if stay.end <= day]
    if not left or left[-1].ending in _NOT_LEAVERS or child.in_care_on(day):
        return False
    fourteen, sixteen = birthday(child.born, 14), birthday(child.born, 16)
    since = sum((max(timedelta(0), stay.end - max(stay.start, fourteen)) for stay in left), timedelta(0))
    return since.days >= _THIRTEEN_WEEKS and left[-1].end > sixteen


def birthdays_told(child: Outline, year: CollectionYear) -> Iterator[int]:
    """Return the age, if any, a care leaver reached in the year that the year's return asks about.

    Someone still in care on or after the 17th or 18th birthday is not asked about it.
    """
    for age in AGES:
        day = birthday(child.born, age)
        if not year.holds(day) or not is_care_leaver(child, day):
            continue
        if age >= _FIRST_GROWN or all(stay.end < day for stay in child.stays if stay.start <= year.last):
            yield age


def outcomes(chance: Chance, age: int) -> tuple[str, str, str]:
    """Draw contact, activity and accommodation of a care leaver of that age."""
    group = "grown" if age >= _FIRST_GROWN else "younger"
    contact = chance.pick(_CONTACT[group])
    if contact != "YES":
        return contact, "0", "0"
    return contact, chance.pick(_ACTIVITY[group]), chance.pick(_HOUSED[min(age, _FIRST_GROWN)])
