from datetime import date
from typing import Any

from hypothesis import given

from carejourney.projection import fold
from events.leaving_care import CareLeaverOutcomesReported, TurnedEighteen, TurnedSixteen, TurnedTwentyOne
from events.placement import ChildDetailsRecorded, ChildEnteredCare, ChildLeftCare
from services.leaving_care.birthdays import LISTENS
from services.leaving_care.projections import KEEPS, LEAVERS
from tests.unit.planning.made_record import KINDS, Record, after_arriving, interleavings, row_of


def entered(record: Record, day: str) -> str:
    return record.says(ChildEnteredCare(legal_status="C2", category_of_need="N1"), day)


def shown(record: Record, *columns: str) -> tuple[Any, ...]:
    row = row_of(LEAVERS, record.facts)
    return tuple(row[column] for column in columns)


def test_a_child_in_care_is_no_care_leaver_at_sixteen_and_is_one_at_eighteen() -> None:
    record = Record()
    entered(record, "2020-01-06")
    record.says(TurnedSixteen(), "2024-03-14")
    assert shown(record, "in_care_at_sixteen_or_after", "care_leaver") == (True, False)

    record.says(TurnedEighteen(), "2026-03-14")
    assert shown(record, "care_leaver", "turned_eighteen_on") == (True, date(2026, 3, 14))


def test_a_child_who_leaves_after_sixteen_is_a_care_leaver_and_one_who_left_before_is_not() -> None:
    record = Record()
    entered(record, "2020-01-06")
    record.says(ChildLeftCare(reason="E4A"), "2024-06-01")
    assert shown(record, "care_leaver", "left_on") == (False, date(2024, 6, 1))

    record.says(TurnedSixteen(), "2024-03-14")
    assert shown(record, "care_leaver") == (True,)


def test_a_retracted_birthday_is_no_longer_shown() -> None:
    record = Record()
    entered(record, "2020-01-06")
    record.retracts(record.says(TurnedSixteen(), "2024-03-14"), TurnedSixteen)

    assert shown(record, "in_care_at_sixteen_or_after", "turned_sixteen_on") == (False, None)


def test_the_outcomes_shown_are_those_of_the_latest_year() -> None:
    record = Record()
    record.says(CareLeaverOutcomesReported(year=2026, in_touch="YES", activity="F2", accommodation="Z1"), "2025-04-01")
    record.says(CareLeaverOutcomesReported(year=2025, in_touch="NO"), "2024-04-01")

    assert shown(record, "outcomes_year", "in_touch", "accommodation") == (2026, "YES", "Z1")


def test_a_reported_death_is_shown() -> None:
    record = Record()
    record.says(CareLeaverOutcomesReported(year=2026, in_touch="DIED"), "2025-04-01")

    assert shown(record, "died") == (True,)


def test_no_date_of_birth_and_no_birthday_to_come_reaches_the_table() -> None:
    record = Record()
    record.says(ChildDetailsRecorded(sex="F", date_of_birth=date(2008, 3, 14)))
    entered(record, "2020-01-06")

    saved = after_arriving(LEAVERS, record.facts)
    assert "2008-03-14" not in str(saved)
    assert row_of(LEAVERS, record.facts)["turned_sixteen_on"] is None


def busy_record() -> Record:
    record = Record()
    entered(record, "2020-01-06")
    sixteen = record.says(TurnedSixteen(), "2024-03-14")
    record.says(ChildLeftCare(reason="E17"), "2026-03-14")
    record.says(TurnedEighteen(), "2026-03-14")
    record.says(CareLeaverOutcomesReported(year=2027, in_touch="YES"), "2026-04-01")
    record.says(CareLeaverOutcomesReported(year=2025, in_touch="REFU"), "2024-04-01")
    record.retracts(sixteen, TurnedSixteen)
    record.says(TurnedSixteen(), "2024-03-15")
    record.says(TurnedTwentyOne(), "2029-03-15")
    entered(record, "2018-02-01")
    record.says(ChildLeftCare(reason="E4A"), "2019-03-01")
    return record


BUSY = busy_record()


@given(interleavings(BUSY.facts))
def test_the_row_does_not_depend_on_the_order_of_arrival(arrivals: list[Any]) -> None:
    assert after_arriving(LEAVERS, arrivals) == fold(LEAVERS, BUSY.facts, KINDS)


def test_the_copy_keeps_all_the_projection_and_the_reaction_look_at_and_corrections() -> None:
    assert LEAVERS.handles | LISTENS <= KEEPS
    assert {"correction.fact_corrected", "correction.fact_retracted"} <= KEEPS
