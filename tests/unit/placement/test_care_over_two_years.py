"""The returns of two years, in whatever order they come and however often: the later one has the last word."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import Child, Row, a_header, an_episode

Rows = list[Row]
Told = tuple[Rows, Rows]
DAYS = [f"{year}-{month:02}-0{day}" for year, month in ((2024, 6), (2024, 12), (2025, 6), (2025, 12)) for day in (2, 7)]
YEARS = {2025: ("2024-04-01", "2025-04-01"), 2026: ("2025-04-01", "2026-04-01")}


def touching(year: int, rows: Rows, start: str, end: str, *with_end: str) -> Rows:
    """The rows that a return of the year holds: what ended after it is still open there."""
    first, after = YEARS[year]
    held = [row for row in rows if row[start] < after and (row[end] is None or row[end] >= first)]
    ended = [row[end] is not None and row[end] < after for row in held]
    return [
        row if closed else {**row, **dict.fromkeys((end, *with_end))} for row, closed in zip(held, ended, strict=True)
    ]


@st.composite
def lasting(
    draw: st.DrawFn, start: str, end: str, cells: dict[str, list[Any]], *with_end: str, moves: bool = False
) -> Told:
    """Rows of two years that begin on different days; the second year's return tells some cells differently.

    Where a row `moves`, it may also tell the first day differently.
    """
    rows = []
    for begun in sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1, max_size=4))):
        ended = draw(st.sampled_from([None, *[day for day in DAYS if day >= begun]]))
        told = {name: draw(st.sampled_from(values)) for name, values in cells.items()}
        rows.append({start: begun, end: ended, **told, **(dict.fromkeys(with_end) if ended is None else {})})
    again = [dict(row) for row in rows]
    for row in again:
        for name in draw(st.sets(st.sampled_from([*cells, end]), max_size=1)):
            row[name] = draw(st.sampled_from(cells[name])) if name != end else None
        if moves and draw(st.booleans()):
            row[start] = f"{row[start][:-1]}8"
    return touching(2025, rows, start, end, *with_end), touching(2026, again, start, end, *with_end)


def once(cells: dict[str, list[Any]]) -> st.SearchStrategy[Told]:
    row = st.lists(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in cells.items()}), max_size=1)
    return st.tuples(row, row)


ENDED = {"rec": [None, "X1", "E4A"], "reason_place_change": [None, "CARPL"]}
ADOPTED = {
    "date_match": ["2024-08-01", "2024-09-01"], "foster_care": ["0", "1"], "nb_adoptr": ["2"], "sex_adoptr": ["MF"],
    "ls_adoptr": ["L11"], "date_int": ["2024-06-02", "2024-12-02"],
}  # fmt: skip
DETAILS = {name: [cell, None] for name, cell in a_header().items() if name not in {"sex", "dob"}}
ONCE = {
    "header": once(DETAILS).map(lambda told: ([a_header(**r) for r in told[0]], [a_header(**r) for r in told[1]])),
    "uasc": once({"duc": ["2026-02-01", "2026-03-01", None]}),
    "prev_perm": once({"prev_perm": ["P1", "P2"], "la_perm": ["330", None], "date_perm": ["xx/11/2015", None]}),
    "oc2": once({"convicted": ["0", "1", None]}),
    "ad1": once(ADOPTED),
}  # fmt: skip
LASTING = ("missing", "dolo", "placed_adoption", "episodes")


def two_years(table: str, *, moves: bool = False) -> st.SearchStrategy[Told]:
    """What the returns of 2025 and 2026 state in one table."""
    if table == "missing":
        return lasting("mis_start", "mis_end", {"missing": ["M", "A"]}, moves=moves)
    if table == "dolo":
        return lasting("dolo_start", "dolo_end", {}, moves=moves)
    if table == "placed_adoption":
        reasons = {"reason_placed_ceased": ["RD1", "RD2"]}
        return lasting("date_placed", "date_placed_ceased", reasons, *reasons, moves=moves)
    if table == "episodes":
        told = lasting("decom", "dec", {"ls": ["C2", "V2"], "place": ["U6", "K2"], **ENDED}, moves=moves)
        return told.map(lambda two: ([an_episode(**row) for row in two[0]], [an_episode(**row) for row in two[1]]))
    return ONCE[table]


def stands(child: Child) -> list[Any]:
    """All that stands, each id told by the content of what it belongs to."""
    own = {f.id: f for f in child.own if not f.retracted}
    named = {
        i: [f.type, f.effective, sorted((k, v) for k, v in f.data.items() if v not in own)] for i, f in own.items()
    }
    told = [[named[f.id], [named[v] for v in f.data.values() if v in own]] for f in own.values()]
    return sorted(told, key=repr)


def after(table: str, returns: Told, *years: int, complete: bool = False) -> Child:
    child = Child()
    for year in years:
        child.states(year=year, tables={table: returns[year - 2025]}, complete=complete)
    return child


@pytest.mark.parametrize("table", [*ONCE, *LASTING])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_return_of_the_earlier_year_said_again_changes_nothing(table: str, data: st.DataObject) -> None:
    returns, complete = data.draw(two_years(table, moves=True)), data.draw(st.booleans())
    child = after(table, returns, 2025, 2026, complete=complete)
    before = stands(child), len(child.facts)
    assert child.states(year=2025, tables={table: returns[0]}, complete=complete).nothing
    assert (stands(child), len(child.facts)) == before


@pytest.mark.parametrize("table", [*ONCE, *LASTING])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_stands_does_not_depend_on_which_years_return_came_first(table: str, data: st.DataObject) -> None:
    returns = data.draw(two_years(table))
    assert stands(after(table, returns, 2026, 2025)) == stands(after(table, returns, 2025, 2026))
