from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carejourney.projection import fold
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from events.leaving_care import TurnedEighteen
from events.placement import ChildEnteredCare, ChildLeftCare, LegalStatusChanged, PlacementMoved
from services.health.projections import HEALTH, KEEPS, POLICY
from tests.unit.planning.made_record import KINDS, Record, after_arriving, interleavings, row_of

STARTED = "01980000-0000-7000-8000-00000000d004"
DUE = date(2024, 2, 5)


def entered(record: Record, day: str = "2024-01-08", **details: Any) -> str:
    return record.says(ChildEnteredCare(legal_status="C2", category_of_need="N1", **details), day)


def moved(record: Record, day: str, *, carer_changed: bool = True) -> str:
    body = PlacementMoved(started=STARTED, from_type="U6", to_type="U4", carer_changed=carer_changed)
    return record.says(body, day)


def shown(record: Record, *columns: str) -> tuple[Any, ...]:
    row = row_of(HEALTH, record.facts)
    return tuple(row.get(column) for column in columns)


def test_a_child_who_entered_care_has_a_first_assessment_due() -> None:
    record = Record()
    entered(record)

    assert shown(record, "in_care", "due_on", "due_on_or_before", "met_on", "due_state") == (
        True,
        DUE,
        False,
        None,
        "open",
    )


def test_an_assessment_within_the_three_months_before_care_meets_it() -> None:
    record = Record()
    record.says(HealthAssessmentHeld(kind="review"), "2023-12-01")
    entered(record)

    assert shown(record, "due_state", "met_on", "last_assessed_on") == ("met", date(2023, 12, 1), date(2023, 12, 1))


def test_what_the_annual_return_says_meets_nothing() -> None:
    record = Record()
    entered(record)
    record.says(HealthOutcomesReported(year=2025, health_assessment=True, sdq_score=9), "2024-04-01")

    assert shown(record, "due_state", "outcomes_year", "sdq_score", "health_assessment") == ("open", 2025, 9, True)


def test_care_known_on_or_before_a_day_has_a_due_date_on_or_before() -> None:
    record = Record()
    entered(record, on_or_before=True)

    assert shown(record, "on_or_before", "due_on_or_before") == (True, True)


def test_a_move_to_another_carer_leaves_a_registration_to_check_and_one_with_the_same_carer_does_not() -> None:
    record = Record()
    moved(record, "2024-02-10", carer_changed=False)
    assert shown(record, "registration_to_check_since") == (None,)

    moved(record, "2024-03-01")
    moved(record, "2024-04-01", carer_changed=False)
    record.says(HealthAssessmentHeld(kind="review"), "2024-05-01")
    assert shown(record, "registration_to_check_since") == (date(2024, 3, 1),)


def test_a_child_who_turned_eighteen_is_shown_as_such() -> None:
    record = Record()
    record.says(TurnedEighteen(), "2024-03-14")

    assert shown(record, "turned_eighteen_on") == (date(2024, 3, 14),)


def test_the_outcomes_shown_are_those_of_the_latest_year_whenever_it_was_stated() -> None:
    record = Record()
    record.says(HealthOutcomesReported(year=2026, sdq_score=20), "2025-04-01")
    record.says(HealthOutcomesReported(year=2025, sdq_score=9), "2024-04-01")

    assert shown(record, "outcomes_year", "sdq_score") == (2026, 20)


def busy_record() -> Record:
    record = Record()
    entered(record, on_or_before=True)
    record.says(LegalStatusChanged(legal_status="V4"), "2024-02-01")
    record.says(HealthAssessmentHeld(kind="initial"), "2024-01-30")
    late = record.says(HealthAssessmentHeld(kind="review"), "2023-11-30")
    record.says(HealthOutcomesReported(year=2025, sdq_score=12), "2024-04-01")
    record.says(HealthOutcomesReported(year=2024, health_assessment=True), "2023-04-01")
    moved(record, "2024-02-20")
    moved(record, "2024-01-20", carer_changed=False)
    record.says(TurnedEighteen(), "2024-05-01")
    record.retracts(late, HealthAssessmentHeld)
    record.says(ChildLeftCare(reason="E4A"), "2024-03-01")
    entered(record, "2024-06-01")
    record.says(LegalStatusChanged(legal_status="V2"), "2024-06-01")
    return record


BUSY = busy_record()


@given(interleavings(BUSY.facts))
def test_the_record_does_not_depend_on_the_order_of_arrival(arrivals: list[Any]) -> None:
    assert after_arriving(HEALTH, arrivals) == fold(HEALTH, BUSY.facts, KINDS)


@given(st.integers(0, len(BUSY.facts)))
def test_after_any_number_of_facts_the_record_is_the_fold_of_them(number: int) -> None:
    so_far = BUSY.facts[:number]

    assert after_arriving(HEALTH, so_far) == fold(HEALTH, so_far, KINDS)


def test_the_copy_keeps_all_the_record_and_the_policy_look_at_and_corrections() -> None:
    assert HEALTH.handles | POLICY.fact_types() <= KEEPS
    assert {"correction.fact_corrected", "correction.fact_retracted"} <= KEEPS
