"""Outcomes that a return states once a year for a child: one fact a year, corrected when a cell changes."""

from collections.abc import Mapping
from typing import Any

from carejourney.commands import Decided
from carejourney.reconcile import Reconciliation, Wanted
from carejourney.restating import year_bounds
from carejourney.standing import Standing


def key_of_year(fact: Standing) -> tuple[str, int | None]:
    """The key of a yearly outcome: its type and collection year."""
    return (fact.type, fact.data.get("year"))


def want_year(record: Reconciliation, body: Any) -> None:
    """One yearly outcome, effective from the first day of its collection year."""
    record.want((body.wire, body.year), Wanted(body, year_bounds(body.year)[0], stated=True))


def flag(cell: object) -> bool | None:
    """A 0/1 cell as a truth value; None where blank."""
    return None if cell is None else str(cell) == "1"


def number(cell: object) -> int | None:
    """A whole number; None where blank."""
    return None if cell is None else int(str(cell))


def blank(row: Mapping[str, Any], columns: tuple[str, ...]) -> bool:
    """Whether a row says nothing in these columns."""
    return all(row.get(column) is None for column in columns)


def settled(record: Reconciliation) -> Decided:
    """The decision that makes the record as wanted."""
    outcome = record.settle()
    return Decided(drafts=outcome.drafts, corrections=outcome.corrections)
