"""Commands and faults in an order nobody chose; the seed is printed, and repeats the run."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from tests.faults.checker import check
from tests.faults.conftest import Trial
from tests.faults.load import Load
from tests.faults.world import World

SEED = int(os.environ.get("CAREJOURNEY_FAULTS_SEED", time.time_ns() % 1_000_000))
EVERYTHING = os.environ.get("CAREJOURNEY_FAULTS") == "all"
SECONDS = float(os.environ.get("CAREJOURNEY_FAULTS_SECONDS", "40" if EVERYTHING else "8"))

Fault = Callable[[World, random.Random], Awaitable[None]]


async def kill_service(world: World, dice: random.Random) -> None:
    await (await world.replica(dice.choice(world.services))).kill()


async def freeze_service(world: World, dice: random.Random) -> None:
    (await world.replica(dice.choice(world.services))).signal(signal.SIGSTOP)


async def kill_broker(world: World, _: random.Random) -> None:
    await asyncio.to_thread(world.broker.kill)


async def kill_database(world: World, _: random.Random) -> None:
    await asyncio.to_thread(world.postgres.kill)


async def freeze_database(world: World, _: random.Random) -> None:
    world.freeze_postgres()


async def cut_networks(world: World, _: random.Random) -> None:
    for proxy in world.proxies():
        proxy.cut()


async def slow_networks(world: World, dice: random.Random) -> None:
    for proxy in world.proxies():
        proxy.delay = dice.uniform(0.0, 0.05)


async def another_replica(world: World, dice: random.Random) -> None:
    replica = await world.replica(dice.choice(world.services), 1)
    if not replica.alive():
        replica.start()


FAULTS: Sequence[Fault] = (
    kill_service, freeze_service, kill_broker, kill_database, freeze_database, cut_networks, slow_networks,
    another_replica,
)  # fmt: skip


async def ask_for_a_while(load: Load, children: Sequence[UUID], dice: random.Random) -> None:
    """Some commands at once, of which any may find its service gone."""
    asked = [load.assessment(child) for child in dice.sample(children, k=dice.randint(1, len(children)))]
    await asyncio.gather(*(load.once(one, seconds=2) for one in asked))


async def ask_again(load: Load) -> None:
    """Whatever was not acknowledged is sent once more, with the key it had."""
    for one in load.asked:
        if one.recorded is None:
            await load.insist(one)


@pytest.mark.faults(case=0, ci=True)
@pytest.mark.timeout(600)
async def test_case_00_whatever_the_order_of_commands_and_faults_every_promise_holds(trial: Trial) -> None:
    print(f"seed {SEED}: CAREJOURNEY_FAULTS_SEED={SEED} repeats this run")  # noqa: T201 - a failure is repeated with it
    world, load, dice = trial.world, trial.load, random.Random(SEED)
    children = await load.known_children(4)
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS:
        for _ in range(dice.randint(1, 3)):
            await ask_for_a_while(load, children, dice)
            await dice.choice(FAULTS)(world, dice)
        await ask_for_a_while(load, children, dice)
        await world.heal()
        await ask_again(load)
        await check(world, load)
