"""Health: what a return's OC2 table states, and the assessments that are held."""

from datetime import date
from typing import Any, Literal

from pydantic import ConfigDict

from carejourney.commands import Decided, State
from carejourney.duties.recorded import today_in_london
from carejourney.envelope import Draft
from carejourney.errors import Refusal
from carejourney.reconcile import Reconciliation
from carejourney.statements import Findings, Line
from carejourney.yearly import blank, flag, key_of_year, number, settled, want_year
from events.correction import FactCorrected, FactRetracted
from events.health import HealthAssessmentHeld, HealthOutcomesReported, SubstanceMisuseReported
from events.strictness import Strict

OUTCOMES = ("sdq_score", "sdq_reason", "health_check", "immunisations", "teeth_check", "health_assessment")
YEARLY = frozenset({HealthOutcomesReported.wire, SubstanceMisuseReported.wire})
MISUSE = ("substance_misuse", "intervention_received", "intervention_offered")


def state_return(state: State, line: Line, findings: Findings) -> Decided:
    """The child's OC2 row of a collection year (SSDA903 OC2)."""
    rows, year = line.tables.get("oc2"), line.year
    if rows is None or year is None:
        return Decided()
    yearly = [fact for fact in state.own if fact.type in YEARLY]
    record = Reconciliation(state.subject, yearly, key_of_year, corrected=FactCorrected, retracted=FactRetracted)
    for row in rows:
        for body in _outcomes(year, row):
            want_year(record, body)
        if blank(row, MISUSE):
            record.drop((SubstanceMisuseReported.wire, year), "not_stated")
    if not rows and line.whole("oc2"):
        _vanished(record, year, findings, drop=line.complete)
    return settled(record)


def _outcomes(year: int, row: dict[str, Any]) -> list[HealthOutcomesReported | SubstanceMisuseReported]:
    bodies: list[HealthOutcomesReported | SubstanceMisuseReported] = [
        HealthOutcomesReported(
            year=year,
            sdq_score=number(row.get("sdq_score")),
            sdq_reason=row.get("sdq_reason"),
            health_check=flag(row.get("health_check")),
            immunisations=flag(row.get("immunisations")),
            teeth_check=flag(row.get("teeth_check")),
            health_assessment=flag(row.get("health_assessment")),
        )
    ]
    if not blank(row, MISUSE):
        bodies.append(
            SubstanceMisuseReported(
                year=year,
                identified=flag(row.get("substance_misuse")),
                intervention_received=flag(row.get("intervention_received")),
                intervention_offered=flag(row.get("intervention_offered")),
            )
        )
    return bodies


def _vanished(record: Reconciliation, year: int, findings: Findings, *, drop: bool) -> None:
    stood = [key for key in ((wire, year) for wire in sorted(YEARLY)) if record.standing(key)]
    if stood:
        findings.vanished("oc2", "CHILD", f"for {year}")
    for key in stood if drop else ():
        record.drop(key, "not_in_return")


class HoldAssessment(Strict):
    """A health assessment took place."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"held_on": "2026-05-14", "kind": "initial"}]})

    held_on: date
    kind: Literal["initial", "review"]


def hold_assessment(command: HoldAssessment, state: State) -> Decided:
    """Refused: an assessment in the future. Already so: one of the same kind on the same day."""
    if command.held_on > today_in_london(state.now):
        raise Refusal("an assessment cannot have been held in the future; record it when it has been")
    day = command.held_on.isoformat()
    body = HealthAssessmentHeld(kind=command.kind)
    for fact in state.own:
        held = fact.type == body.wire and not fact.retracted and fact.effective == day
        if held and fact.data["kind"] == command.kind:
            return Decided()
    return Decided([Draft(state.subject, body, day, body.destination())])
