"""What a return states about one child in the tables that planning owns, against what stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol, TypeVar

from carejourney.commands import State
from carejourney.envelope import Draft
from carejourney.reconcile import Key, Reconciliation, Wanted
from carejourney.restating import Matched, day_of, match, stated_year, year_bounds
from carejourney.standing import Standing
from carejourney.statements import Findings, Line
from events.correction import FactCorrected, FactRetracted
from events.planning import SocialWorkerEnded


class Cells(Protocol):
    """A row of a return: the day that starts it, and its cells, that day first."""

    @property
    def day(self) -> str: ...
    def cells(self) -> Sequence[object]: ...


C = TypeVar("C", bound=Cells)


@dataclass(frozen=True)
class Statement:
    """One child's line, and the record it is to change. `workers` are those that each fact concerns, by its id."""

    state: State
    line: Line
    findings: Findings
    record: Reconciliation
    workers: dict[str, set[str]] = field(default_factory=dict)

    @property
    def year(self) -> int:
        return self.line.year or 0

    @property
    def bounds(self) -> tuple[str, str]:
        """First day of the return's year, and the first day after it."""
        return year_bounds(self.year)

    def of_this_return(self, table: str, fact: Standing) -> bool:
        """Whether the fact was stated before by a table of the return of the same year."""
        return self.findings.stated.before(self.year, table, fact)

    def want(self, key: Key, wanted: Wanted, table: str, row: Mapping[str, Any], *, of: Key | None = None) -> None:
        """Want a stated fact; where a later year's return has said otherwise, flag that this one differs.

        `of` is the key of the row's start, where the fact is its end.
        """
        if of is None:
            self.findings.stated.note(self.year, table, self.record.id_of(key))
        if not self.record.state(key, wanted, self.year, of=of):
            self.findings.older_return(table, row)

    def vanished(self, table: str, column: str, *keys: Key) -> None:
        """Flag what is no longer stated; retract it where this return is complete and stated it before.

        `keys` are those of the facts that the row became, its start first; `column` is that of the day it began. What
        a later year's return states stays, and is missed only where this one stated it before; what a person has the
        last word on stays too.
        """
        fact, stated = self.record.standing(keys[0]), self.findings.stated
        if fact is None:
            return
        again, said_later = self.of_this_return(table, fact), self.record.said_later(self.year, *keys)
        if said_later and not again:
            return
        later = said_later or stated.later(self.year, fact.id)
        self.findings.vanished(table, column, day_of(fact.effective or ""), carried=not again, later=later)
        if self.line.complete and again and not later and stated_year(fact) is not None:
            for key in keys:
                self.record.drop(key, "not_in_return")
            stated.forget(self.year, table, fact.id)

    def concerning(self, draft: Draft) -> Draft:
        """The draft with the workers it concerns."""
        body = draft.body
        about = getattr(body, "assignment", None) or getattr(body, "corrects", None) or str(draft.id)
        return replace(draft, concerns=tuple(sorted(self.workers.get(about, ()))))


def reconciliation(state: State) -> Reconciliation:
    """The record of one child; an end is known by what it ends, all else by its own id."""
    return Reconciliation(state.subject, state.own, key_of, corrected=FactCorrected, retracted=FactRetracted)


def key_of(fact: Standing) -> Key:
    """What makes it the same fact when it is stated again."""
    return (fact.type, fact.data["assignment"] if fact.type == SocialWorkerEnded.wire else fact.id)


def rejoin(known: Mapping[str, C], stated: Sequence[C], expected: Callable[[str], bool]) -> Matched[C]:
    """Join stated rows to known ones: those with the same cells, then of the same day, then with one cell changed.

    Only a known row that this return should state may be the one with a changed day.
    """
    left = dict(known)
    same: list[tuple[str, C]] = []
    rest: list[C] = []
    for row in sorted(stated, key=lambda r: tuple(str(cell) for cell in r.cells())):
        identity = next((i for i, one in left.items() if one.cells() == row.cells()), None)
        if identity is None:
            rest.append(row)
        else:
            del left[identity]
            same.append((identity, row))
    of_day = match(left, rest, key=lambda r: r.day, cells=lambda r: r.cells(), expected=lambda _: False)
    taken = {identity for identity, _ in of_day.pairs}
    missing = {i: one for i, one in left.items() if i not in taken and expected(i)}
    moved, new = _moved(missing, of_day.new)
    gone = [i for i in missing if i not in {identity for identity, _ in moved}]
    return Matched(same + of_day.pairs + moved, new, gone)


def _moved(missing: Mapping[str, C], stated: Sequence[C]) -> tuple[list[tuple[str, C]], list[C]]:
    """Rows that are a missing one with another day, the nearest first; and the rows that are none."""
    left = dict(missing)
    moved: list[tuple[str, C]] = []
    new: list[C] = []
    for row in stated:
        alike = [i for i, one in left.items() if one.cells()[1:] == row.cells()[1:]]
        if alike:
            identity = min(alike, key=lambda i: (_days_between(left[i].day, row.day), i))
            del left[identity]
            moved.append((identity, row))
        else:
            new.append(row)
    return moved, new


def _days_between(one: str, other: str) -> int:
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)


def columns(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    """Some cells of a posted row, None where blank."""
    return tuple(row.get(name) for name in names)
