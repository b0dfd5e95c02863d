"""Leaving care: what a return's OC3 table states of a care leaver."""

from typing import Any

from carejourney.commands import Decided, State
from carejourney.reconcile import Reconciliation
from carejourney.statements import Findings, Line
from carejourney.yearly import key_of_year, settled, want_year
from events.correction import FactCorrected, FactRetracted
from events.leaving_care import CareLeaverOutcomesReported


def state_return(state: State, line: Line, findings: Findings) -> Decided:
    """The young person's OC3 row of a collection year (SSDA903 OC3)."""
    rows, year = line.tables.get("oc3"), line.year
    if rows is None or year is None:
        return Decided()
    yearly = [fact for fact in state.own if fact.type == CareLeaverOutcomesReported.wire]
    record = Reconciliation(state.subject, yearly, key_of_year, corrected=FactCorrected, retracted=FactRetracted)
    for row in rows:
        want_year(record, _outcomes(year, row))
    key = (CareLeaverOutcomesReported.wire, year)
    if not rows and line.whole("oc3") and record.standing(key):
        findings.vanished("oc3", "CHILD", f"for {year}")
        if line.complete:
            record.drop(key, "not_in_return")
    return settled(record)


def _outcomes(year: int, row: dict[str, Any]) -> CareLeaverOutcomesReported:
    return CareLeaverOutcomesReported(
        year=year, in_touch=row["in_touch"], activity=row.get("activ"), accommodation=row.get("accom")
    )
