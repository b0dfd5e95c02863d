"""The switch of a rebuild and its taking back: slices of children, each a transaction of its own, with life between."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from carejourney import rebuild_rows
from carejourney.rebuild import Watcher, rebuild_service, roll_back
from carejourney.rebuild_switch import Switching
from carejourney.service import Running
from tests.integration.chassis.probe import Probe, children, parked, says, tallies
from tests.integration.chassis.test_rebuilding_safely import HELD, heard, killed, left_behind

SLICE = 2
WRONG = 99
IN_THE_SWITCH = ["rebuild.after_switch_begun", "rebuild.after_slice", "rebuild.after_slice:2"]


async def spoiled(probe: Probe, running: Running, count: int = 5) -> tuple[list[UUID], dict[UUID, int]]:
    """Children whose rows are all wrong, in id order, and what the rows should say."""
    found = await heard(probe, running, count)
    right = await tallies(running)
    await running.pool.execute("update tally set count = $1", WRONG)
    return sorted(found), right


async def written_by_one(running: Running, table: str) -> int:
    """The most rows of a table that one transaction wrote last."""
    counted = f"select count(*) n from {table} group by xmin::text"
    most: int = await running.pool.fetchval(f"select max(n) from ({counted}) c")
    return most


@pytest.fixture
def in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild_rows, "SLICE", SLICE)


@pytest.mark.usefixtures("in_slices")
async def test_no_transaction_of_a_switch_writes_more_than_a_slice(probe: Probe) -> None:
    async with probe.running() as running:
        _, right = await spoiled(probe, running)
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert (report["different"], await tallies(running)) == (5, right)
        (kept,) = await running.pool.fetchrow("select tablename from pg_tables where schemaname = 'rebuild'")
        assert await written_by_one(running, "tally") == SLICE
        assert await written_by_one(running, f'rebuild."{kept}"') == SLICE


@pytest.mark.usefixtures("in_slices")
async def test_no_transaction_of_a_taking_back_writes_more_than_a_slice(probe: Probe) -> None:
    async with probe.running() as running:
        found, _ = await spoiled(probe, running)
        await rebuild_service(probe.parts(), probe.settings)
        told = await roll_back(probe.parts(), probe.settings, "tally")
        assert (told["restored"], told["longest_transaction"] < 1) == (5, True)
        assert await tallies(running) == dict.fromkeys(found, WRONG)
        assert await written_by_one(running, "tally") == SLICE


@pytest.mark.usefixtures("in_slices")
async def test_children_who_come_while_a_slice_waits_do_not_make_it_longer(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with probe.running() as running:
        _, right = await spoiled(probe, running)
        begin = Switching.begin

        async def crowded(self: Switching, *arguments: Any) -> None:
            await begin(self, *arguments)
            right.update({child: n for n, child in enumerate(await heard(probe, running, 7), start=1)})
            await running.pool.execute("update tally set count = $1", WRONG)

        monkeypatch.setattr(Switching, "begin", crowded)
        await rebuild_service(probe.parts(), probe.settings)
        assert await tallies(running) == right
        assert await written_by_one(running, "tally") == SLICE


@pytest.mark.parametrize("point", IN_THE_SWITCH)
async def test_a_rebuild_killed_in_its_switch_is_gone_on_with(probe: Probe, point: str) -> None:
    told: list[Mapping[str, Any]] = []
    async with probe.running() as running:
        found, right = await spoiled(probe, running)
        await killed(probe, point, str(SLICE))
        done = sum(count != WRONG for count in (await tallies(running)).values())
        assert done == SLICE * (IN_THE_SWITCH.index(point))
        await says(running, found[0], HELD)
        await says(running, found[-1], HELD)
        await probe.caught_up(running)
        (report,) = await rebuild_service(probe.parts(), probe.settings, watcher=Watcher(differs=told.append))
        assert (report["resumed"], report["different"], told[0]["different"]) == (True, 5, 5)
        assert await tallies(running) == right | {child: right[child] + 1 for child in (found[0], found[-1])}
        assert await left_behind(running) == set()


@pytest.mark.parametrize("point", IN_THE_SWITCH)
async def test_a_switch_that_was_killed_is_taken_back_whole(probe: Probe, point: str) -> None:
    async with probe.running() as running:
        found, right = await spoiled(probe, running)
        await killed(probe, point, str(SLICE))
        told = await roll_back(probe.parts(), probe.settings, "tally")
        assert told["restored"] == SLICE * IN_THE_SWITCH.index(point)
        assert await tallies(running) == dict.fromkeys(found, WRONG)
        assert await left_behind(running) == set()
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert (report["resumed"], await tallies(running)) == (False, right)


async def test_a_taking_back_that_was_killed_is_gone_on_with(probe: Probe) -> None:
    async with probe.running() as running:
        found, _ = await spoiled(probe, running)
        await rebuild_service(probe.parts(), probe.settings)
        await killed(probe, "rebuild.after_slice_back", str(SLICE), "back")
        assert sum(count == WRONG for count in (await tallies(running)).values()) == SLICE
        told = await roll_back(probe.parts(), probe.settings, "tally")
        assert told["restored"] == len(found) - SLICE
        assert await tallies(running) == dict.fromkeys(found, WRONG)


@pytest.mark.usefixtures("in_slices")
async def test_facts_that_arrive_between_two_slices_are_in_the_rows(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with probe.running() as running:
        found, right = await spoiled(probe, running)
        switch = Switching._slice

        async def then_life_goes_on(self: Switching, after: UUID, end: UUID) -> UUID:
            last = await switch(self, after, end)
            for child in found:
                await says(running, child, HELD)
            await probe.caught_up(running)
            return last

        monkeypatch.setattr(Switching, "_slice", then_life_goes_on)
        await rebuild_service(probe.parts(), probe.settings)
        assert await tallies(running) == {child: count + 3 for child, count in right.items()}


async def test_a_dry_run_leaves_a_switch_that_was_killed_as_it_is(probe: Probe) -> None:
    async with probe.running() as running:
        await spoiled(probe, running)
        await killed(probe, "rebuild.after_slice", str(SLICE))
        before = await tallies(running)
        (report,) = await rebuild_service(probe.parts(), probe.settings, dry_run=True)
        assert (report["switched"], report["different"], await tallies(running)) == (False, 5, before)
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert (report["switched"], report["resumed"]) == (True, True)


@pytest.mark.usefixtures("in_slices")
async def test_lanes_that_were_parked_before_a_rebuild_are_so_again_when_it_is_taken_back(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running, 5)
        await running.pool.execute(
            "insert into parked (projection, subject, topic, reason)"
            " select 'tally', s, '', 'Odd' from unnest($1::uuid[]) s",
            found[:3],
        )
        await rebuild_service(probe.parts(), probe.settings)
        assert await parked(running) == set()
        await says(running, found[0], HELD)
        await probe.caught_up(running)
        await roll_back(probe.parts(), probe.settings, "tally")
        assert await parked(running) == {("tally", found[1]), ("tally", found[2])}
        assert (await tallies(running))[found[0]] == 1 + 1


@pytest.mark.usefixtures("in_slices")
async def test_a_slice_in_which_nothing_differs_is_not_written(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running, 5)
        (stray,) = await children(running, 1)
        await running.pool.execute("insert into tally values ($1, $2, 1, '')", stray, b"{}")
        before = dict(await running.pool.fetch("select subject, xmin::text from tally where subject <> $1", stray))
        (report,) = await rebuild_service(probe.parts(), probe.settings)
        assert report["left_over"] == 1
        assert dict(await running.pool.fetch("select subject, xmin::text from tally")) == before
