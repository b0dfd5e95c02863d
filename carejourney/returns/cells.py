"""Reading one cell: text in, a plain value out, or a refusal that never repeats the cell.

Dates leave as ISO strings, codes as their statutory code, scores as integers. `1.0` is read as `1`, because
spreadsheets write whole numbers so.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Final, TypeAlias

from carejourney.returns.tables import Column, Kind
from events.codes import UPN_UNKNOWN
from events.event import URN_PATTERN

Value: TypeAlias = str | int | None
Read: TypeAlias = Callable[[str], Value]

LONGEST_CELL: Final = 200
LONGEST_ID: Final = 64
LONGEST_POSTCODE: Final = 10
LONGEST_URN: Final = 12
HIGHEST_SDQ: Final = 40
EARLIEST_YEAR: Final = 1900

_DATE: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_ISO_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PART_DATE: Final = re.compile(r"(zz|[0-9]{2})/(zz|[0-9]{2})/(zzzz|[0-9]{4})")
_WHOLE: Final = re.compile(r"([0-9]+)\.0+")
_UPN: Final = re.compile(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-Z]")
_URN: Final = re.compile(URN_PATTERN)
_POSTCODE: Final = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}")
_WORKER: Final = re.compile(r"(SW|XX).{2,}")


class CellError(ValueError):
    """A cell that cannot be read. It carries the class of the value and the remedy, never the value."""

    def __init__(self, value_class: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.value_class = value_class
        self.reason = reason
        self.remedy = remedy


_DATE_REMEDY: Final = "write the date as dd/mm/yyyy"


@lru_cache(maxsize=65_536)
def _iso(text: str) -> str | None:
    stated = _DATE.fullmatch(text)
    parts = stated.group(3, 2, 1) if stated else None
    if parts is None and (iso := _ISO_DATE.fullmatch(text)):
        parts = iso.group(1, 2, 3)
    if parts is None or int(parts[0]) < EARLIEST_YEAR:
        return None
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2])).isoformat()
    except ValueError:
        return None


def read_date(text: str) -> str:
    """Read dd/mm/yyyy (or yyyy-mm-dd) as an ISO date.

    Raises:
        CellError: not a date of the calendar since 1900.

    """
    found = _iso(text)
    if found is None:
        raise CellError("not a date", "is not a date of the calendar", _DATE_REMEDY)
    return found


def read_part_date(text: str) -> str:
    """Read a date whose day, month or year may be `zz` (unknown): `zz/06/2017` becomes `2017-06-zz`.

    Raises:
        CellError: neither a date nor a date with unknown parts.

    """
    stated = _PART_DATE.fullmatch(text.lower())
    if stated is None or "z" not in stated.group():
        return read_date(text)
    day, month, year = stated.groups()
    # A leap year stands in for what is unknown, so that 29 February stays possible.
    likely = "/".join((day.replace("zz", "01"), month.replace("zz", "01"), year.replace("zzzz", "2000")))
    read_date(likely)
    return f"{year}-{month}-{day}"


def _read_score(text: str) -> int:
    if len(text) <= len(str(HIGHEST_SDQ)) and text.isascii() and text.isdecimal() and int(text) <= HIGHEST_SDQ:
        return int(text)
    reason = f"is not a whole number from 0 to {HIGHEST_SDQ}"
    raise CellError("not a score", reason, "state the score or leave it blank")


def _text_reader(longest: int, value_class: str) -> Read:
    def read(text: str) -> str:
        if len(text) > longest:
            raise CellError("over-long field", f"is longer than {longest} characters", "shorten the field")
        if not text.isprintable():
            raise CellError(value_class, "holds characters that cannot be printed", "remove the control characters")
        return text

    return read


def _read_urn(text: str) -> str:
    # It is published unsealed: what has not its form might be a name.
    if len(text) > LONGEST_URN:
        raise CellError("over-long field", f"is longer than {LONGEST_URN} characters", "shorten the field")
    if _URN.fullmatch(text):
        return text
    reason = "is not up to nine digits with up to three letters before them, nor XXXXXXX"
    raise CellError("not an identifier", reason, "state the number, or leave it blank")


def _code_reader(known: Mapping[str, str], is_known: Callable[[str], bool], name: str) -> Read:
    def read(text: str) -> str:
        code = known.get(text)
        if code is not None:
            return code
        if len(text) <= LONGEST_ID and is_known(text):
            return text
        raise CellError("unknown code", f"is not a code {name} has had in any year", f"use a published code of {name}")

    return read


def reader_of(column: Column) -> Read:
    """Return the function that reads a cell of the column; it is given stripped, non-empty text."""
    if column.codes is not None:
        known = {entry.code: entry.code for entry in column.codes}
        return _code_reader(known, column.codes.known, column.name)
    special: dict[Kind, Read] = {
        Kind.DATE: read_date,
        Kind.PART_DATE: read_part_date,
        Kind.SCORE: _read_score,
        Kind.URN: _read_urn,
        Kind.POSTCODE: _text_reader(LONGEST_POSTCODE, "not a postcode"),
        Kind.TEXT: _text_reader(LONGEST_CELL, "not plain text"),
    }
    return special.get(column.kind) or _text_reader(LONGEST_ID, "not an identifier")


def whole(text: str) -> str:
    """Read `1.0` as `1`; any other text is returned as it is."""
    if ".0" not in text or len(text) > LONGEST_ID:
        return text
    stated = _WHOLE.fullmatch(text)
    return stated.group(1) if stated else text


_SHAPES: Final[Mapping[Kind, tuple[str, Callable[[str], object]]]] = {
    Kind.UPN: (
        "is not a letter other than I, O or S and twelve characters, nor UN1 to UN5",
        lambda text: text in UPN_UNKNOWN or _UPN.fullmatch(text),
    ),
    Kind.POSTCODE: ("does not have the form of a postcode", _POSTCODE.fullmatch),
    Kind.WORKER: ("does not begin with SW or XX and two more characters", _WORKER.fullmatch),
}


def oddity(kind: Kind, value: str) -> str | None:
    """Say what is odd about the form of an identifier that is taken all the same; None when nothing is."""
    shape = _SHAPES.get(kind)
    if shape is None or shape[1](value.upper()):
        return None
    return shape[0]


HAS_SHAPE: Final = frozenset(_SHAPES)
