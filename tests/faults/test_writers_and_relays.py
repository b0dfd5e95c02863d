"""Faults of those who write: the process that appends, and the relay."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest

from carejourney.operations import HELD_SECONDS
from carejourney.relay import LOCK, Relay, relay_producer
from tests.faults.cases import CASES
from tests.faults.conftest import Trial
from tests.faults.replica import Replica
from tests.faults.waiting import until
from tests.faults.world import World

KILLED = -9


@pytest.mark.faults(case=1, ci=True)
@pytest.mark.parametrize(("point", "kept"), [("store.before_commit", 0), ("store.after_commit", 1)])
async def test_case_01_a_writer_killed_around_its_commit_records_all_or_nothing(
    trial: Trial, point: str, kept: int
) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    one = load.assessment(child)
    doomed = await world.restarted("health", point)
    await world.answers(doomed)

    assert await load.once(one) == 0
    assert await doomed.dies() == KILLED
    async with world.admin("health") as admin:
        assert await admin.fetchval("select count(*) from fact where subject = $1", child) == kept
    await world.restarted("health")
    await load.insist(one)
    await load.insist(one)


@pytest.mark.faults(case=2, ci=True)
@pytest.mark.parametrize("point", CASES[2].points)
async def test_case_02_a_relay_killed_at_any_point_only_duplicates(trial: Trial, point: str) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    doomed = await world.restarted("health", point)
    await world.answers(doomed)

    sent = [load.assessment(child) for child in children for _ in range(2)]
    for one in sent:
        await load.once(one)
    assert await doomed.dies() == KILLED

    await world.restarted("health")
    for one in sent:
        await load.insist(one)


@pytest.mark.faults(case=3, ci=True)
async def test_case_03_a_second_relay_by_mistake_only_duplicates(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    relay = Relay(world.dsn("health", "health"), partial(relay_producer, world.bootstrap, "health"), "health")

    async with load.under_way(children), unlocked(world, relay) as sent:
        await load.more(60)

    assert sum(sent) > 0


@asynccontextmanager
async def unlocked(world: World, relay: Relay) -> AsyncIterator[list[int]]:
    """A relay that publishes without asking who leads; how many facts each of its steps looked at."""
    sent: list[int] = []
    producer = relay_producer(world.bootstrap, "health")
    await producer.start()
    connection = await asyncpg.connect(world.dsn("health", "health"))

    async def publish() -> None:
        while True:
            sent.append(await relay.step(connection, producer))
            await asyncio.sleep(0.005)

    task = asyncio.create_task(publish())
    try:
        yield sent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()
        await producer.stop()


@pytest.mark.faults(case=3, ci=False)
async def test_case_03_a_leader_frozen_past_its_lock_comes_back_as_a_follower(trial: Trial) -> None:
    world, load = trial.world, trial.load
    first, second = await world.replica("health"), await world.second()
    await second.ready()
    children = await load.known_children(3)
    assert await first.metric("carejourney_relay_leader") == 1

    async with load.under_way(children, second):
        await load.more(10)
        first.signal(signal.SIGSTOP)
        async with world.admin("health") as admin:
            await admin.execute("select pg_terminate_backend(pid) from pg_locks where objid = $1::bigint::oid", LOCK)
        await leads(second)
        await load.more(20)
        first.signal(signal.SIGCONT)
        await load.more(20)
    await until_leaders(1, first, second)


async def leads(replica: Replica) -> None:
    async def told() -> bool:
        return await replica.metric("carejourney_relay_leader") == 1

    await until(told, "leadership taken over")


async def until_leaders(number: int, *replicas: Replica) -> None:
    async def told() -> bool:
        return sum([await one.metric("carejourney_relay_leader") for one in replicas]) == number

    await until(told, f"{number} leader")


@pytest.mark.faults(case=4, ci=True)
async def test_case_04_a_commit_that_becomes_visible_late_is_not_passed_over(trial: Trial) -> None:
    world, load = trial.world, trial.load
    early, blocked, later = sorted(await load.known_children(3))
    async with world.admin("health") as holder:
        hold = holder.transaction()
        await hold.start()
        await holder.execute("insert into stream (subject) values ($1)", blocked)
        slow = asyncio.create_task(load.state_outcomes([early, blocked]))
        await until_waiting(world)
        await load.assess([later], 3)
        await until_held_back(world, 1.0)
        await hold.rollback()
    await slow


@pytest.mark.faults(case=4, ci=True)
async def test_case_04_a_transaction_held_in_another_database_only_delays(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    async with world.admin("placement") as holder, holder.transaction():
        await holder.execute("select pg_current_xact_id()")
        await load.assess([child], 3)
        await until_held_back(world, 1.0)


@pytest.mark.faults(case=4, ci=False)
async def test_case_04_a_relay_that_is_held_back_for_long_says_so(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    replica = await world.replica("health")
    async with world.admin("placement") as holder, holder.transaction():
        await holder.execute("select pg_current_xact_id()")
        await load.assess([child])

        async def held() -> bool:
            return (await replica.state()).get("relay") == "held"

        await until(held, "readiness telling that the relay is held back", HELD_SECONDS + 10)
        # What an alert is made from, beside readiness.
        assert await replica.metric("carejourney_oldest_transaction_seconds") > HELD_SECONDS / 2


async def until_waiting(world: World) -> None:
    async def waits() -> bool:
        return await world.waiting("health") > 0

    await until(waits, "a session waiting for a lock")


async def until_held_back(world: World, seconds: float) -> None:
    """Wait until committed facts have been unpublished for some time, and readiness tells it."""
    replica = await world.replica("health")

    async def held() -> bool:
        state = await replica.state()
        return bool(state["unpublished"] > 0 and state["relay_seconds"] > seconds)

    await until(held, "facts held back")


@pytest.mark.faults(case=5, ci=True)
async def test_case_05_numbers_burnt_by_a_rollback_stall_nothing(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    for _ in range(3):
        await load.assess([child])
        async with world.admin("health") as admin:
            await admin.execute(
                "select nextval(pg_get_serial_sequence('fact', 'position')) from generate_series(1, 50)"
            )
            await admin.execute("begin; select pg_current_xact_id(); rollback")
        refused = load.assessment(child)
        refused.body["held_on"] = "2099-01-01"
        assert await load.once(refused) == 409
