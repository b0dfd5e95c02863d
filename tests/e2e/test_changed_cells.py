"""One cell changed is one correction, changed back another; an end filled in is news; what vanished is told."""

from pathlib import Path

import pytest
import pytest_asyncio

from carejourney.returns.tables import RETURN_TABLES, Column
from tests.e2e.importing import Importing, lanes_told, new_authority
from tests.e2e.made_children import MOVED, another, joined, whole_child
from tests.e2e.return_folders import Tables, changed, stated, without, write_tables
from tests.fixtures.system import System

CELLS = [
    (table.name, number, column)
    for table in RETURN_TABLES.values()
    for number in range(2 if table.name == "episodes" else 1)
    for column in table.values
    if column.owner
]
_CORRECTIONS = """
select coalesce(sum((convert_from(answer, 'utf8')::json ->> 'corrections')::int), 0) from command
where subject = any($1)
"""
_SUBJECT = "select subject from subject_register where authority = $1 and local_id_digest = $2"


def child_of(place: tuple[str, int, Column]) -> str:
    table, number, column = place
    return f"{table}-{number}-{column.name}"


def with_another(place: tuple[str, int, Column]) -> Tables:
    table, number, column = place
    tables = whole_child(child_of(place))
    return changed(tables, table, number, **{column.name: another(column, tables[table][number][column.name])})


async def corrections_of(importing: Importing, local_id: str) -> int:
    """How many stated rows of a child were corrected so far, over all services."""
    placement = importing.system.running["placement"]
    digest = placement.keys.digest(f"{importing.authority}:{local_id}")
    subject = await placement.pool.fetchval(_SUBJECT, importing.authority, digest)
    return sum([await r.pool.fetchval(_CORRECTIONS, [subject]) for r in importing.system.running.values()])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def changed_and_back(
    system: System, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, int, bool, bool]]:
    """By child, whose one cell was changed and changed back: corrections by then, whether the journey showed it."""
    importing, folder = Importing(system, new_authority()), tmp_path_factory.mktemp("cells")
    whole = write_tables(folder / "whole", joined([whole_child(child_of(place)) for place in CELLS]))
    altered = write_tables(folder / "altered", joined([with_another(place) for place in CELLS]))
    counts, told = [], []
    for one in (whole, altered, whole):
        assert (await importing.returns(one)).clean
        counts.append([await corrections_of(importing, child_of(place)) for place in CELLS])
        histories = await importing.histories()
        told.append([lanes_told(histories[child_of(place)]) for place in CELLS])
    assert not any(counts[0])
    return {
        child_of(place): (first, second, before != between, before == after)
        for place, first, second, before, between, after in zip(CELLS, counts[1], counts[2], *told, strict=True)
    }


@pytest.mark.parametrize("place", CELLS, ids=child_of)
def test_a_cell_changed_and_changed_back_is_two_corrections(
    changed_and_back: dict[str, tuple[int, int, bool, bool]], place: tuple[str, int, Column]
) -> None:
    first, both, showed, restored = changed_and_back[child_of(place)]

    assert (first, both) == (1, 2)
    # Workers are told apart by ids alone, which the comparison leaves out.
    assert showed == (place[2].name != "SW_ID")
    assert restored


async def test_an_end_filled_in_is_a_new_fact_and_no_correction(importing: Importing, tmp_path: Path) -> None:
    ended = whole_child("ended")
    ends = {"episodes": "DEC", "missing": "MIS_END", "sw_episodes": "SW_DEC", "dolo": "DOLO_END"}
    going_on = ended
    for table, column in ends.items():
        going_on = changed(going_on, table, -1, **{column: ""})
    going_on = changed(going_on, "episodes", -1, DEC="", REC="", REASON_PLACE_CHANGE="")
    await importing.returns(write_tables(tmp_path / "open", going_on))

    report = await importing.returns(write_tables(tmp_path / "ended", ended))

    # Three ends, and of the episode besides: the end of the placement and of care.
    assert (report.facts_recorded, report.corrections) == (len(ends) + 2, 0)


REMOVABLE = [name for name in RETURN_TABLES if name != "header"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shortened(system: System, tmp_path_factory: pytest.TempPathFactory) -> tuple[Importing, Path]:
    """Children of each of whom one row has gone from the return, imported once without `--complete`."""
    importing, folder = Importing(system, new_authority()), tmp_path_factory.mktemp("shortened")
    await importing.returns(write_tables(folder / "whole", joined([whole_child(name) for name in REMOVABLE])))
    rest = [without(whole_child(name), name, len(whole_child(name)[name]) - 1) for name in REMOVABLE]
    return importing, write_tables(folder / "rest", joined(rest))


async def test_a_row_that_vanished_is_flagged_and_stays(shortened: tuple[Importing, Path]) -> None:
    importing, rest = shortened
    before = {child: lanes_told(told) for child, told in (await importing.histories()).items()}

    report = await importing.returns(rest)

    assert (report.facts_recorded, report.corrections) == (0, 0)
    assert sorted(f.file for f in report.flagged if f.rule == "vanished") == sorted(f"{n}.csv" for n in _TOLD_BY)
    assert {child: lanes_told(told) for child, told in (await importing.histories()).items()} == before
    days = {f.column: f.reason for f in report.flagged if f.file in {"episodes.csv", "reviews.csv", "sw_episodes.csv"}}
    assert [f"with {column} {stated(MOVED)} was stated before" in reason for column, reason in days.items()] == [
        True
    ] * 3


_TOLD_BY = [name for name in REMOVABLE for _ in range(2 if name == "oc2" else 1)]


async def test_a_row_that_vanished_from_a_complete_return_is_retracted(shortened: tuple[Importing, Path]) -> None:
    importing, rest = shortened
    before = {child: lanes_told(told) for child, told in (await importing.histories()).items()}

    report = await importing.returns(rest, complete=True)

    after = {child: lanes_told(told) for child, told in (await importing.histories()).items()}
    assert report.corrections >= len(REMOVABLE)
    assert [child for child in REMOVABLE if after[child] == before[child]] == []


async def test_a_child_no_longer_in_the_return_is_flagged(importing: Importing, tmp_path: Path) -> None:
    both = joined([whole_child("stays"), whole_child("goes")])
    await importing.returns(write_tables(tmp_path / "both", both))

    report = await importing.returns(write_tables(tmp_path / "one", joined([whole_child("stays")])))

    assert report.facts_recorded == 0
    assert {f.rule for f in report.flagged} == {"vanished"}
    assert {f.file for f in report.flagged} == {f"{name}.csv" for name in RETURN_TABLES if name != "header"} | {
        "header.csv"
    }
