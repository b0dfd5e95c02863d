"""Faults of a busy database: a pool without a free connection, a lock waited for, a deadlock, a lost race."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carejourney.projector import PARTITION_LOCK
from tests.faults.conftest import Trial
from tests.faults.test_consumers import batch_in_hand
from tests.faults.test_databases import end_sessions
from tests.faults.waiting import until
from tests.faults.world import PARTITIONS, World

LOCK_ROW = "select from stream where subject = $1 for update"


@pytest.mark.faults(case=12, ci=False)
async def test_case_12_commands_and_facts_beyond_the_pool_wait_and_are_all_taken_once(trial: Trial) -> None:
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
        missed = await load.children(3)
    await waiting
    await load.heard(missed)


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


@pytest.mark.faults(case=12, ci=False)
async def test_case_12_a_batch_that_loses_a_deadlock_is_applied_again_whole(trial: Trial) -> None:
    world = trial.world
    replica = await world.replica("health")
    before = replica.said("DeadlockDetectedError")
    async with world.admin("health") as holder, holder.transaction():
        # Theirs is then the transaction that looks for a deadlock first, and gives way.
        await holder.execute("set local deadlock_timeout = '1min'")
        async with batch_in_hand(trial):
            await holder.execute("select from checkpoint for update")

        async def waits() -> bool:
            return await world.waiting("health") > 0

        await until(waits, "the batch waiting for its checkpoint", 40)
        for partition in range(PARTITIONS):
            await holder.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, partition)
    assert replica.said("DeadlockDetectedError") > before


@pytest.mark.faults(case=12, ci=False)
async def test_case_12_whoever_loses_a_race_of_serializable_transactions_tries_again(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    async with serializable(world, "health"), load.under_way([*children, *children]):
        await load.more(60)


@asynccontextmanager
async def serializable(world: World, service: str) -> AsyncIterator[None]:
    """Every transaction of a service serializable, so that some of them fail for what others did."""
    async with world.admin("postgres") as admin:
        try:
            await admin.execute(f"alter role {service} set default_transaction_isolation = 'serializable'")
            await end_sessions(world)
            yield
        finally:
            await admin.execute(f"alter role {service} reset default_transaction_isolation")
            await end_sessions(world)
