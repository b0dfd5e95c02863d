from datetime import date, timedelta
from itertools import pairwise

from tests.unit.sample.made_sample import Cells, Sample, day

REASONS = {
    "first_school",
    "placement_move",
    "phase_transfer",
    "managed_move",
    "exclusion",
    "family_moved",
    "choice",
    "other",
}


def _moves(sample: Sample) -> dict[str, list[date]]:
    """The days on which a child came to other carers, over all returns."""
    moves: dict[str, list[date]] = {}
    for told in sample.returns.values():
        for row in told.table("episodes"):
            if row["RNE"] in {"S", "P", "B"}:
                moves.setdefault(row["CHILD"], []).append(day(row["DECOM"]))
    return moves


def _rows(sample: Sample, reason: str) -> list[Cells]:
    first = sample.returns[sample.years[0]].first
    rows = [row for rows in sample.enrolments().values() for row in rows]
    return [row for row in rows if row["reason"] == reason and day(row["from"]) > first + timedelta(days=60)]


def test_a_school_change_that_follows_a_placement_move_comes_within_weeks_of_it(sample: Sample) -> None:
    moves = _moves(sample)
    following = _rows(sample, "placement_move")

    assert len(following) > 30
    for row in following:
        assert any(timedelta(0) < day(row["from"]) - moved < timedelta(weeks=13) for moved in moves[row["local_id"]])


def test_some_school_changes_follow_no_move(sample: Sample) -> None:
    others = [row for reason in REASONS - {"placement_move", "first_school"} for row in _rows(sample, reason)]

    assert len(others) > 30


def test_no_child_is_on_two_rolls_at_once(sample: Sample) -> None:
    for rows in sample.enrolments().values():
        for before, after in pairwise(rows):
            assert day(before["from"]) < day(before["until"]) <= day(after["from"])
            assert before["urn"] != after["urn"]


def test_only_children_of_school_age_are_enrolled(sample: Sample) -> None:
    born = {child: day(row["DOB"]) for told in sample.returns.values() for child, row in told.header().items()}
    for child, rows in sample.enrolments().items():
        for row in rows:
            assert 4 <= (day(row["from"]) - born[child]).days / 365.25 < 16.95
            assert not row["until"] or (day(row["until"]) - born[child]).days / 365.25 < 17


def test_enrolled_children_are_children_of_the_returns_with_the_same_pupil_number(sample: Sample) -> None:
    numbers = {child: row["UPN"] for told in sample.returns.values() for child, row in told.header().items()}
    for child, rows in sample.enrolments().items():
        for row in rows:
            assert numbers[child] in {row["upn"], "UN3"}


def test_every_enrolment_gives_one_of_the_reasons_education_knows(sample: Sample) -> None:
    assert {row["reason"] for rows in sample.enrolments().values() for row in rows} <= REASONS


def test_a_school_has_one_name_and_a_number_of_no_real_school(sample: Sample) -> None:
    names = {(row["urn"], row["school"]) for rows in sample.enrolments().values() for row in rows}

    assert len({urn for urn, _ in names}) == len(names)
    assert all(urn.startswith("9") and len(urn) == 6 for urn, _ in names)
