"""Years of returns become every child's journey, and the journey still knows what it did not know before."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.importing import History, Importing, new_authority
from tests.e2e.return_folders import Cells, Tables, iso
from tests.fixtures.system import System

DATES = ("DECOM", "DEC")
COLUMNS = (
    "DECOM", "RNE", "LS", "CIN", "PLACE", "PLACE_PROVIDER", "DEC", "REC", "REASON_PLACE_CHANGE", "HOME_POST", "PL_POST",
    "URN",
)  # fmt: skip
Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Imported:
    """An authority imported year by year, with what the journey told before the last year came."""

    importing: Importing
    before_last: str
    told_then: dict[str, History]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def imported(system: System, sample: Path) -> Imported:
    importing = Importing(system, new_authority())
    for year in (2024, 2025):
        report = await importing.returns(sample / str(year))
        assert report.clean, report.refused
    told = await importing.histories()
    moment = datetime.now(UTC).isoformat()
    await importing.returns(sample / "2026")
    return Imported(importing, moment, told)


def stated_row(row: Cells) -> Row:
    return tuple(iso(row[name]) if name in DATES else row[name] or None for name in COLUMNS)


def told_row(interval: dict[str, Any]) -> Row:
    cells = {name: _code(interval["value"].get(name.lower())) for name in COLUMNS} | {"DECOM": interval["from"]}
    assert cells["DEC"] == interval["until"]
    return tuple(cells[name] for name in COLUMNS)


def _code(cell: Any) -> Any:
    return cell["code"] if isinstance(cell, dict) else cell


def episodes_stated(returns: list[Tables]) -> dict[str, list[Row]]:
    """Each child's episodes in their order; of one stated in several years the latest counts."""
    latest = {(row["CHILD"], row["DECOM"]): stated_row(row) for one in returns for row in one["episodes"]}
    children = {row["CHILD"] for one in returns for row in one["header"]}
    return {child: sorted(row for (of, _), row in latest.items() if of == child) for child in children}


def episodes_told(histories: dict[str, History]) -> dict[str, list[Row]]:
    return {child: [told_row(one) for one in told["lanes"]["episode"]] for child, told in histories.items()}


def without_the_question(histories: dict[str, History]) -> dict[str, History]:
    return {child: {k: v for k, v in told.items() if k != "known_on"} for child, told in histories.items()}


async def test_every_childs_episodes_are_the_rows_of_the_returns(imported: Imported, years: dict[int, Tables]) -> None:
    told = episodes_told(await imported.importing.histories())

    assert told == episodes_stated(list(years.values()))
    assert sum(map(len, told.values())) > 150


async def test_what_was_known_before_the_last_year_is_still_told(imported: Imported, years: dict[int, Tables]) -> None:
    then = await imported.importing.histories(known_on=imported.before_last)

    known = {child: told for child, told in then.items() if child in imported.told_then}
    assert without_the_question(known) == without_the_question(imported.told_then)
    assert episodes_told(known) == episodes_stated([years[2024], years[2025]])
    newcomers = [told for child, told in then.items() if child not in known]
    assert newcomers
    assert not any(lane for told in newcomers for lane in told["lanes"].values())


@pytest.mark.parametrize("day", ["2023-09-01", "2024-12-25", "2026-03-31"])
async def test_on_any_day_the_journey_shows_the_episode_of_that_day(
    imported: Imported, years: dict[int, Tables], day: str
) -> None:
    stated = episodes_stated(list(years.values()))
    told = episodes_told(await imported.importing.histories(true_on=day))

    def of_the_day(rows: list[Row]) -> list[Row]:
        end = COLUMNS.index("DEC")
        return [row for row in rows if str(row[0]) <= day and (row[end] is None or day < str(row[end]))]

    assert told == {child: of_the_day(rows) for child, rows in stated.items()}
    assert any(told.values())


async def test_importing_all_the_years_again_adds_no_fact(imported: Imported, sample: Path) -> None:
    report = await imported.importing.returns(*(sample / str(year) for year in (2024, 2025, 2026)))

    assert (report.facts_recorded, report.corrections, report.refused) == (0, 0, [])


async def test_enrolments_imported_again_add_no_fact(imported: Imported, sample: Path) -> None:
    first = await imported.importing.enrolments(sample / "enrolments.csv")
    again = await imported.importing.enrolments(sample / "enrolments.csv")

    assert first.clean
    assert first.facts_recorded >= first.rows_taken > 0
    assert (again.facts_recorded, again.corrections, again.refused) == (0, 0, [])
