"""One child's rows of a return, the record they are to change, and the rules that every table shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carejourney.commands import State
from carejourney.reconcile import Key, Reconciliation, Wanted
from carejourney.restating import day_of, said_later, stated_year, year_bounds
from carejourney.standing import Standing
from carejourney.statements import Findings, Line
from events.correction import FactCorrected, FactRetracted
from events.placement import (
    ChildDetailsRecorded,
    ConvictionRecorded,
    PreviousPermanenceRecorded,
    UnaccompaniedStatusRecorded,
)

_ONCE = frozenset(cls.wire for cls in (ChildDetailsRecorded, UnaccompaniedStatusRecorded, PreviousPermanenceRecorded))


def key_of(fact: Standing) -> Key:
    """The key of each of placement's facts: what makes it the same fact when it is stated again."""
    data = fact.data
    if fact.type in _ONCE:
        return (fact.type,)
    if fact.type == ConvictionRecorded.wire:
        return (fact.type, data.get("year"))
    for link in ("episode", "incident", "order", "decision"):
        if data.get(link):
            return (fact.type, data[link])
    return (fact.type, fact.id)


def reconciliation(state: State) -> Reconciliation:
    """The record of one child, to be compared with what is wanted."""
    return Reconciliation(state.subject, state.own, key_of, corrected=FactCorrected, retracted=FactRetracted)


@dataclass(frozen=True)
class Statement:
    """One child's line, and the record it is to change."""

    state: State
    line: Line
    findings: Findings
    record: Reconciliation

    @property
    def year(self) -> int:
        return self.line.year or 0

    def of_this_return(self, table: str, fact: Standing) -> bool:
        """Whether a fact was stated by the return of the same year, whose table says all there is of the child."""
        return self.line.whole(table) and self.findings.stated.before(self.year, table, fact)

    def in_this_year(self, table: str, start: str, end: str | None, *, carried: bool = True) -> bool:
        """Whether a table that says all of the child must state what began and ended then.

        It began in the year, or was going on when the year began; the latter counts only if `carried`.
        """
        first, after = year_bounds(self.year)
        began = day_of(start)
        going_on = began < first and (end is None or day_of(end) >= first)
        return self.line.whole(table) and (first <= began < after or (carried and going_on))

    def same_side(self, one: str, other: str) -> bool:
        """Whether both days lie before the year of this return, or neither: a row is not moved into another year."""
        first, _ = year_bounds(self.year)
        return (day_of(one) < first) == (day_of(other) < first)

    def vanished(self, table: str, column: str, which: str, row: Key, *following: Key) -> bool:
        """Flag what is no longer stated. Retract it where a complete return of the same year stated it before.

        `which` tells the row: the day in `column`, or words. `row` and `following` are keys of the facts that it
        became; gives whether they were retracted. What a later year's return states stays, and is missed only where
        this one stated it before; what a person has the last word on stays too.
        """
        stood, stated = self.record.standing(row), self.findings.stated
        if stood is None:
            return False
        again, said_later = self.of_this_return(table, stood), self.record.said_later(self.year, row, *following)
        if said_later and not again:
            return False
        later = said_later or stated.later(self.year, stood.id)
        self.findings.vanished(table, column, which, carried=not again, later=later)
        if not (self.line.complete and again) or later or stated_year(stood) is None:
            return False
        for key in (row, *following):
            self.record.drop(key, "not_in_return")
        stated.forget(self.year, table, stood.id)
        return True

    def withdrawn_later(self, wire: str, day: str) -> bool:
        """Whether a later year's return took back a fact of that type and day."""
        taken_back = (f for f in self.state.own if f.retracted and f.type == wire and said_later(f, self.year))
        return any(fact.effective and day_of(fact.effective) == day for fact in taken_back)

    def want(self, table: str, row: Mapping[str, Any], key: Key, wanted: Wanted, *, of: Key | None = None) -> None:
        """Want what a row states, or flag that the return of a later year says otherwise.

        `of` is the key of the row's start, where the fact is its end.
        """
        if of is None:
            self.note(table, key)
        if not self.record.state(key, wanted, self.year, of=of):
            self.findings.older_return(table, row)

    def note(self, table: str, key: Key) -> None:
        """Note that this return states the row that the fact under a key tells of."""
        self.findings.stated.note(self.year, table, self.record.id_of(key))

    def single(self, table: str, wire: str, rows: list[dict[str, Any]], make: Callable[[dict[str, Any]], Any]) -> None:
        """A table with at most one row a child, whose fact has no day."""
        for row in rows:
            self.want(table, row, (wire,), Wanted(make(row), None, stated=True))
        known = self.record.standing((wire,))
        if not rows and known is not None and self.of_this_return(table, known):
            self.vanished(table, "CHILD", "of the child", (wire,))
