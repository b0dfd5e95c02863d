"""Who enters care, at what age, under what status, and how that ends: the population turning over like England's.

The weights are chosen so that entries, leavers and the children in care together match the published shares; they are
this project's estimates wherever no table is published (`docs/sample.md` compares).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from carejourney.sample.adoption import AdoptionPlan, plan_of_adoption, reversed_plan
from carejourney.sample.chance import Chance, Weights
from carejourney.workdays import age_on, birthday

ADULT = 18
_YOUNGEST_RETURN_END = 17
_OLDEST_ENTRY_DAYS = 20
_REVERSAL_YOUNGER_THAN = 4
_REVERSAL = 0.28
_SECOND_PERIOD = 0.2
_SHARE_OF_UNACCOMPANIED = 0.235
_MALE_UNACCOMPANIED = 0.93
_MALE = 0.515


class Ending(StrEnum):
    """How a period of care ends."""

    HOME = "home"
    RELATIVE = "relative"
    ORDER = "order"
    GUARDIAN = "guardian"
    ADOPTION = "adoption"
    TRANSFER = "transfer"
    ASSESSED = "assessed"
    CUSTODY = "custody"
    INDEPENDENCE = "independence"
    OTHER = "other"
    DEATH = "death"
    ADULTHOOD = "adulthood"


@dataclass(frozen=True, slots=True)
class Stay:
    """One period of care, from the day it starts to the day it ends, with the status it starts under."""

    start: date
    end: date
    ending: Ending
    status: str
    adoption: AdoptionPlan | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """One child's time in care in outline."""

    number: int
    born: date
    sex: str
    unaccompanied: bool
    stays: tuple[Stay, ...]

    def in_care_on(self, day: date) -> bool:
        return any(stay.start <= day < stay.end for stay in self.stays)


_BANDS = {"baby": 21.3, "toddler": 17.2, "junior": 18.8, "teen": 27.0, "older": 15.7}
_BAND_YEARS = {"toddler": (1, 5), "junior": (5, 10), "teen": (10, 16), "older": (16, 18)}
_UNACCOMPANIED_AGES = {13: 1.0, 14: 4.0, 15: 14.0, 16: 38.0, 17: 43.0}
_STATUS = {
    "baby": {"C1": 58.0, "V2": 23.0, "L1": 15.0, "L2": 3.0, "C2": 1.0},
    "toddler": {"C1": 51.0, "V2": 29.0, "L1": 17.0, "L2": 2.0, "C2": 1.0},
    "junior": {"C1": 50.0, "V2": 34.0, "L1": 13.0, "L2": 2.0, "C2": 1.0},
    "teen": {"C1": 28.0, "V2": 59.0, "L1": 8.0, "L2": 1.0, "J1": 3.0, "C2": 1.0},
    "older": {"C1": 7.0, "V2": 80.0, "L1": 4.0, "J1": 8.0, "C2": 1.0},
    "unaccompanied": {"V2": 1.0},
}
_ENDINGS: Mapping[str, Weights] = {
    "baby": {
        "adoption": 47, "guardian": 23, "order": 5, "home": 14, "relative": 3, "transfer": 2, "other": 2, "adulthood":
        9,
    },
    "toddler": {
        "adoption": 14, "guardian": 28, "order": 6, "home": 21, "relative": 6, "transfer": 3, "other": 2, "adulthood":
        20,
    },
    "junior": {"guardian": 20, "order": 5, "home": 27, "relative": 7, "transfer": 3, "other": 3, "adulthood": 35},
    "teen": {
        "guardian": 6.5, "order": 2.5, "home": 33, "relative": 7.5, "transfer": 2, "other": 5, "adulthood": 43.5,
    },
    "older": {"home": 22, "relative": 8, "other": 7, "independence": 9, "transfer": 1, "adulthood": 53},
    "unaccompanied": {"transfer": 30, "assessed": 5, "other": 2.5, "relative": 1, "adulthood": 61.5},
    "remand": {"custody": 55, "home": 20, "adulthood": 25},
}  # fmt: skip
_DEATH = 0.002
_TOGETHER_HOME = {"days": 34.0, "months": 41.0, "years": 25.0}
_LENGTH = {
    Ending.RELATIVE: (150, 1.0),
    Ending.ORDER: (330, 0.6),
    Ending.GUARDIAN: (360, 0.65),
    Ending.TRANSFER: (180, 1.0),
    Ending.CUSTODY: (45, 0.8),
    Ending.INDEPENDENCE: (240, 0.7),
    Ending.OTHER: (220, 1.1),
    Ending.DEATH: (400, 1.0),
}


