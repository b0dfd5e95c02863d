"""What a return states about one child, in the tables that placement owns (SSDA903)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carejourney.commands import Decided, State
from carejourney.reconcile import Wanted
from carejourney.restating import match
from carejourney.statements import Findings, Line
from carejourney.yearly import flag, settled, want_year
from events.placement import (
    AdoptionRecorded,
    ChildDetailsRecorded,
    ConvictionRecorded,
    PreviousPermanenceRecorded,
    UnaccompaniedStatusRecorded,
)
from services.placement.episodes import Places
from services.placement.spans import DOLO, MISSING, PLACED, take_spans
from services.placement.statement import Statement, reconciliation
from services.placement.stating_episodes import take_episodes

SEXES = {"1": "M", "2": "F"}


def state_return(state: State, line: Line, findings: Findings, places: Places) -> Decided:
    """All of placement's tables of one child in one return."""
    statement = Statement(state, line, findings, reconciliation(state))
    for table, take in _TABLES.items():
        if table in line.tables:
            take(statement, line.tables[table])
    if "episodes" in line.tables:
        take_episodes(statement, line.tables["episodes"], places)
    return settled(statement.record)


def _header(statement: Statement, rows: list[dict[str, Any]]) -> None:
    statement.single(
        "header",
        ChildDetailsRecorded.wire,
        rows,
        lambda row: ChildDetailsRecorded(
            sex=SEXES.get(row["sex"], row["sex"]),
            date_of_birth=row["dob"],
            ethnicity=row.get("ethnic"),
            mother=flag(row.get("mother")),
            mother_child_born_on=row.get("mc_dob"),
        ),
    )


def _uasc(statement: Statement, rows: list[dict[str, Any]]) -> None:
    statement.single(
        "uasc",
        UnaccompaniedStatusRecorded.wire,
        rows,
        lambda row: UnaccompaniedStatusRecorded(ceased_on=row.get("duc")),
    )


def _previous_permanence(statement: Statement, rows: list[dict[str, Any]]) -> None:
    statement.single(
        "prev_perm",
        PreviousPermanenceRecorded.wire,
        rows,
        lambda row: PreviousPermanenceRecorded(
            previous_permanence=row["prev_perm"], authority_then=row.get("la_perm"), ordered_on=row.get("date_perm")
        ),
    )


def _conviction(statement: Statement, rows: list[dict[str, Any]]) -> None:
    key = (ConvictionRecorded.wire, statement.year)
    for row in rows:
        if row.get("convicted") is not None:
            want_year(
                statement.record, ConvictionRecorded(year=statement.year, convicted=flag(row["convicted"]) is True)
            )
        else:
            statement.record.drop(key, "not_stated")
    if not rows and statement.line.whole("oc2"):
        statement.vanished("oc2", "CONVICTED", f"for {statement.year}", key)


@dataclass(frozen=True, slots=True)
class _Adoption:
    """A row of AD1: the day of the match, and what else was stated of it."""

    day: str
    content: Mapping[str, Any]
    row: Mapping[str, Any]

    def cells(self) -> tuple[object, ...]:
        return (self.day, *(self.content.get(name) for name in sorted(AdoptionRecorded.model_fields)))


def _adoptions(statement: Statement, rows: list[dict[str, Any]]) -> None:
    standing = [f for f in statement.state.own if f.type == AdoptionRecorded.wire and not f.retracted]
    origin = {f.id: statement.of_this_return("ad1", f) for f in standing}
    known = {f.id: _Adoption(f.effective or "", f.data, {}) for f in standing}
    matched = match(
        known,
        [_adoption(row) for row in rows],
        key=lambda one: str(one.content["decided_on"]),
        cells=_Adoption.cells,
        expected=origin.__getitem__,
    )
    for identity, one in matched.pairs:
        _want_adoption(statement, identity, one)
    for one in matched.new:
        if statement.withdrawn_later(AdoptionRecorded.wire, one.day):
            statement.findings.older_return("ad1", one.row)
        else:
            _want_adoption(statement, statement.record.fresh(AdoptionRecorded.wire), one)
    for identity in matched.gone:
        decided = str(known[identity].content["decided_on"])
        statement.vanished("ad1", "DATE_INT", decided, (AdoptionRecorded.wire, identity))


def _want_adoption(statement: Statement, identity: str, one: _Adoption) -> None:
    body = AdoptionRecorded(**one.content)
    statement.want("ad1", one.row, (body.wire, identity), Wanted(body, one.day, stated=True))


def _adoption(row: dict[str, Any]) -> _Adoption:
    body = AdoptionRecorded(
        decided_on=row["date_int"],
        by_former_carer=row["foster_care"],
        number_of_adopters=row["nb_adoptr"],
        sex_of_adopters=row["sex_adoptr"],
        legal_status_of_adopters=row["ls_adoptr"],
    )
    return _Adoption(row["date_match"], body.model_dump(mode="json"), row)


_TABLES: dict[str, Callable[[Statement, list[dict[str, Any]]], None]] = {
    "header": _header,
    "uasc": _uasc,
    "prev_perm": _previous_permanence,
    "oc2": _conviction,
    "ad1": _adoptions,
    "missing": lambda statement, rows: take_spans(statement, rows, MISSING),
    "dolo": lambda statement, rows: take_spans(statement, rows, DOLO),
    "placed_adoption": lambda statement, rows: take_spans(statement, rows, PLACED),
}
