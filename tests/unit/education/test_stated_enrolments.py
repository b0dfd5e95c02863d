from itertools import permutations

import pytest

from events.correction import FactCorrected, FactRetracted
from tests.unit.education.made_education import Record, Row, row

FIRST = row("990001", "2019-09-03", "2024-09-01", "first_school")
SECOND = row("990002", "2024-09-03", "2025-10-20", "phase_transfer")
THIRD = row("990003", "2025-11-03", None, "placement_move")


def _imported(*rows: Row) -> Record:
    record = Record()
    record.import_enrolments(*rows)
    return record


def test_rows_become_schools_begun_and_left() -> None:
    record = _imported(FIRST, SECOND, THIRD)

    assert sorted(record.types()) == ["school_changed"] * 3 + ["school_left"] * 2
    assert record.roll == [
        ("990001", "2019-09-03", "2024-09-01"), ("990002", "2024-09-03", "2025-10-20"), ("990003", "2025-11-03", None)
    ]  # fmt: skip
    assert [c["previous_urn"] for c in record.content("education.school_changed")] == [None, "990001", "990002"]


@pytest.mark.parametrize("rows", list(permutations((FIRST, SECOND, THIRD))))
def test_the_same_rows_in_any_order_add_nothing(rows: tuple[Row, ...]) -> None:
    record = _imported(FIRST, SECOND, THIRD)

    assert record.import_enrolments(*rows) == 0
    assert (record.corrections, record.rules()) == (0, [])


def test_a_file_split_in_two_gives_the_same_roll() -> None:
    whole, split = _imported(FIRST, SECOND, THIRD), _imported(SECOND)

    split.import_enrolments(FIRST, THIRD)

    assert split.roll == whole.roll
    assert split.import_enrolments(SECOND) == 0


def test_an_end_filled_in_is_a_new_fact() -> None:
    record = _imported(FIRST, {**SECOND, "until": None})

    assert record.import_enrolments(FIRST, SECOND) == 1
    assert (record.types()[-1], record.corrections) == ("school_left", 0)


@pytest.mark.parametrize(
    "cell",
    [
        {"urn": "990009"},
        {"school": "Renamed School"},
        {"from": "2024-09-10"},
        {"until": "2025-10-24"},
        {"reason": "choice"},
        {"until": None},
    ],
)
def test_a_cell_changed_and_changed_back_are_two_corrections(cell: Row) -> None:
    record = _imported(FIRST, SECOND, THIRD)
    before = record.roll

    record.import_enrolments(FIRST, {**SECOND, **cell}, THIRD)
    assert record.corrections == 1
    record.import_enrolments(FIRST, SECOND, THIRD)

    assert (record.corrections, record.roll) == (2, before)
    assert record.import_enrolments(FIRST, SECOND, THIRD) == 0


def test_a_changed_school_carries_the_previous_school_of_the_next_row_along() -> None:
    record = _imported(FIRST, SECOND, THIRD)

    assert record.import_enrolments(FIRST, {**SECOND, "urn": "990009"}, THIRD) == 1
    assert record.content("education.school_changed")[2]["previous_urn"] == "990009"


def test_a_row_that_vanished_is_flagged_and_stays() -> None:
    record = _imported(FIRST, SECOND, THIRD)

    assert record.import_enrolments(FIRST, SECOND) == 0
    assert (record.rules(), len(record.roll)) == (["vanished"], 3)


def test_a_row_missing_from_a_complete_file_is_retracted_and_may_come_back() -> None:
    record = _imported(FIRST, SECOND)
    before = record.roll

    record.import_enrolments(FIRST, complete=True)
    assert {f.type for f in record.facts[-2:]} == {FactRetracted.wire}
    assert record.roll == before[:1]
    record.import_enrolments(FIRST, SECOND, complete=True)

    assert record.facts[-1].type == FactCorrected.wire
    assert record.roll == before


def test_nothing_is_retracted_for_a_child_with_a_row_that_could_not_be_read() -> None:
    record = _imported(FIRST, SECOND)

    record.import_enrolments(FIRST, {**SECOND, "from": "yesterday"}, complete=True)
    assert len(record.roll) == 2
    record.import_enrolments(FIRST, complete=True, partial=frozenset({"enrolments"}))

    assert len(record.roll) == 2


def test_a_file_takes_nothing_back_that_a_person_recorded() -> None:
    record = _imported(FIRST, {**SECOND, "until": None})
    record.leave("2025-12-01")

    assert record.import_enrolments(FIRST, {**SECOND, "until": None}, complete=True) == 0
    assert (record.roll[1][2], record.rules()) == ("2025-12-01", ["left"])


@pytest.mark.parametrize(
    ("cell", "column", "value_class"),
    [
        ({"from": "03/09/2019"}, "FROM", "not a date"),
        ({"from": None}, "FROM", "not a date"),
        ({"until": "2018-01-01"}, "UNTIL", "end before start"),
        ({"from": "2031-09-03", "until": None}, "FROM", "date in the future"),
        ({"urn": None}, "URN", "not an identifier"),
        ({"urn": "AnnaSmith"}, "URN", "not an identifier"),
        ({"school": "x" * 201}, "SCHOOL", "over-long field"),
        ({"school": "sealed.1.anything"}, "SCHOOL", "not plain text"),
        ({"reason": "by magic"}, "REASON", "unknown reason"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused_and_the_others_are_taken(
    cell: Row, column: str, value_class: str
) -> None:
    record = _imported({**FIRST, **cell}, THIRD)

    (refused,) = record.findings.refused
    assert (refused["column"], refused["value_class"]) == (column, value_class)
    assert [urn for urn, *_ in record.roll] == ["990003"]


def test_an_unknown_reason_is_refused_with_those_that_are_known() -> None:
    record = _imported({**FIRST, "reason": "moved on"})

    assert "first_school, placement_move, phase_transfer" in record.findings.refused[0]["remedy"]


def test_a_reason_may_be_written_as_people_write_it() -> None:
    assert _imported({**THIRD, "reason": "Placement move"}).enrolments[0].reason == "placement_move"


def test_a_row_twice_is_refused_once() -> None:
    record = _imported(THIRD, {**THIRD, "ref": 2})

    assert [r["ref"] for r in record.findings.refused] == [2]
    assert len(record.roll) == 1


def test_an_overlap_is_recorded_as_stated_and_flagged() -> None:
    record = _imported(SECOND, {**THIRD, "from": "2025-10-06", "ref": 7})

    assert record.roll[0][2] == "2025-10-20"
    assert [(f["rule"], f["ref"]) for f in record.findings.flagged] == [("overlap", 7)]


def test_a_school_without_a_name_is_shown_by_its_number() -> None:
    record = _imported({**THIRD, "school": None})

    assert record.enrolments[0].school == "990003"
    assert record.rules() == ["school_name"]


def test_findings_never_repeat_what_a_cell_holds() -> None:
    record = _imported({**FIRST, "reason": "secret words", "upn": "K990123456789"}, {**THIRD, "until": "2011-01-01"})

    said = repr(record.findings)
    assert "secret words" not in said
    assert "K990123456789" not in said
    assert "2011" not in said
