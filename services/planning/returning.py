"""What a return states about one child in the tables that planning owns, against what stands."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Protocol, TypeVar

from carejourney.commands import State
from carejourney.envelope import Draft
from carejourney.reconcile import Reconciliation, Wanted
from carejourney.restating import Matched, match, year_bounds
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
Key = tuple[str, str]

_NOT_CARRIED_OVER: Final = "a row of another year's return that lasts into this year is not in this return"
_RETURN: Final = re.compile(r"ssda903/(\d{4})")


@dataclass(frozen=True)
class Statement:
    """One child's line, and the record it is to change.

    `workers` are those that each fact concerns, by its id; `later` holds what the return of a later year has said
    since, which a return of this year cannot unsay.
    """

    state: State
    line: Line
    findings: Findings
    record: Reconciliation
    workers: dict[str, set[str]] = field(default_factory=dict)
    later: dict[Key, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.later.update({key_of(fact): fact for fact in self.state.own if _said_after(fact, self.line.year or 0)})

    @property
    def bounds(self) -> tuple[str, str]:
        """First day of the return's year, and the first day after it."""
        return year_bounds(self.line.year or 0)

    def of_this_return(self, fact: Standing) -> bool:
        """Whether the fact was last stated by the return of the same year."""
        return fact.stated_in == f"ssda903/{self.line.year}"

    def want(self, key: Key, wanted: Wanted, table: str, row: Mapping[str, Any]) -> None:
        """Want a stated fact; where a later year's return has said otherwise, flag that this one differs."""
        fact = self.later.get(key)
        if fact is None:
            self.record.want(key, wanted)
        elif fact.retracted or fact.effective != wanted.effective or not _same_content(fact, wanted):
            self.findings.flag(table, row, "CHILD", "older_return", "a later year's return says otherwise, and stands")

    def drop(self, key: Key, reason: str) -> None:
        """Retract what this return no longer says, unless a later year's return has said it since."""
        if key not in self.later:
            self.record.drop(key, reason)

    def vanished(self, table: str, *keys: Key) -> None:
        """Flag what is no longer stated; retract it where this return is complete and stated it before."""
        fact = self.record.standing(keys[0])
        if fact is None or keys[0] in self.later:
            return
        again = self.of_this_return(fact)
        reason = "a row stated before for this year is not in this return" if again else _NOT_CARRIED_OVER
        self.findings.flag(table, None, "CHILD", "vanished", reason)
        if self.line.complete and again:
            for key in keys:
                self.drop(key, "no longer in the complete return")

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


def _said_after(fact: Standing, year: int) -> bool:
    said = _RETURN.fullmatch(fact.stated_in or "")
    return said is not None and int(said[1]) > year


def _same_content(fact: Standing, wanted: Wanted) -> bool:
    content: dict[str, Any] = wanted.body.model_dump(mode="json")
    return all(fact.data.get(name) == value for name, value in content.items())


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
