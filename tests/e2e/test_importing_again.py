"""The same return told again: shuffled, split, in another form, under another authority, of an earlier day."""

import random
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from carejourney.returns.report import ImportReport
from tests.e2e.importing import Importing, new_authority
from tests.e2e.return_folders import Cells, Tables, children_in, of_children, write_table, write_tables
from tests.fixtures.system import System
from tests.unit.returns.made_returns import a_return, write_csv, write_xml

Outcome = tuple[int, int, int, list[object]]

NOTHING: Outcome = (0, 0, 0, [])
REPEATED = {
    "header": "CHILD", "uasc": "CHILD", "prev_perm": "CHILD", "placed_adoption": "DATE_PLACED", "ad1": "DATE_INT",
    "episodes": "DECOM", "sw_episodes": "SW_DECOM", "reviews": "REVIEW",
}  # fmt: skip


def outcome(report: ImportReport) -> Outcome:
    return report.facts_recorded, report.corrections, report.rows_refused, [f for f in report.flagged if f.row is None]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(
    system: System, years: dict[int, Tables], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Importing, Tables]:
    """An authority whose return of 2026 is imported, with its tables."""
    importing = Importing(system, new_authority())
    tables = of_children(years[2026], children_in(years[2026])[:12], "again-")
    folder = write_tables(tmp_path_factory.mktemp("told"), tables)
    report = await importing.returns(folder)
    assert report.facts_recorded > 0
    return importing, tables


async def test_the_same_return_adds_nothing(told: tuple[Importing, Tables], tmp_path: Path) -> None:
    importing, tables = told

    assert outcome(await importing.returns(write_tables(tmp_path / "same", tables))) == NOTHING


async def test_shuffled_rows_and_columns_in_another_order_add_nothing(
    told: tuple[Importing, Tables], tmp_path: Path
) -> None:
    importing, tables = told
    dice = random.Random(20260401)
    for name, rows in tables.items():
        columns = list(rows[0]) if rows else []
        if columns:
            write_table(tmp_path / f"{name}.csv", dice.sample(rows, len(rows)), dice.sample(columns, len(columns)))

    assert outcome(await importing.returns(tmp_path, year=2026)) == NOTHING


async def test_a_table_split_in_two_files_adds_nothing(told: tuple[Importing, Tables], tmp_path: Path) -> None:
    importing, tables = told
    rest = {name: rows for name, rows in tables.items() if name != "episodes"}
    write_tables(tmp_path, rest)
    rows = tables["episodes"]
    parts = [
        write_table(tmp_path / "first.csv", rows[::2], rows[0]),
        write_table(tmp_path / "second.csv", rows[1::2], rows[0]),
    ]

    refused = await importing.returns(tmp_path)
    assert refused.files_refused == 1
    assert outcome(await importing.returns(tmp_path, files={"episodes": parts})) == NOTHING


async def test_the_xml_form_of_the_same_return_adds_nothing(importing: Importing, tmp_path: Path) -> None:
    made = a_return(8, seed=11)
    first = await importing.returns(write_csv(tmp_path / "csv", made))

    again = await importing.returns(write_xml(tmp_path / "xml", made))

    assert first.facts_recorded > 0
    assert (again.facts_recorded, again.corrections, again.rows_refused) == (0, 0, 0)


async def test_the_same_return_under_another_authority_is_refused(
    told: tuple[Importing, Tables], system: System, tmp_path: Path
) -> None:
    first, tables = told
    other = Importing(system, new_authority())

    report = await other.returns(write_tables(tmp_path, tables))

    assert report.facts_recorded == 0
    assert [(r.value_class, first.authority in r.reason) for r in report.refused] == [
        ("return of another authority", True)
    ]
    assert await other.histories() == {}


async def test_a_historic_load_is_shown_as_such_and_known_from_its_day(
    importing: Importing, years: dict[int, Tables], tmp_path: Path
) -> None:
    child = children_in(years[2024], "episodes")[0]
    folder = write_tables(tmp_path, of_children(years[2024], [child], "historic-"))
    await importing.returns(folder, recorded_on=date(2024, 6, 30))

    before = await importing.history(f"historic-{child}", known_on="2024-06-29")
    after = await importing.history(f"historic-{child}", known_on="2024-06-30")

    assert before["lanes"]["episode"] == []
    assert after["lanes"]["episode"]
    assert all(one["historic"] for one in after["lanes"]["episode"])


