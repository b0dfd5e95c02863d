"""Words a person types that are checked at once: codes of authorities, days and moments.

Each raises `typer.BadParameter`: the option is named with the form it has, exit status 2. What was typed is not
repeated.
"""

import re
from datetime import date, datetime
from typing import Annotated, Final

import typer

from carejourney.returns.reading import COLLECTION_YEARS

YEARS: Final = range(1900, 2201)
_AUTHORITY: Final = re.compile(r"[A-Z][0-9]{8}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_FORM: Final = f"a day of the calendar as YYYY-MM-DD, such as 2026-03-31, from {YEARS[0]} to {YEARS[-1]}"


def authority_code(text: str) -> str:
    """The ONS code of an authority: a capital letter and eight digits."""
    if not _AUTHORITY.fullmatch(text):
        raise typer.BadParameter("write the ONS code of the authority: a capital letter and eight digits, as E08000025")
    return text


def day(text: str) -> date:
    """A day, written YYYY-MM-DD."""
    found = _day(text)
    if found is None:
        raise typer.BadParameter(f"write {_DAY_FORM}")
    return found


def moment(text: str) -> str:
    """A day, or an instant with its offset from UTC; given back as it was written."""
    if _day(text) is None and not _is_instant(text):
        raise typer.BadParameter(f"write {_DAY_FORM}, or an instant such as 2026-03-31T12:00:00Z")
    return text


def child_name(text: str) -> str:
    """A pseudonym, or `authority:local-id`, of which the authority is checked."""
    authority, colon, local_id = text.partition(":")
    if colon and not (_AUTHORITY.fullmatch(authority) and local_id):
        raise typer.BadParameter("write the pseudonym, or authority:local-id with an ONS code, as E08000025:SAMPLE1")
    return text


def collection_year(text: str) -> int:
    """A collection year whose returns are taken."""
    if not re.fullmatch(r"[0-9]{4}", text) or int(text) not in COLLECTION_YEARS:
        first, last = COLLECTION_YEARS[0], COLLECTION_YEARS[-1]
        raise typer.BadParameter(f"write a collection year from {first} to {last}: only returns of these are taken")
    return int(text)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return found if found and found.year in YEARS else None


def _is_instant(text: str) -> bool:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return False
    return found.tzinfo is not None and found.year in YEARS


Authority = Annotated[
    str,
    typer.Option(
        "--authority",
        parser=authority_code,
        metavar="CODE",
        help="ONS code of the local authority, such as E08000025.",
    ),
]
AlsoLoadedFor = Annotated[
    list[str] | None,
    typer.Option(
        "--also-loaded-for",
        parser=authority_code,
        metavar="CODE",
        help="You confirm that these children stand under this other authority as well, because its code was given by"
        " mistake or the authorities merged; may be repeated.",
    ),
]
BirthsCorrected = Annotated[
    bool,
    typer.Option(
        "--births-corrected",
        help="You confirm that these are the children already known by their local ids, and that most of their dates"
        " of birth were wrong until now.",
    ),
]
CollectionYear = Annotated[
    int | None,
    typer.Option(
        "--year", parser=collection_year, metavar="YEAR", help="The collection year, where its dates do not tell it."
    ),
]
RecordedOn = Annotated[
    date | None,
    typer.Option("--recorded-on", parser=day, metavar="DAY", help="The day an old return was made: a historic load."),
]
TrueOn = Annotated[
    date | None,
    typer.Option("--true-on", parser=day, metavar="DAY", help="Only what was true on this day (YYYY-MM-DD)."),
]
KnownOn = Annotated[
    str | None,
    typer.Option(
        "--known-on", parser=moment, metavar="MOMENT", help="Only what was known then: a day (its end) or an instant."
    ),
]
