"""What placement remembers of returns, beside the facts and in their transaction."""

import secrets
from typing import Any
from uuid import UUID

import pytest

from tests.fixtures.system import System
from tests.integration.placement.test_over_http import a_line, state

Rows = dict[tuple[int, str], list[str]]
UASC: dict[str, Any] = {"uasc": [{"ref": 1, "duc": None}]}
GONE: dict[str, Any] = {"uasc": []}


@pytest.fixture
async def child(system: System) -> UUID:
    (found,) = await system.register(f"SAID{secrets.token_hex(6)}")
    return found


async def told(system: System, child: UUID, year: int, tables: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await state(system, a_line(child, year=year, tables=tables, **more))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def remembered(system: System, child: UUID) -> Rows:
    rows = await system.running["placement"].pool.fetch(
        "select year, return_table, facts::text[] from stated_by_return where subject = $1", child
    )
    return {(year, table): facts for year, table, facts in rows}


async def test_a_return_that_only_repeats_another_is_remembered_by_the_same_fact(system: System, child: UUID) -> None:
    first, second = [await told(system, child, year, UASC) for year in (2025, 2026)]
    assert (first["facts"], second["facts"]) == (1, 0)
    found = await remembered(system, child)
    assert found[2025, "uasc"] == found[2026, "uasc"]
    assert len(found[2026, "uasc"]) == 1


async def test_what_is_remembered_is_asked_when_a_row_vanishes_and_forgotten_when_it_is_taken_back(
    system: System, child: UUID
) -> None:
    for year in (2025, 2026):
        await told(system, child, year, UASC)
    kept, dropped = [await told(system, child, 2026, GONE, complete=complete) for complete in (False, True)]
    assert [(one["facts"], [flag["rule"] for flag in one["flagged"]]) for one in (kept, dropped)] == [
        (0, ["vanished"]), (1, ["vanished"]),
    ]  # fmt: skip
    assert (await remembered(system, child))[2026, "uasc"] == []


async def test_lines_of_one_batch_see_what_those_before_them_stated(system: System, child: UUID) -> None:
    lines = [a_line(child, year=year, tables=tables) for year, tables in ((2025, UASC), (2026, UASC), (2026, GONE))]
    answer = await state(system, *lines)
    assert ["vanished" in line for line in answer.text.splitlines()] == [False, False, True]


async def test_a_batch_that_is_refused_leaves_nothing_remembered(system: System, child: UUID) -> None:
    unreadable = a_line(child, tables={"prev_perm": [{"ref": 1}]})
    answer = await state(system, a_line(child, tables=UASC), unreadable)
    assert (answer.status_code, await remembered(system, child)) == (422, {})


async def test_a_return_told_again_writes_nothing_and_what_is_remembered_can_be_deleted(
    system: System, child: UUID
) -> None:
    pool = system.running["placement"].pool
    which = "from stated_by_return where subject = $1"
    await told(system, child, 2026, UASC)
    written = await pool.fetchval(f"select xmin::text {which}", child)
    await told(system, child, 2026, UASC)
    assert await pool.fetchval(f"select xmin::text {which}", child) == written
    await pool.execute(f"delete {which}", child)
    assert await remembered(system, child) == {}
