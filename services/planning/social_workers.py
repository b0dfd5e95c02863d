"""Allocations of social workers as a return states them (SSDA903 SWEpisodes)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from carejourney.reconcile import Wanted
from events.planning import SocialWorkerAssigned, SocialWorkerEnded
from services.planning.returning import Statement, columns, rejoin

TABLE = "sw_episodes"


@dataclass(frozen=True, slots=True)
class Allocation:
    """One row: first day, worker's pseudonym, reason, and the first day on which it no longer held."""

    day: str
    worker: str
    reason: str | None
    end: str | None
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def cells(self) -> tuple[object, ...]:
        return (self.day, self.worker, self.reason, self.end)


def take_allocations(statement: Statement, rows: list[dict[str, Any]]) -> None:
    """Want an assignment, and where it ended an end, for each row; a row that changed is the same, corrected."""
    stood, withdrawn = _known(statement, retracted=False), _known(statement, retracted=True)
    _remember_workers(statement)
    stated = [_allocation(row) for row in rows]
    origin = {fact.id: statement.of_this_return(TABLE, fact) for fact in statement.state.own}
    whole = statement.line.whole(TABLE)
    matched = rejoin(
        stood, stated, lambda i: whole and (origin[i] or _in_year(stood[i], statement.bounds, carried=bool(rows)))
    )
    for identity, allocation in matched.pairs:
        _want(statement, identity, allocation)
    for allocation in matched.new:
        again = next((i for i, one in withdrawn.items() if one.cells()[:2] == allocation.cells()[:2]), None)
        if again:
            del withdrawn[again]
        _want(statement, again, allocation)
    for identity in matched.gone:
        keys = (SocialWorkerAssigned.wire, identity), (SocialWorkerEnded.wire, identity)
        statement.vanished(TABLE, "SW_DECOM", *keys)
    _question(statement, stated)


def _allocation(row: Mapping[str, Any]) -> Allocation:
    day, worker, reason, end = columns(row, "sw_decom", "sw_id", "sw_reason", "sw_dec")
    return Allocation(day, worker, reason, end, row)


def _known(statement: Statement, *, retracted: bool) -> dict[str, Allocation]:
    own = statement.state.own
    ends = {f.data["assignment"]: f.effective for f in own if f.type == SocialWorkerEnded.wire and not f.retracted}
    return {
        fact.id: Allocation(fact.effective or "", fact.data["worker"], fact.data.get("reason"), ends.get(fact.id))
        for fact in own
        if fact.type == SocialWorkerAssigned.wire and fact.retracted == retracted
    }


def _remember_workers(statement: Statement) -> None:
    own = statement.state.own
    for fact in (f for f in own if f.type == SocialWorkerAssigned.wire):
        statement.workers[fact.id] = {fact.data["worker"]}
    for fact in (f for f in own if f.type == SocialWorkerEnded.wire):
        statement.workers[fact.id] = statement.workers.setdefault(fact.data["assignment"], set())


def _in_year(known: Allocation, bounds: tuple[str, str], *, carried: bool) -> bool:
    """Whether a return must state an allocation: it began in the year, or lasted into it and `carried` ones count.

    They count where the return states any of the child's workers, for then it is to state all of the year; no rule
    says that it must state any, unless the child was looked after on 31 March, which this service does not decide.
    """
    first, after = bounds
    lasting = known.day < first and (known.end is None or known.end >= first)
    return first <= known.day < after or (carried and lasting)


def _want(statement: Statement, identity: str | None, row: Allocation) -> None:
    if _refused(statement, row):
        return
    identity = identity or statement.record.fresh(SocialWorkerAssigned.wire)
    statement.workers.setdefault(identity, set()).add(row.worker)
    assigned = SocialWorkerAssigned(worker=row.worker, reason=row.reason)
    start, end = (SocialWorkerAssigned.wire, identity), (SocialWorkerEnded.wire, identity)
    statement.want(start, Wanted(assigned, row.day, stated=True), TABLE, row.row)
    if row.end is not None:
        ended = Wanted(SocialWorkerEnded(assignment=identity), row.end, stated=True)
        statement.want(end, ended, TABLE, row.row, of=start)
    else:
        statement.record.leave_out(end, statement.year, "not_stated")


def _refused(statement: Statement, row: Allocation) -> bool:
    if row.end is None or row.end >= row.day:
        return False
    statement.findings.refuse(
        TABLE, row.row, "SW_DEC", "date before another date", "the allocation ends before it begins",
        "correct SW_DECOM or SW_DEC",
    )  # fmt: skip
    return True


def _question(statement: Statement, rows: Sequence[Allocation]) -> None:
    """Flag what the sector's rules ask about: two workers at once, or none for a while (rules SW08 to SW17)."""
    good = sorted((r for r in rows if r.end is None or r.end >= r.day), key=lambda r: (r.day, r.end or "9999"))
    for before, after in pairwise(good):
        if before.end is None or before.end > after.day:
            reason = "begins before the allocation before it has ended"
            statement.findings.flag(TABLE, after.row, "SW_DECOM", "social-worker-overlap", reason)
        elif before.end < after.day:
            reason = "begins later than the day the allocation before it ended"
            statement.findings.flag(TABLE, after.row, "SW_DECOM", "social-worker-gap", reason)
