"""A return of an earlier year, imported after that of a later one: what it may add and what it may not change."""

from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from carejourney.restating import beyond, said_later, stated_year
from services.placement.domain import LeaveCare, leave_care
from services.placement.episodes import Episode, episode_of
from services.placement.later_years import contradicts, with_later_word
from services.placement.statement import reconciliation
from tests.builders import Child, Gazetteer, Row, an_episode

ADOPTION = {
    "date_int": "2024-05-01", "date_match": "2024-08-01", "foster_care": "0", "nb_adoptr": "2", "sex_adoptr": "MF",
    "ls_adoptr": "L11",
}  # fmt: skip


def told(*returns: tuple[int, Row]) -> Child:
    child = Child()
    for year, row in returns:
        child.states(row, year=year)
    return child


def word(child: Child, row: Row, year: int) -> Episode:
    """The row as the record completes it."""
    [(identity, known)] = child.episodes.items()
    return with_later_word(reconciliation(child.state), identity, known, episode_of(row), year)


def test_a_fact_is_said_later_only_by_the_return_of_a_later_year() -> None:
    [start] = [f for f in told((2025, an_episode("2024-06-01"))).own if f.type == "placement.episode_started"]
    assert [said_later(start, year) for year in (2024, 2025, 2026)] == [True, False, False]
    assert stated_year(start) == 2025
    recorded = msgspec.structs.replace(start, stated_in=None)
    assert (said_later(recorded, 2024), said_later(None, 2024), stated_year(recorded)) == (False, False, None)


@pytest.mark.parametrize(
    ("stated_in", "effective", "kept"),
    [
        ("ssda903/2026", "2024-06-01", True),
        ("ssda903/2025", "2025-06-01", False),
        ("ssda903/2024", "2025-06-01", True),
        (None, "2025-04-01", True),
        (None, "2025-03-31", False),
        (None, "2025-03-31T23:30:00.000000Z", True),
    ],
)
def test_a_return_cannot_unsay_what_a_later_one_said_or_what_came_after_its_year(
    stated_in: str | None, effective: str, *, kept: bool
) -> None:
    [start] = [f for f in told((2025, an_episode("2024-06-01"))).own if f.type == "placement.episode_started"]
    said = msgspec.structs.replace(start, stated_in=stated_in, effective=effective)
    assert beyond(said, 2025) is kept


def test_an_episode_stated_again_by_the_same_or_a_newer_year_is_as_that_one_says() -> None:
    child, row = told((2025, an_episode("2024-06-01"))), an_episode("2024-06-01", ls="V2", dec="2025-02-01", rec="E4A")
    assert [word(child, row, year) for year in (2025, 2026)] == [episode_of(row)] * 2


def test_an_episode_stated_again_by_an_older_year_is_as_the_newer_one_said() -> None:
    child = told(
        (2025, an_episode("2024-06-01")), (2026, an_episode("2024-06-01", ls="V2", dec="2025-07-01", rec="X1"))
    )
    [known] = child.episodes.values()
    assert word(child, an_episode("2024-06-01"), 2025) == known
    assert word(child, an_episode("2024-06-01", dec="2025-02-01", rec="E4A"), 2025) == known


def test_an_end_that_only_the_older_return_states_is_not_taken_where_the_newer_one_stated_the_episode_open() -> None:
    child = told((2026, an_episode("2024-06-01")))
    said = child.states(an_episode("2024-06-01", dec="2025-02-01", rec="E4A"), year=2025)
    assert (said.nothing, said.rules[-1]) == (True, "older_return")


def test_an_end_that_a_person_recorded_after_the_year_is_kept_and_one_within_the_year_is_not() -> None:
    child = told((2025, an_episode("2024-06-01")))
    command = LeaveCare(on=date(2025, 7, 1), reason="E4A")
    child.does(lambda state: leave_care(command, state, Gazetteer()))
    assert [word(child, an_episode("2024-06-01"), year).dec for year in (2025, 2026)] == ["2025-07-01", None]


def test_a_row_contradicts_what_was_said_later_in_any_cell_but_an_end_that_had_not_come() -> None:
    row = episode_of(an_episode("2024-06-01"))
    assert not contradicts(row, replace(row, dec="2025-07-01", rec="X1"))
    assert contradicts(row, replace(row, ls="V2", dec="2025-07-01", rec="X1"))
    assert contradicts(replace(row, dec="2024-07-01", rec="X1"), row)


@pytest.mark.parametrize("changed", [{"date_match": "2024-08-02"}, {"foster_care": "1"}])
def test_an_adoption_is_as_the_later_years_return_says(changed: Row) -> None:
    child = Child()
    child.states(tables={"ad1": [ADOPTION]}, year=2025)
    assert child.states(tables={"ad1": [{**ADOPTION, **changed}]}, year=2026).corrections == 1
    again = child.states(tables={"ad1": [ADOPTION]}, year=2025)
    assert (again.nothing, again.rules) == (True, ["older_return"])


@pytest.mark.parametrize(
    ("table", "row", "changed"),
    [
        ("episodes", an_episode("2025-01-02"), {"ls": "V2"}),
        ("missing", {"mis_start": "2025-01-02", "missing": "M"}, {"missing": "A"}),
        ("ad1", ADOPTION, {"foster_care": "1"}),
        ("uasc", {"duc": "2026-02-01"}, {"duc": "2026-02-02"}),
    ],
)
def test_what_a_later_years_return_took_back_is_not_brought_back_by_an_older_one(
    table: str, row: Row, changed: Row
) -> None:
    child = Child()
    child.states(tables={table: [row]}, year=2025)
    child.states(tables={table: [{**row, **changed}]}, year=2026)
    child.states(tables={table: []}, year=2026, complete=True)
    again = child.states(tables={table: [row]}, year=2025)
    assert (again.nothing, again.rules) == (True, ["older_return"])


def test_a_later_years_end_keeps_a_row_that_its_own_return_no_longer_holds() -> None:
    child = Child()
    rows: dict[str, Any] = {"mis_start": "2025-03-28", "missing": "M"}
    child.states(tables={"missing": [rows]}, year=2025)
    child.states(tables={"missing": [{**rows, "mis_end": "2025-04-03"}]}, year=2026)
    said = child.states(tables={"missing": []}, year=2025, complete=True)
    assert (said.nothing, said.rules) == (True, ["vanished"])


def test_an_incident_that_is_not_stated_again_is_not_taken_for_one_of_the_next_year() -> None:
    child = Child()
    child.states(tables={"missing": [{"mis_start": "2025-03-28", "missing": "M"}]}, year=2025)
    said = child.states(tables={"missing": [{"mis_start": "2025-06-02", "missing": "M"}]}, year=2026)
    assert (said.corrections, said.types, said.rules) == (0, ["child_went_missing"], ["vanished"])
