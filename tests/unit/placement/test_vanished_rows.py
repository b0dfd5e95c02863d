"""Which rows a return is missed for, and how a person finds the row that is meant."""

from typing import Any

import pytest

from carejourney.stated import Stated
from tests.builders import NEAR, Child, Row, an_episode
from tests.unit.placement.test_commands import enters
from tests.unit.placement.test_restating_a_return import STATED, known_child

OPEN: dict[str, Row] = {
    "episodes": an_episode("2025-01-02"),
    "missing": {"mis_start": "2025-01-02", "missing": "M"},
    "dolo": {"dolo_start": "2025-01-02"},
    "placed_adoption": {"date_placed": "2025-01-02"},
}
NEXT: dict[str, Row] = {
    "episodes": an_episode("2025-06-03", ls="V2", place="K2", place_provider="PR4", cin="N4", urn="SC1", pl_post=NEAR),
    "missing": {"mis_start": "2025-06-03", "missing": "A", "mis_end": "2025-06-05"},
    "dolo": {"dolo_start": "2025-06-03", "dolo_end": "2025-06-05"},
    "placed_adoption": {"date_placed": "2025-06-03", "date_placed_ceased": "2025-06-05"},
}  # fmt: skip
GONE: dict[str, list[tuple[str, str]]] = {
    "header": [("CHILD", "the row of header of the child")],
    "uasc": [("CHILD", "the row of uasc of the child")],
    "prev_perm": [("CHILD", "the row of prev_perm of the child")],
    "oc2": [("CONVICTED", "the row of oc2 for 2026")],
    "ad1": [("DATE_INT", "the row of ad1 with DATE_INT 01/05/2025")],
    "placed_adoption": [("DATE_PLACED", "the row of placed_adoption with DATE_PLACED 02/05/2025")],
    "missing": [("MIS_START", "the row of missing with MIS_START 03/05/2025")],
    "dolo": [("DOLO_START", "the row of dolo with DOLO_START 01/06/2025")],
    "episodes": [
        ("DECOM", "the row of episodes with DECOM 01/05/2025"),
        ("DECOM", "the row of episodes with DECOM 01/07/2025"),
    ],
}


SINCE_LAST_YEAR = sorted(GONE.keys() - {"oc2"})
IN_NO_OTHER_YEAR = ["ad1", "header", "prev_perm", "uasc"]


