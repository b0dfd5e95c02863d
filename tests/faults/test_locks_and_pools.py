"""Faults of a busy database: a pool without a free connection, a lock waited for, a deadlock."""

import asyncio

import pytest

from tests.faults.conftest import Trial
from tests.faults.waiting import until

LOCK_ROW = "select from stream where subject = $1 for update"


@pytest.mark.faults(case=12, ci=False)
async def test_case_12_commands_beyond_the_pool_wait_for_a_lock_and_are_all_taken_once(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(12)
    await load.assess(children)
    await world.restarted("health", CAREJOURNEY_POOL_SIZE="2")
    async with world.admin("health") as holder, holder.transaction():
        for child in children[:6]:
            await holder.execute(LOCK_ROW, child)
        waiting = asyncio.create_task(load.assess(children, 2))

        async def used_up() -> bool:
            return await world.waiting("health") >= 2

        await until(used_up, "every connection of the pool waiting")
    await waiting


@pytest.mark.faults(case=12, ci=False)
async def test_case_12_a_deadlock_is_told_plainly_and_leaves_nothing_half_done(trial: Trial) -> None:
    world, load = trial.world, trial.load
    first, second = sorted(await load.known_children(2))
    await load.assess([first, second])
    async with world.admin("health") as holder, holder.transaction():
        # Theirs is then the transaction that looks for a deadlock first, and gives way.
        await holder.execute("set local deadlock_timeout = '1min'")
        await holder.execute(LOCK_ROW, second)
        doomed = asyncio.create_task(load.state_outcomes([first, second]))

        async def waits() -> bool:
            return await world.waiting("health") > 0

        await until(waits, "a session waiting for a lock")
        await holder.execute(LOCK_ROW, first)
    (outcome,) = await asyncio.gather(doomed, return_exceptions=True)
    if outcome is not None:
        await load.state_outcomes([first, second])
