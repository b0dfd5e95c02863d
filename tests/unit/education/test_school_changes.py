import pytest

from carejourney.errors import Refusal
from tests.unit.education.made_education import Record


def test_a_child_begins_at_a_school() -> None:
    record = Record()

    record.change("990001", "2025-09-03", "first_school")

    assert record.types() == ["school_changed"]
    assert record.content("education.school_changed") == [
        {"urn": "990001", "school": "School 990001", "previous_urn": None, "reason": "first_school"}
    ]
    assert record.facts[0].effective == "2025-09-03"


def test_a_child_who_changes_school_leaves_the_one_before_on_that_day() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    record.change("990002", "2026-01-05", "placement_move")

    assert record.roll == [("990001", "2025-09-03", "2026-01-05"), ("990002", "2026-01-05", None)]
    assert record.content("education.school_changed")[1]["previous_urn"] == "990001"
    assert record.facts[-1].headers["ce_origin"] in {"person", "computed"}


def test_a_child_cannot_start_two_schools_on_one_day() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    with pytest.raises(Refusal, match="two schools on one day"):
        record.change("990002", "2025-09-03")


def test_the_same_school_from_the_same_day_is_already_so() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    assert record.change("990001", "2025-09-03") == 0


def test_a_child_cannot_begin_again_at_the_school_attended() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    with pytest.raises(Refusal, match="attends this school already, since 2025-09-03"):
        record.change("990001", "2025-11-03")


def test_a_school_more_than_a_year_ahead_is_refused() -> None:
    with pytest.raises(Refusal, match="more than a year ahead"):
        Record().change("990001", "2028-09-03")


def test_a_school_recorded_late_ends_when_the_next_one_began() -> None:
    record = Record()
    record.change("990001", "2024-09-03")
    record.change("990003", "2026-01-05")

    record.change("990002", "2025-03-03")

    assert record.roll == [
        ("990001", "2024-09-03", "2025-03-03"), ("990002", "2025-03-03", "2026-01-05"), ("990003", "2026-01-05", None)
    ]  # fmt: skip
    assert [c["previous_urn"] for c in record.content("education.school_changed")] == [None, "990002", "990001"]


def test_a_child_leaves_a_school() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    assert record.leave("2025-12-19") == 1
    assert record.roll == [("990001", "2025-09-03", "2025-12-19")]


def test_leaving_again_on_the_same_day_is_already_so() -> None:
    record = Record()
    record.change("990001", "2025-09-03")
    record.leave("2025-12-19")

    assert record.leave("2025-12-19") == 0


def test_a_child_cannot_leave_a_school_that_was_not_attended() -> None:
    record = Record()
    record.change("990001", "2025-09-03")

    with pytest.raises(Refusal, match="no school is known"):
        record.leave("2025-08-01")


def test_of_two_schools_the_one_left_must_be_named() -> None:
    record = Record()
    record.import_enrolments(
        {"ref": 1, "urn": "990001", "school": "One", "from": "2025-09-03"},
        {"ref": 2, "urn": "990002", "school": "Two", "from": "2025-10-01"},
    )

    with pytest.raises(Refusal, match="say which by its urn"):
        record.leave("2025-12-19")
    assert record.leave("2025-12-19", "990002") == 1
