"""The returns of two years, in whatever order they come and however often: the later one has the last word."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planning.domain import state_return
from tests.unit.planning.made_record import Desk, counts

Rows = list[dict[str, Any]]
Told = tuple[Rows, Rows]
WORKERS = ["01980000-0000-7000-8000-00000000a001", "01980000-0000-7000-8000-00000000b002"]
DAYS = [f"{year}-{month:02}-07" for year, month in ((2024, 6), (2024, 9), (2024, 12), (2025, 6), (2025, 9), (2025, 12))]


@st.composite
def allocations(draw: st.DrawFn) -> Told:
    """Workers over two years; the return of the second year may tell one cell of each differently."""
    rows: Rows = []
    for begun in sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1, max_size=4))):
        ended = draw(st.sampled_from([None, *[day for day in DAYS if day >= begun]]))
        rows.append({"sw_decom": begun, "sw_dec": ended, **_cells(draw)})
    again = [{**row, **draw(st.sampled_from([{}, {"sw_dec": None}, _cells(draw)]))} for row in rows]
    first = [{**row, "sw_dec": _before(row["sw_dec"], "2025-04-01")} for row in rows if row["sw_decom"] < "2025-04-01"]
    second = [{**row, "sw_dec": _before(row["sw_dec"], "2026-04-01")} for row in again]
    return first, [row for row in second if row["sw_dec"] is None or row["sw_dec"] >= "2025-04-01"]


def _cells(draw: st.DrawFn) -> dict[str, Any]:
    return {"sw_id": draw(st.sampled_from(WORKERS)), "sw_reason": draw(st.sampled_from(["FCONTA", "OTHERS", None]))}


def _before(end: str | None, day: str) -> str | None:
    return end if end is not None and end < day else None


def reviews() -> st.SearchStrategy[Told]:
    """Reviews of a year; that of the second may tell again, or differently, what was held in the first."""
    one = st.fixed_dictionaries(
        {"review": st.sampled_from(DAYS), "review_code": st.sampled_from(["PN1", "PN2", "PN3"])}
    )
    rows = st.lists(one, max_size=4, unique_by=lambda row: (row["review"], row["review_code"]))
    return st.tuples(rows.map(lambda told: [row for row in told if row["review"] < "2025-04-01"]), rows)


TABLES = {"reviews": reviews(), "sw_episodes": allocations()}


def stands(desk: Desk) -> list[Any]:
    """All that stands, an end told by the allocation it ends."""
    own = {fact.id: fact for fact in desk.record.own() if not fact.retracted}
    told = []
    for fact in own.values():
        ended = own.get(fact.data.get("assignment", ""))
        told.append((fact.type, fact.effective, (ended.effective, ended.data) if ended else fact.data))
    return sorted(told, key=repr)


def after(table: str, returns: Told, *years: int, complete: bool = False) -> Desk:
    desk = Desk(state_return)
    for year in years:
        says(desk, table, returns, year, complete=complete)
    return desk


def says(desk: Desk, table: str, returns: Told, year: int, *, complete: bool) -> tuple[int, int]:
    told: dict[str, Any] = {table: returns[year - 2025]}
    return counts(desk.is_told(year, complete=complete, **told))


@pytest.mark.parametrize("table", sorted(TABLES))
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_return_of_the_earlier_year_said_again_changes_nothing(table: str, data: st.DataObject) -> None:
    returns, complete = data.draw(TABLES[table]), data.draw(st.booleans())
    desk = after(table, returns, 2025, 2026, complete=complete)
    assert says(desk, table, returns, 2025, complete=complete) == (0, 0)


@pytest.mark.parametrize("table", sorted(TABLES))
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_stands_does_not_depend_on_which_years_return_came_first(table: str, data: st.DataObject) -> None:
    returns = data.draw(TABLES[table])
    assert stands(after(table, returns, 2026, 2025)) == stands(after(table, returns, 2025, 2026))
