"""A projection is the fold of its facts from zero; a rebuild proves it while the service goes on."""

import asyncio
from uuid import UUID

import pytest

from carejourney.rebuild import rebuild_service
from carejourney.service import Running
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.integration.chassis.probe import ODD_YEAR, TALLIES, Probe, children, parked, says, tallies, until

HELD = HealthAssessmentHeld(kind="review")
SAME = {
    "projection": "tally", "different": 0, "missing": 0, "left_over": 0, "columns": {}, "examples": [], "parked": 0,
    "resumed": False, "switched": True,
}  # fmt: skip


async def heard(probe: Probe, running: Running, count: int = 3) -> list[UUID]:
    found = await children(running, count)
    for number, child in enumerate(found, start=1):
        await says(running, child, *[HELD] * number)
    await probe.caught_up(running)
    return found


async def test_a_rebuild_finds_what_the_service_shows(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running)
        before = await tallies(running)
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert 0 < report.pop("longest_transaction") < 1
        assert report == {**SAME, "subjects": 3}
        assert await tallies(running) == before


async def test_a_rebuild_reports_and_mends_what_is_not_as_the_facts_say(probe: Probe) -> None:
    async with probe.running() as running:
        wrong, lost, right = await heard(probe, running)
        before = await tallies(running)
        await running.pool.execute("update tally set count = 99 where subject = $1", wrong)
        await running.pool.execute("delete from tally where subject = $1", lost)
        (stray,) = await children(running, 1)
        await running.pool.execute("insert into tally values ($1, $2, 1, '')", stray, b"{}")
        (report,) = await rebuild_service(probe.parts(), probe.settings, "tally")
        assert (report["different"], report["missing"], report["left_over"]) == (1, 1, 1)
        assert await tallies(running) == before
        assert right in before


async def test_a_rebuild_while_facts_arrive_misses_none(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running, 4)

        async def speaking() -> None:
            for child in found * 10:
                await says(running, child, HELD)

        reports, _ = await asyncio.gather(rebuild_service(probe.parts(), probe.settings), speaking())
        await probe.caught_up(running)
        assert reports[0]["different"] == 0
        assert await tallies(running) == {child: n + 10 for n, child in enumerate(found, start=1)}


async def test_readers_see_the_old_rows_until_the_new_ones_are_there(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running, 5)
        seen = set()
        rebuilding = asyncio.create_task(rebuild_service(probe.parts(), probe.settings))
        while not rebuilding.done():
            seen.add(await running.pool.fetchval("select count(*) from tally"))
            await asyncio.sleep(0)
        await rebuilding
        assert seen <= {5}


async def test_a_lane_that_was_parked_by_a_fault_goes_on_after_a_rebuild_without_it(probe: Probe) -> None:
    async with probe.running(instance="same") as running:
        (child,) = await children(running, 1)
        await says(running, child, HELD, HealthOutcomesReported(year=ODD_YEAR))
        await probe.caught_up(running)
        assert await parked(running) == {("tally", child)}
    mended = TALLIES.__class__(
        "tally", 1, TALLIES.table, TALLIES.state, TALLIES.handles,
        lambda tally, _: TALLIES.state(tally.count + 1), TALLIES.row,
    )  # fmt: skip
    parts = probe.parts(projections=(mended,))
    await rebuild_service(parts, probe.settings)
    async with probe.running(instance="same", projections=(mended,)) as running:
        await says(running, child, HELD)

        async def counted() -> bool:
            return await tallies(running) == {child: 3}

        await until(counted, "the child's lane going on")
        assert await parked(running) == set()


async def test_a_child_whose_facts_cannot_be_folded_does_not_stop_a_rebuild(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)
        await says(running, found[0], HealthOutcomesReported(year=ODD_YEAR))
        await probe.caught_up(running)
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert {**report, "longest_transaction": 0} == {**SAME, "subjects": 3, "parked": 1, "longest_transaction": 0}
        assert await parked(running) == {("tally", found[0])}
        assert await tallies(running) == {child: n for n, child in enumerate(found, start=1)}


async def test_a_projection_nobody_has_is_named_with_those_there_are(probe: Probe) -> None:
    with pytest.raises(ValueError, match="it has: tally"):
        await rebuild_service(probe.parts(), probe.settings, "totals")
