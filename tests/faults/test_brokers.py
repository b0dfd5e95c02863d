"""Faults of Kafka: away at the start, away under load, killed and restarted, its leader lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.faults.brokers import Cluster
from tests.faults.checker import check
from tests.faults.conftest import Trial
from tests.faults.load import Load
from tests.faults.replica import Replica
from tests.faults.world import World

OUTAGE_SECONDS = 6.0
BUSY_SHARE = 0.3
# The attempts are a fifth of a second apart at first and then up to five seconds; the Kafka clients within one try
# again ten times a second each, and log it.
BUSY_WAITS = 5
BUSY_LINES = 400
BUSY_TRIES = 600


@dataclass(frozen=True)
class Heat:
    """What being without a broker costs: of one service the share of a processor, how often a second it says that it
    waits, and all lines of its log a second; of the whole installation, connections tried a second.
    """

    share: float
    waits: float
    lines: float
    tries: float


async def outage(world: World, seconds: float) -> Heat:
    """How hot a service is while it is without a broker."""
    replica = await world.replica("health")
    begun, used = time.monotonic(), replica.cpu_seconds()
    waits, lines, tries = waiting(replica), replica.lines(), world.kafka.accepted
    await asyncio.sleep(seconds)
    more = (
        replica.cpu_seconds() - used, waiting(replica) - waits, replica.lines() - lines, world.kafka.accepted - tries,
    )  # fmt: skip
    passed = time.monotonic() - begun
    return Heat(*(one / passed for one in more))


def waiting(replica: Replica) -> int:
    """How often a service has said that it waits for the broker: once for each of its own attempts."""
    return replica.said("relay.waiting") + replica.said("subscription.waiting")


def is_cool(heat: Heat) -> None:
    """What a loop without a pause goes beyond at once, also on a busy machine."""
    assert heat.share < BUSY_SHARE, heat
    assert heat.waits < BUSY_WAITS, heat
    assert heat.lines < BUSY_LINES, heat
    assert heat.tries < BUSY_TRIES, heat


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
    async with load.under_way(children):
        await load.more(10)
        await asyncio.to_thread(world.broker.kill)
        await load.more(10)
    heat = await outage(world, OUTAGE_SECONDS)
    await load.assess(children)
    is_cool(heat)


@pytest.mark.faults(case=9, ci=False)
@pytest.mark.timeout(240)
async def test_case_09_a_broker_down_for_a_minute_under_load_is_caught_up_with(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    await asyncio.to_thread(world.broker.stop)
    async with load.under_way(children):
        await outage(world, 50)
    is_cool(await outage(world, 10))


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
