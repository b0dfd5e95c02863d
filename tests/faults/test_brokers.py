"""Faults of Kafka: away at the start, away under load, killed and restarted, its leader lost."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.brokers import Cluster
from tests.faults.checker import check
from tests.faults.conftest import Trial
from tests.faults.load import Load
from tests.faults.replica import Replica
from tests.faults.world import World

OUTAGE_SECONDS = 6.0
BUSY_SHARE = 0.6


async def outage(replica: Replica, seconds: float) -> float:
    """The share of a processor that a service used while it was without a broker."""
    begun, used = time.monotonic(), replica.cpu_seconds()
    await asyncio.sleep(seconds)
    return (replica.cpu_seconds() - used) / (time.monotonic() - begun)


@pytest.mark.faults(case=9, ci=False)
async def test_case_09_a_broker_away_at_the_start_is_waited_for_while_commands_are_taken(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    await asyncio.to_thread(world.broker.kill)
    replica = await world.replica("health")
    await replica.stop()
    replica.start()
    await world.answers(replica)

    await load.assess(children, 3)
    state = await replica.state()
    assert state["ready"]
    assert state["kafka"] != "up"


@pytest.mark.faults(case=9, ci=True)
async def test_case_09_a_broker_killed_under_load_loses_nothing_and_heats_nothing(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    replica = await world.replica("health")
    waited = replica.said("relay.waiting")
    async with load.under_way(children):
        await load.more(10)
        await asyncio.to_thread(world.broker.kill)
        await load.more(10)
    share = await outage(replica, OUTAGE_SECONDS)
    await load.assess(children)

    assert share < BUSY_SHARE
    assert replica.said("relay.waiting") - waited < 10 * OUTAGE_SECONDS


@pytest.mark.faults(case=9, ci=False)
@pytest.mark.timeout(240)
async def test_case_09_a_broker_down_for_a_minute_under_load_is_caught_up_with(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    await asyncio.to_thread(world.broker.stop)
    async with load.under_way(children):
        share = await outage(await world.replica("health"), 60)
    assert share < BUSY_SHARE


@pytest_asyncio.fixture(loop_scope="session")
async def replicated() -> AsyncIterator[World]:
    """An installation over three brokers, two of which must have each record."""
    made = World(("placement", "health"), Cluster())
    try:
        await made.make()
        yield made
    finally:
        await made.close()


@pytest.mark.faults(case=9, ci=False)
@pytest.mark.timeout(240)
async def test_case_09_a_leader_of_three_killed_under_load_loses_nothing(replicated: World) -> None:
    cluster = replicated.cluster
    assert cluster is not None
    load = Load(replicated)
    children = await load.known_children(4)
    async with load.under_way(children):
        await load.more(20)
        await asyncio.to_thread(cluster.brokers[0].kill)
        await load.more(40)
    await check(replicated, load)

    async with load.under_way(children):
        await asyncio.to_thread(cluster.brokers[0].start)
        await load.more(20)
    await check(replicated, load)
