"""Collection years: year Y is 1 April Y-1 to 31 March Y; what codes are called in it, and how dates are written."""

from dataclasses import dataclass
from datetime import date
from typing import Self

_SEX_BY_LETTER_FROM = 2025
_SOCIAL_WORKERS_FROM = 2024
_DEPRIVATION_OF_LIBERTY_FROM = 2027
_SUPPORTED_ACCOMMODATION_FROM = 2025
_OTHER_SPLIT_FROM = 2026
_REGISTERED_FROM = 2024
_DIGIT_OF_SEX = {"M": "1", "F": "2"}


@dataclass(frozen=True, slots=True)
class CollectionYear:
    """One year of the SSDA903 return, named by the year in which it ends."""

    name: int

    @classmethod
    def holding(cls, day: date) -> Self:
        """Return the collection year a day lies in."""
        return cls(day.year + (day >= date(day.year, 4, 1)))

    @property
    def first(self) -> date:
        return date(self.name - 1, 4, 1)

    @property
    def last(self) -> date:
        return date(self.name, 3, 31)

    @property
    def has_social_workers(self) -> bool:
        return self.name >= _SOCIAL_WORKERS_FROM

    @property
    def has_deprivation_of_liberty(self) -> bool:
        return self.name >= _DEPRIVATION_OF_LIBERTY_FROM

    def holds(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last

    def touches(self, start: date, end: date | None) -> bool:
        """Whether something from start to end (None: still going on) has a day in the year."""
        return start <= self.last and (end is None or end >= self.first)

    def known(self, day: date | None) -> date | None:
        """Return a day as the year's return knows it: None when it lies after the year."""
        return day if day is not None and day <= self.last else None

    def sex(self, letter: str) -> str:
        return letter if self.name >= _SEX_BY_LETTER_FROM else _DIGIT_OF_SEX[letter]

    def place(self, code: str) -> str:
        """Return the placement code of the year for today's code.

        Supported accommodation (K3) was H5 until it was registered, and Z11 to Z14 were one code, Z1.
        """
        if code == "K3" and self.name < _SUPPORTED_ACCOMMODATION_FROM:
            return "H5"
        return "Z1" if code.startswith("Z") and self.name < _OTHER_SPLIT_FROM else code

    def registration(self, code: str, urn: str) -> str:
        """Return the Ofsted number the year's return has for a placement of today's code.

        Supported accommodation has one from the 2024 return on: its providers had to be registered by October 2023.
        """
        return "" if code == "K3" and self.name < _REGISTERED_FROM else urn


def written(day: date | None) -> str:
    """Write a day as returns do, dd/mm/yyyy; nothing for None."""
    return f"{day.day:02}/{day.month:02}/{day.year}" if day else ""