def missed(flagged: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((flag["column"], flag["reason"]) for flag in flagged if flag["rule"] == "vanished")


@pytest.mark.parametrize("table", sorted(GONE))
def test_a_row_that_vanished_is_told_by_its_table_and_the_day_it_began(table: str) -> None:
    said = known_child().states(tables={**STATED, table: []})
    end = " was stated before and is not in this return"
    assert missed(said.flagged) == [(column, reason + end) for column, reason in GONE[table]]


@pytest.mark.parametrize(("table", "is_missed"), [(t, t != "placed_adoption") for t in OPEN])
def test_what_last_year_left_open_is_missed_where_the_next_return_must_state_it_again(
    table: str, *, is_missed: bool
) -> None:
    child = Child()
    child.states(tables={table: [OPEN[table]]}, year=2025)
    said = child.states(tables={table: []}, year=2026, complete=True)
    assert (said.nothing, len(missed(said.flagged))) == (True, int(is_missed))


@pytest.mark.parametrize("table", OPEN)
def test_what_last_year_left_open_is_missed_where_the_next_return_states_another_row_of_the_table(table: str) -> None:
    child = Child()
    child.states(tables={table: [OPEN[table]]}, year=2025)
    said = child.states(tables={table: [NEXT[table]]}, year=2026)
    [(_, reason)] = missed(said.flagged)
    assert reason.endswith("02/01/2025 belongs in this return as well, but is not in it")


@pytest.mark.parametrize("table", ["uasc", "prev_perm", "header", "oc2", "ad1"])
def test_what_only_last_years_return_stated_once_is_not_missed(table: str) -> None:
    child = Child()
    child.states(tables={table: STATED[table]}, year=2025)
    assert child.states(tables={table: []}, year=2026, complete=True).flagged == []


def of_two_years(table: str) -> Child:
    """A child of whom the returns of two years state the same rows of a table."""
    child = Child()
    first, again = (child.states(tables={table: STATED[table]}, year=year) for year in (2026, 2027))
    assert (first.nothing, again.nothing) == (False, True)
    return child


@pytest.mark.parametrize("table", SINCE_LAST_YEAR)
def test_a_row_that_only_repeated_last_years_return_is_missed_when_it_vanishes(table: str) -> None:
    child = of_two_years(table)
    end = " was stated before and is not in this return"
    for _ in range(2):
        said = child.states(tables={table: []}, year=2027)
        assert said.nothing
        assert missed(said.flagged) == [(column, reason + end) for column, reason in GONE[table]]


@pytest.mark.parametrize("table", SINCE_LAST_YEAR)
def test_a_complete_return_takes_back_a_row_that_it_only_repeated_before(table: str) -> None:
    child = of_two_years(table)
    child.states(tables={table: []}, year=2027)
    said = child.states(tables={table: []}, year=2027, complete=True)
    assert (said.corrections > 0, len(missed(said.flagged))) == (True, len(GONE[table]))
    assert [fact for fact in child.own if not fact.retracted] == []
    assert child.states(tables={table: []}, year=2027, complete=True).flagged == []
    older = child.states(tables={table: STATED[table]}, year=2026)
    assert (older.nothing, set(older.rules)) == (True, {"older_return"})
    assert child.states(tables={table: STATED[table]}, year=2027).facts


@pytest.mark.parametrize("table", SINCE_LAST_YEAR)
def test_a_row_that_a_later_years_return_repeats_is_flagged_in_the_earlier_one_and_stays(table: str) -> None:
    child = of_two_years(table)
    said = child.states(tables={table: []}, year=2026, complete=True)
    reasons = [reason for _, reason in missed(said.flagged)]
    assert (said.nothing, len(reasons)) == (True, len(GONE[table]))
    assert all(reason.endswith("it stays, as a later year's return states it") for reason in reasons)


@pytest.mark.parametrize("table", IN_NO_OTHER_YEAR)
def test_where_nothing_is_remembered_of_the_returns_a_row_of_last_year_is_not_missed(table: str) -> None:
    child = of_two_years(table)
    child.stated = Stated()
    said = child.states(tables={table: []}, year=2027, complete=True)
    assert (said.nothing, said.flagged) == (True, [])


def test_what_a_person_recorded_is_missed_but_not_taken_back_where_a_return_repeated_it() -> None:
    child = Child()
    enters(child)
    [(_, episode)] = child.episodes.items()
    row: Row = {name: getattr(episode, name) for name in (*an_episode(), "home_post", "pl_post")}
    assert child.states(row, year=2026).nothing
    said = child.states(year=2026, complete=True)
    assert (said.nothing, len(missed(said.flagged))) == (True, 1)


def test_a_row_that_was_refused_does_not_make_forgotten_what_the_return_stated() -> None:
    child = of_two_years("missing")
    wrong = {**STATED["missing"][0], "mis_end": "2025-05-01"}
    refused = child.states(tables={"missing": [wrong]}, year=2027, complete=True)
    assert (refused.nothing, len(refused.refused), refused.flagged) == (True, 1, [])
    assert len(missed(child.states(tables={"missing": []}, year=2027).flagged)) == 1


def test_a_reason_why_a_plan_of_adoption_ended_without_its_day_is_flagged_as_not_recorded() -> None:
    row = {"date_placed": "2025-05-02", "reason_placed_ceased": "RD1"}
    said = Child().states(tables={"placed_adoption": [row]})
    assert said.types == ["adoption_decided"]
    assert [(f["ref"], f["column"], f["rule"]) for f in said.flagged] == [
        (0, "REASON_PLACED_CEASED", "reason-without-end")
    ]
