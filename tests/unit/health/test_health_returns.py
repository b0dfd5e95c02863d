from datetime import date, timedelta
from typing import Any

import pytest

from carejourney.commands import State
from carejourney.errors import Refusal
from events.health import HealthAssessmentHeld, HealthOutcomesReported, SubstanceMisuseReported
from services.health.domain import HoldAssessment, hold_assessment, state_return
from tests.unit.planning.made_record import CHILD, START, Desk, Record, counts


def oc2(**cells: str | None) -> dict[str, Any]:
    stated = {"sdq_score": "12", "health_check": None, "immunisations": "1", "teeth_check": "0"}
    return {**stated, "health_assessment": "1", "substance_misuse": "0", **cells}


def test_a_row_lands_as_outcomes_and_apart_from_them_as_the_restricted_fact_on_substance_misuse() -> None:
    desk = Desk(state_return)

    assert counts(desk.is_told(2026, oc2=[oc2()])) == (2, 0)
    [(day, outcomes)] = desk.record.standing_of(HealthOutcomesReported)
    assert (day, outcomes["year"], outcomes["sdq_score"], outcomes["teeth_check"]) == ("2025-04-01", 2026, 12, False)
    assert {draft.topic for draft in desk.drafts} == {"care.health", "care.health.restricted"}


def test_a_row_stated_again_adds_nothing_and_a_blank_is_not_a_no() -> None:
    desk = Desk(state_return)
    desk.is_told(2026, oc2=[oc2()])

    assert counts(desk.is_told(2026, oc2=[oc2()])) == (0, 0)
    assert desk.record.standing_of(HealthOutcomesReported)[0][1]["health_check"] is None


@pytest.mark.parametrize("cell", [{"sdq_score": "13"}, {"teeth_check": "1"}, {"substance_misuse": "1"}])
def test_a_changed_cell_is_one_correction_and_changed_back_another(cell: dict[str, str]) -> None:
    desk = Desk(state_return)
    desk.is_told(2026, oc2=[oc2()])

    assert counts(desk.is_told(2026, oc2=[oc2(**cell)])) == (1, 1)
    assert counts(desk.is_told(2026, oc2=[oc2()])) == (1, 1)


def test_what_was_said_of_substance_misuse_is_retracted_when_the_row_says_nothing_of_it_any_more() -> None:
    desk = Desk(state_return)
    desk.is_told(2026, oc2=[oc2()])

    assert counts(desk.is_told(2026, oc2=[oc2(substance_misuse=None)])) == (1, 1)
    assert desk.record.standing_of(SubstanceMisuseReported) == []


def test_a_row_that_vanished_is_flagged_and_retracted_only_by_a_complete_return_of_the_same_year() -> None:
    desk = Desk(state_return)
    desk.record.says(HealthAssessmentHeld(kind="initial"), "2025-06-01")
    desk.is_told(2026, oc2=[oc2(substance_misuse=None)])

    assert counts(desk.is_told(2025, oc2=[], complete=True)) == (0, 0)
    assert [flag["rule"] for flag in desk.is_told(2026, oc2=[]).notes["flagged"]] == ["vanished"]
    assert counts(desk.is_told(2026, oc2=[], complete=True)) == (1, 1)
    assert len(desk.record.standing_of(HealthAssessmentHeld)) == 1


def test_an_assessment_cannot_have_been_held_tomorrow() -> None:
    tomorrow = HoldAssessment(held_on=START.date() + timedelta(days=1), kind="initial")

    with pytest.raises(Refusal, match="cannot have been held in the future"):
        hold_assessment(tomorrow, State(CHILD, [], START))


def test_the_same_assessment_recorded_again_changes_nothing_and_another_kind_of_the_day_does() -> None:
    record = Record()
    record.says(HealthAssessmentHeld(kind="initial"), "2026-05-14")
    state = State(CHILD, record.own(), START)

    assert hold_assessment(HoldAssessment(held_on=date(2026, 5, 14), kind="initial"), state).drafts == []
    assert len(hold_assessment(HoldAssessment(held_on=date(2026, 5, 14), kind="review"), state).drafts) == 1