def children(draws: str, first_entry: date, last_entry: date) -> Iterator[Outline]:
    """Children who enter care at any time between two days, without end: take as many as are wanted.

    `draws` names the streams of chance they are drawn from.
    """
    number = 0
    while True:
        number += 1
        yield _child(Chance(draws, number, "outline"), number, first_entry, last_entry)


def _child(chance: Chance, number: int, first_entry: date, last_entry: date) -> Outline:
    start = chance.day(first_entry, last_entry)
    unaccompanied = chance.happens(_SHARE_OF_UNACCOMPANIED)
    band = "unaccompanied" if unaccompanied else chance.pick(_BANDS)
    born = _ordinary_birthday(start - timedelta(days=_age_in_days(chance, band)))
    sex = "M" if chance.happens(_MALE_UNACCOMPANIED if unaccompanied else _MALE) else "F"
    stays = [_stay(chance, born, band, start)]
    again = _second_start(chance, born, stays[0])
    if again:
        stays.append(_stay(chance, born, band_of(born, again), again))
    return Outline(number, born, sex, unaccompanied, tuple(stays))


def band_of(born: date, day: date) -> str:
    """Return the age band a child of that birthday is in on a day."""
    age = age_on(born, day)
    return next((band for band, (_, below) in _BAND_YEARS.items() if 0 < age < below), "baby" if age < 1 else "older")


def _age_in_days(chance: Chance, band: str) -> int:
    if band == "baby":
        return chance.whole(0, 12) if chance.happens(0.5) else chance.whole(13, 364)
    if band == "unaccompanied":
        return _days_of(chance.pick(_UNACCOMPANIED_AGES)) + chance.whole(0, 365 - _OLDEST_ENTRY_DAYS)
    low, below = _BAND_YEARS[band]
    return chance.whole(_days_of(low), _days_of(below) - _OLDEST_ENTRY_DAYS)


def _days_of(years: int) -> int:
    return round(years * 365.25) + 1


def _ordinary_birthday(born: date) -> date:
    """Avoid two birthdays on which counting rules disagree.

    Leaving care at 18 on the census day, 31 March, counts as both in and out of care; 29 February is the first of March
    here and the last of February to the sector's rules.
    """
    return born + timedelta(days=1) if (born.month, born.day) in {(3, 31), (2, 29)} else born


def _stay(chance: Chance, born: date, band: str, start: date) -> Stay:
    status = chance.pick(_STATUS[band])
    ending = _ending(chance, band, status)
    adoption = plan_of_adoption(chance, start) if ending is Ending.ADOPTION else None
    end = (
        adoption.adopted
        if adoption and adoption.adopted
        else start + timedelta(days=_length(chance, band, status, ending))
    )
    grown = birthday(born, ADULT)
    if ending is Ending.ADULTHOOD or end >= grown:
        ending, end = Ending.ADULTHOOD, grown
        adoption = _given_up(chance, born, start, status)
    return Stay(start, _not_the_census_day(end), ending, status, adoption)


def _ending(chance: Chance, band: str, status: str) -> Ending:
    if chance.happens(_DEATH):
        return Ending.DEATH
    return Ending(chance.pick(_ENDINGS["remand" if status == "J1" else band]))


def _length(chance: Chance, band: str, status: str, ending: Ending) -> int:
    if band == "unaccompanied" and ending is not Ending.OTHER:
        return chance.whole(5, 75)
    if ending is Ending.HOME:
        return _length_until_home(chance, status)
    return 5 + chance.spell(*_LENGTH.get(ending, (1, 0.1)))


def _length_until_home(chance: Chance, status: str) -> int:
    match chance.pick(_TOGETHER_HOME):
        case "days" if status in {"L1", "L2"}:
            return chance.whole(1, 3)
        case "days":
            return chance.whole(2, 30)
        case "months":
            return 10 + chance.spell(150, 0.7)
        case _:
            return 60 + chance.spell(520, 0.6)


def _given_up(chance: Chance, born: date, start: date, status: str) -> AdoptionPlan | None:
    young = age_on(born, start) < _REVERSAL_YOUNGER_THAN
    return reversed_plan(chance, start) if young and status != "V2" and chance.happens(_REVERSAL) else None


def _not_the_census_day(end: date) -> date:
    return end + timedelta(days=1) if (end.month, end.day) == (3, 31) else end


def _second_start(chance: Chance, born: date, first: Stay) -> date | None:
    """Return when a child who went home comes back into care, if so."""
    if first.ending not in {Ending.HOME, Ending.RELATIVE} or not chance.happens(_SECOND_PERIOD):
        return None
    again = first.end + timedelta(days=45 + chance.spell(180, 0.9))
    return again if again < birthday(born, _YOUNGEST_RETURN_END) else None