async def test_an_older_return_loaded_later_does_not_undo_what_a_later_one_states(
    importing: Importing, years: dict[int, Tables], tmp_path: Path
) -> None:
    both = [c for c in children_in(years[2026], "episodes") if c in children_in(years[2024], "episodes")][:8]
    old, new = (write_tables(tmp_path / str(y), of_children(years[y], both, "late-")) for y in (2024, 2026))
    await importing.returns(new)
    before = {child: told["lanes"]["episode"][-1] for child, told in (await importing.histories()).items()}

    report = await importing.returns(old, recorded_on=date(2024, 6, 30))

    assert report.corrections == 0
    after = {child: told["lanes"]["episode"][-1] for child, told in (await importing.histories()).items()}
    assert {c: one["value"] for c, one in after.items()} == {c: one["value"] for c, one in before.items()}


async def test_no_row_is_missed_in_the_returns_of_consecutive_years_nor_when_they_are_told_again(
    importing: Importing, years: dict[int, Tables], tmp_path: Path
) -> None:
    children = sorted({child for tables in years.values() for child in children_in(tables)})
    folders = [write_tables(tmp_path / str(y), of_children(told, children, "years-")) for y, told in years.items()]

    first, again = [[await importing.returns(folder) for folder in folders] for _ in range(2)]

    assert [flag for report in first + again for flag in report.flagged if flag.rule == "vanished"] == []
    assert [(report.facts_recorded, report.corrections) for report in again] == [(0, 0)] * len(folders)


def repeated(years: dict[int, Tables], table: str, prefix: str) -> tuple[str, list[Tables]]:
    """A child's returns of 2025 and 2026 that state the same one row of a table, and of 2026 again without it."""
    open_row = next(row for row in years[2025]["episodes"] if not row["DEC"] and row in years[2026]["episodes"])
    child = open_row["CHILD"]
    rows = [row for year in (2025, 2024, 2026) for row in years[year][table]]
    row = open_row if table == "episodes" else max(rows, key=lambda one: one["CHILD"] == child)
    stated: Cells = row | {"CHILD": prefix + child}
    told = [of_children(years[year], [child], prefix) for year in (2025, 2026, 2026)]
    held: tuple[list[Cells], ...] = ([stated], [stated], [])
    return prefix + child, [tables | {table: rows} for tables, rows in zip(told, held, strict=True)]


@pytest.mark.parametrize("table", REPEATED)
async def test_a_row_that_only_repeated_last_years_return_is_missed_when_it_vanishes(
    importing: Importing, years: dict[int, Tables], tmp_path: Path, table: str
) -> None:
    child, told = repeated(years, table, f"gone-{table}-")
    before, held, gone = (write_tables(tmp_path / str(n), tables) for n, tables in enumerate(told))
    await importing.returns(before, year=2025)
    await importing.returns(held, year=2026)
    lanes = (await importing.history(child))["lanes"]

    kept = await importing.returns(gone, year=2026)
    assert (kept.facts_recorded, [flag.column for flag in kept.flagged if flag.rule == "vanished"]) == (
        0, [REPEATED[table]],
    )  # fmt: skip
    assert (await importing.history(child))["lanes"] == lanes
    dropped = await importing.returns(gone, year=2026, complete=True)
    assert (dropped.facts_recorded > 0, dropped.corrections > 0) == (True, True)
    assert [flag.column for flag in dropped.flagged if flag.rule == "vanished"] == [REPEATED[table]]
    assert outcome(await importing.returns(gone, year=2026, complete=True)) == NOTHING


async def test_an_open_episode_that_a_complete_return_no_longer_holds_leaves_the_journey(
    importing: Importing, years: dict[int, Tables], tmp_path: Path
) -> None:
    child, told = repeated(years, "episodes", "open-")
    before, held, gone = (write_tables(tmp_path / str(n), tables) for n, tables in enumerate(told))
    for folder, year in ((before, 2025), (held, 2026)):
        await importing.returns(folder, year=year)
    stood = (await importing.history(child))["lanes"]["episode"]

    await importing.returns(gone, year=2026, complete=True)

    left = (await importing.history(child))["lanes"]["episode"]
    assert len(left) == len(stood) - 1
    again = await importing.returns(before, year=2025)
    assert (again.facts_recorded, "older_return" in {flag.rule for flag in again.flagged}) == (0, True)
