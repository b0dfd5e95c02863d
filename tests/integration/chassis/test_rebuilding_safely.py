"""A rebuild may be killed at any step, tells what differs before it switches, and can be taken back."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from carejourney.rebuild import REBUILD_LOCK, RebuildRefused, Watcher, forget, rebuild_service, roll_back
from carejourney.service import Running
from events.health import HealthAssessmentHeld
from tests.integration.chassis.probe import Probe, children, says, tallies
from tests.integration.chassis.test_crashing import ROOT, environment

HELD = HealthAssessmentHeld(kind="review")
BEFORE_THE_SWITCH = ["rebuild.after_begin", "rebuild.after_shard", "rebuild.before_switch"]


async def heard(probe: Probe, running: Running, count: int = 3) -> list[UUID]:
    found = await children(running, count)
    for number, child in enumerate(found, start=1):
        await says(running, child, *[HELD] * number)
    await probe.caught_up(running)
    return found


async def left_behind(running: Running) -> set[str]:
    """Tables of rebuilds, kept rows aside, and runs that are noted."""
    tables = await running.pool.fetch("select tablename from pg_tables where schemaname = 'rebuild'")
    runs = await running.pool.fetch("select run from rebuild_run")
    return {row[0] for row in (*tables, *runs) if "__kept_" not in row[0]}


async def killed(probe: Probe, point: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.chassis.rebuilding_process", probe.name, *arguments,
        env=environment(probe.settings, point), cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == -signal.SIGKILL, errors.decode()


@pytest.mark.parametrize("point", BEFORE_THE_SWITCH)
async def test_a_rebuild_that_was_killed_is_gone_on_with(probe: Probe, point: str) -> None:
    async with probe.running() as running:
        wrong, *_ = found = await heard(probe, running)
        await running.pool.execute("update tally set count = 99 where subject = $1", wrong)
        await killed(probe, point)
        assert (await tallies(running))[wrong] == 99
        await says(running, found[1], HELD)
        await probe.caught_up(running)
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert (report["resumed"], report["subjects"], report["different"]) == (True, 3, 1)
        assert await tallies(running) == dict(zip(found, (1, 3, 3), strict=True))
        assert await left_behind(running) == set()


async def test_a_rebuild_killed_after_its_switch_is_done(probe: Probe) -> None:
    async with probe.running() as running:
        wrong, *_ = found = await heard(probe, running)
        await running.pool.execute("update tally set count = 99 where subject = $1", wrong)
        await killed(probe, "rebuild.after_switch")
        assert await tallies(running) == dict(zip(found, (1, 2, 3), strict=True))
        assert await left_behind(running) == set()


async def test_a_killed_rebuild_can_be_begun_anew_and_leaves_nothing(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running)
        await killed(probe, "rebuild.after_shard")
        (first,) = await left_behind(running) - {
            run[0] for run in await running.pool.fetch("select run from rebuild_run")
        }
        (report,) = await rebuild_service(probe.parts(), probe.settings, anew=True)
        assert (report["resumed"], report["subjects"]) == (False, 3)
        assert first.startswith("tally__fresh_")
        assert await left_behind(running) == set()


async def test_the_differences_are_told_before_anything_is_switched(probe: Probe) -> None:
    told: list[Mapping[str, Any]] = []
    async with probe.running() as running:
        wrong, lost, _ = await heard(probe, running)
        await running.pool.execute("update tally set count = 99 where subject = $1", wrong)
        await running.pool.execute("delete from tally where subject = $1", lost)
        (report,) = await rebuild_service(
            probe.parts(), probe.settings, dry_run=True, watcher=Watcher(differs=told.append)
        )
        assert (report["switched"], report["columns"]) == (False, {"count": 1})
        assert {(e["subject"], e["kind"], *e["columns"]) for e in told[0]["examples"]} == {
            (str(wrong), "different", "count"), (str(lost), "missing"),
        }  # fmt: skip
        assert (await tallies(running))[wrong] == 99
        assert await left_behind(running) == set()


async def test_the_state_of_another_child_is_a_difference_though_all_that_is_shown_is_right(probe: Probe) -> None:
    async with probe.running() as running:
        wrong, other, _ = await heard(probe, running)
        await running.pool.execute(
            "update tally set state = (select state from tally where subject = $2) where subject = $1", wrong, other
        )
        (report,) = await rebuild_service(probe.parts(), probe.settings, dry_run=True)
    assert (report["different"], report["columns"]) == (1, {"state": 1})
    assert report["examples"] == [{"subject": str(wrong), "kind": "different", "columns": ["state"]}]


async def test_progress_is_told_child_by_child(probe: Probe) -> None:
    told: list[tuple[str, int, int]] = []
    async with probe.running() as running:
        await heard(probe, running)
        await rebuild_service(probe.parts(), probe.settings, watcher=Watcher(folded=lambda *state: told.append(state)))
    assert told == [("tally", 0, 3), ("tally", 3, 3)]


async def test_two_rebuilds_at_once_are_refused(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running)
        other = await asyncpg.connect(probe.database)
        try:
            await other.execute("select pg_advisory_lock($1, hashtext('tally'))", REBUILD_LOCK)
            with pytest.raises(RebuildRefused, match="another rebuild of tally is running"):
                await rebuild_service(probe.parts(), probe.settings)
        finally:
            await other.close()


async def test_a_rebuild_is_taken_back_and_what_was_heard_since_stays(probe: Probe) -> None:
    async with probe.running() as running:
        wrong, lost, late = await heard(probe, running)
        await running.pool.execute("update tally set count = 99 where subject = any($1)", [wrong, late])
        await running.pool.execute("delete from tally where subject = $1", lost)
        await rebuild_service(probe.parts(), probe.settings)
        await says(running, late, HELD)
        await probe.caught_up(running)
        told = await roll_back(probe.parts(), probe.settings, "tally")
        assert (told["restored"], told["refolded"]) == (2, 1)
        assert await tallies(running) == {wrong: 99, late: 4}
        with pytest.raises(RebuildRefused, match="nothing is kept"):
            await roll_back(probe.parts(), probe.settings, "tally")


async def test_rows_kept_for_a_roll_back_go_with_the_next_rebuild_or_when_told(probe: Probe) -> None:
    async with probe.running() as running:
        wrong, *_ = await heard(probe, running)
        await running.pool.execute("update tally set count = 99 where subject = $1", wrong)
        await rebuild_service(probe.parts(), probe.settings)
        await rebuild_service(probe.parts(), probe.settings)
        kept = await running.pool.fetchval("select count(*) from pg_tables where schemaname = 'rebuild'")
        assert kept == 1
        assert await forget(probe.parts(), probe.settings) == ["tally"]
        assert await running.pool.fetchval("select count(*) from pg_tables where schemaname = 'rebuild'") == 0
        assert await forget(probe.parts(), probe.settings) == []
