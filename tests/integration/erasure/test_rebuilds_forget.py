"""What rebuilds keep of a child is found by the independent reader, and forgotten with the child."""

from uuid import UUID, uuid4

import pytest

from carejourney.cli.erasing_for_good import issue, look
from carejourney.cli.reaching import Reach
from carejourney.rebuild import rebuild_service, roll_back
from tests.fixtures.system import System
from tests.integration.chassis.probe import until
from tests.integration.erasure.erasing import a_canary, erased


async def kept_of(system: System, child: UUID) -> int:
    """How many rows of the child lie in tables of rebuilds of the education service."""
    pool = system.running["education"].pool
    tables = await pool.fetch(
        "select tablename from pg_tables t where schemaname = 'rebuild' and exists (select from pg_attribute a"
        " where a.attrelid = format('rebuild.%I', t.tablename)::regclass and a.attname = 'subject')"
    )
    return sum(
        [
            await pool.fetchval(f'select count(*) from rebuild."{row["tablename"]}" where subject = $1', child)
            for row in tables
        ]
    )


async def rebuilt(system: System) -> None:
    await rebuild_service(system.running["education"].parts, system.surroundings.settings("education"))


async def a_row_that_a_rebuild_keeps(system: System) -> UUID:
    """A child whose row was wrong, so that the rebuild keeps what it was."""
    child = await a_canary(system, f"KEPT{uuid4().hex[:12]}")
    await system.running["education"].pool.execute(
        "update virtual_roll set in_care = not in_care where subject = $1", child
    )
    await rebuilt(system)
    assert await kept_of(system, child) == 1
    return child


async def test_a_row_that_a_rebuild_kept_is_forgotten_with_the_child(
    system: System, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carejourney.cli.erasing_for_good.PATIENCE", 20)
    child = await a_row_that_a_rebuild_keeps(system)
    before = [f"{one.place}: {fault}" for one in await look(reach, child) for fault in one.faults]
    assert any(told.startswith("education.rebuild.") and "a digest in the column" in told for told in before)

    receipt = await issue(reach, await erased(system, child))

    assert receipt["child"] == str(child)
    assert await kept_of(system, child) == 0


async def test_a_rebuild_that_is_taken_back_brings_nothing_of_an_erased_child_back(
    system: System, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carejourney.cli.erasing_for_good.PATIENCE", 20)
    child = await a_row_that_a_rebuild_keeps(system)
    erasure = await erased(system, child)

    async def forgotten() -> bool:
        return await kept_of(system, child) == 0

    await until(forgotten, "the kept row is dropped", 20)
    await roll_back(system.running["education"].parts, system.surroundings.settings("education"), "virtual_roll")
    await system.settled()
    assert await issue(reach, erasure)
