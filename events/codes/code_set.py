"""What a code set is: each code, what it means and the collection years it was valid in.

Collection year Y runs from 1 April Y-1 to 31 March Y. A code stays known for ever once it was published, so an old
fact can always be read; `CodeSet.in_year` says whether a return of a given year could use it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

UNPUBLISHED: Final = "wording not published"


class UnknownCodeError(LookupError):
    """A code that its set has never had. The message names the set, never the value."""


@dataclass(frozen=True, slots=True)
class Code:
    """One statutory code; `first_year` and `last_year` are collection years, None where unbounded."""

    code: str
    meaning: str
    first_year: int | None = None
    last_year: int | None = None

    def in_year(self, year: int) -> bool:
        """Tell whether a return of collection year `year` could use this code."""
        return (self.first_year is None or self.first_year <= year) and (
            self.last_year is None or year <= self.last_year
        )


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes one column may hold. `open_pattern` admits codes of another register (local authority numbers)."""

    name: str
    codes: Mapping[str, Code]
    open_pattern: re.Pattern[str] | None = None
    open_meaning: str = ""

    def known(self, code: str) -> bool:
        """Tell whether the code was valid in any year."""
        return code in self.codes or self._is_open(code)

    def in_year(self, code: str, year: int) -> bool:
        """Tell whether the code was valid in collection year `year`; False for an unknown code."""
        entry = self.codes.get(code)
        return entry.in_year(year) if entry is not None else self._is_open(code)

    def meaning(self, code: str) -> str:
        """Return what the code means.

        Raises:
            UnknownCodeError: the set has never had this code.

        """
        entry = self.codes.get(code)
        if entry is not None:
            return entry.meaning
        if self._is_open(code):
            return self.open_meaning
        raise UnknownCodeError(f"{self.name} has no such code")

    def valid_in(self, year: int) -> tuple[str, ...]:
        """Return the listed codes of one collection year, in statutory order."""
        return tuple(entry.code for entry in self.codes.values() if entry.in_year(year))

    def __contains__(self, code: object) -> bool:
        return isinstance(code, str) and self.known(code)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes.values())

    def __len__(self) -> int:
        return len(self.codes)

    def _is_open(self, code: str) -> bool:
        return self.open_pattern is not None and self.open_pattern.fullmatch(code) is not None


def describe(code_set: CodeSet, code: str) -> dict[str, str]:
    """Return `{"code", "meaning"}`; a code the set has never had keeps its code and says it is not published."""
    meaning = code_set.meaning(code) if code_set.known(code) else "not a published code"
    return {"code": code, "meaning": meaning}


def listed(name: str, *codes: Code, pattern: str | None = None, pattern_meaning: str = "") -> CodeSet:
    """Make a code set of its codes in statutory order."""
    compiled = re.compile(pattern) if pattern else None
    return CodeSet(name, {entry.code: entry for entry in codes}, compiled, pattern_meaning)
