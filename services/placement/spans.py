"""Rows of a return that begin on a day and may end on one: missing incidents, custody and decisions for adoption."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carejourney.reconcile import Wanted
from carejourney.restating import day_of, match
from events.missing import ChildReturned, ChildWentMissing
from events.placement import (
    AdoptionDecided,
    AdoptionDecisionCeased,
    DeprivationOfLibertyEnded,
    DeprivationOfLibertyStarted,
)
from services.placement.statement import Statement


@dataclass(frozen=True, slots=True)
class _Span:
    """A row that begins on a day and may end on one."""

    start: str
    end: str | None
    cells: tuple[object, ...]
    row: Mapping[str, Any]


@dataclass(frozen=True)
class SpanTable:
    """How a table of spans becomes a starting and an ending fact.

    `carried`: what the year before left open must be stated again. Where it need not be, it is missed only if the
    table has another row of the child.
    """

    name: str
    starts: Any
    ends: Any
    link: str
    start: str
    end: str
    start_cells: Mapping[str, str]
    end_cells: Mapping[str, str]
    carried: bool


MISSING = SpanTable(
    "missing", ChildWentMissing, ChildReturned, "incident", "mis_start", "mis_end", {"kind": "missing"}, {},
    carried=True,
)  # fmt: skip
DOLO = SpanTable(
    "dolo", DeprivationOfLibertyStarted, DeprivationOfLibertyEnded, "order", "dolo_start", "dolo_end", {}, {},
    carried=True,
)  # fmt: skip
PLACED = SpanTable(
    "placed_adoption", AdoptionDecided, AdoptionDecisionCeased, "decision", "date_placed", "date_placed_ceased",
    {}, {"reason": "reason_placed_ceased"}, carried=False,
)  # fmt: skip


def take_spans(statement: Statement, rows: list[dict[str, Any]], table: SpanTable) -> None:
    """Want a start, and where it ended an end, for each row; a row that changed is the same, corrected."""
    known = _known_spans(statement.state.own, table)
    stated = [_span(row, table) for row in rows]
    good = [span for span in stated if not _refused(statement, table, span)]
    whole = len(good) == len(stated)
    carried = table.carried or bool(rows)
    origin = {f.id: statement.of_this_return(table.name, f) for f in statement.state.own}

    def expected(i: str) -> bool:
        began, ended = known[i].start, known[i].end
        return whole and (origin[i] or statement.in_this_year(table.name, began, ended, carried=carried))

    matched = match(
        known,
        good,
        key=lambda s: day_of(s.start),
        cells=lambda s: (day_of(s.start), day_of(s.end) if s.end else None, *s.cells),
        expected=expected,
        comparable=lambda one, other: statement.same_side(one.start, other.start),
    )
    for identity, span in matched.pairs:
        _want_span(statement, table, identity, span, known[identity])
    for span in matched.new:
        _want_new(statement, table, span)
    for identity in matched.gone:
        keys = (table.starts.wire, identity), (table.ends.wire, identity)
        statement.vanished(table.name, table.start.upper(), day_of(known[identity].start), *keys)


def _span(row: dict[str, Any], table: SpanTable) -> _Span:
    cells = tuple(row.get(c) for c in (*table.start_cells.values(), *table.end_cells.values()))
    return _Span(row[table.start], row.get(table.end), cells, row)


def _refused(statement: Statement, table: SpanTable, span: _Span) -> bool:
    if span.end is None or span.end >= span.start:
        return False
    statement.findings.refuse(
        table.name, span.row, table.end, "date before another date", "ends before it begins", "correct one of the days"
    )
    return True


def _known_spans(own: Any, table: SpanTable) -> dict[str, _Span]:
    ends = {f.data[table.link]: f for f in own if f.type == table.ends.wire and not f.retracted}
    spans = {}
    for fact in own:
        if fact.type == table.starts.wire and not fact.retracted:
            end = ends.get(fact.id)
            cells = tuple(fact.data.get(f) for f in table.start_cells) + tuple(
                end.data.get(f) if end else None for f in table.end_cells
            )
            spans[fact.id] = _Span(fact.effective or "", end.effective if end else None, cells, {})
    return spans


def _same_day(known: str | None, stated: str) -> str:
    """A known instant is kept where the return's day is the same: a return is never more exact."""
    return known if known is not None and day_of(known) == stated else stated


def _want_new(statement: Statement, table: SpanTable, span: _Span) -> None:
    if statement.withdrawn_later(table.starts.wire, span.start):
        statement.findings.older_return(table.name, span.row)
    else:
        _want_span(statement, table, statement.record.fresh(table.starts.wire), span, None)


def _want_span(statement: Statement, table: SpanTable, identity: str, span: _Span, known: _Span | None) -> None:
    start = table.starts(**{field: span.row.get(cell) for field, cell in table.start_cells.items()})
    row, ending = (start.wire, identity), (table.ends.wire, identity)
    began = _same_day(known.start if known else None, span.start)
    statement.want(table.name, span.row, row, Wanted(start, began, stated=True))
    if span.end is None:
        statement.record.leave_out(ending, statement.year, "not_stated")
        _question_reason(statement, table, span)
        return
    end = table.ends(**{table.link: identity}, **{f: span.row.get(c) for f, c in table.end_cells.items()})
    ended = _same_day(known.end if known else None, span.end)
    statement.want(table.name, span.row, ending, Wanted(end, ended, stated=True), of=row)


def _question_reason(statement: Statement, table: SpanTable, span: _Span) -> None:
    """Flag a cell that only an end could carry: without a day there is nothing to record it on."""
    for column in table.end_cells.values():
        if span.row.get(column) is not None:
            reason = f"not recorded: a reason, but {table.end.upper()} is blank"
            statement.findings.flag(table.name, span.row, column, "reason-without-end", reason)
