"""Faults of great numbers: ten thousand lanes tried again at once, a reader sixty thousand facts behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from carejourney.envelope import Draft
from carejourney.ids import new_id
from carejourney.projector import PARTITION_LOCK
from events.health import HealthAssessmentHeld
from tests.builders import a_context
from tests.faults.checker import check
from tests.faults.load import Load
from tests.faults.planting import TOPIC
from tests.faults.replica import Replica
from tests.faults.test_odd_records import redrive
from tests.faults.waiting import until
from tests.faults.world import PARTITIONS, World
from tests.faults.writing import store_of, write

HELD = HealthAssessmentHeld(kind="review")
LANES = 10_000
TOGETHER = 1_000
FLOOD = 3_000
GROWTH_MEGABYTES = 120
DELAY_SECONDS = 0.02
SECONDS = 240


@pytest_asyncio.fixture(loop_scope="session")
async def crowded() -> AsyncIterator[tuple[World, Load]]:
    """An installation of its own: what is left of a crowd would weigh on every case after it."""
    made = World(("placement", "health"))
    try:
        await made.make()
        yield made, Load(made)
    finally:
        await made.close()


@pytest.mark.faults(case=18, ci=False)
@pytest.mark.timeout(900)
async def test_case_18_ten_thousand_lanes_are_redriven_while_others_go_on(crowded: tuple[World, Load]) -> None:
    world, load = crowded
    replica = await world.replica("health")
    (other,) = await load.known_children(1)
    await park_all(world, [child for _ in range(LANES // TOGETHER) for child in await load.known_children(TOGETHER)])
    before = resident(replica)
    async with load.under_way([other]):
        redriving = asyncio.create_task(redrive(world, all=True))
        # Commands are answered while it goes on, not only behind it.
        await load.more(3)
        assert not redriving.done()
        told = await redriving
        await load.more(5)
    assert (told["lanes"], told["done"], told["still_parked"]) == (LANES, LANES, 0)
    assert peak(replica) - before < GROWTH_MEGABYTES
    await check(world, load)


async def park_all(world: World, children: Sequence[UUID]) -> None:
    """Let a bug meet one fact of each of these children."""
    async with world.admin("health") as admin:
        await admin.execute("alter table health_record add constraint a_bug check (false) not valid")
        async with store_of(world) as store:
            for begin in range(0, len(children), TOGETHER):
                some = children[begin : begin + TOGETHER]
                async with store.unit(some) as unit:
                    context = a_context(source="health", correlation=str(new_id()))
                    unit.append([Draft(child, HELD, "2026-03-02", TOPIC) for child in some], context)

        async def all_parked() -> bool:
            return bool(await admin.fetchval("select count(*) from parked") == len(children))

        await until(all_parked, f"{len(children)} lanes parked", SECONDS, pause=0.5)
        await admin.execute("alter table health_record drop constraint a_bug")


@pytest.mark.faults(case=23, ci=False)
@pytest.mark.timeout(900)
async def test_case_23_a_reader_far_behind_keeps_its_memory_bounded(crowded: tuple[World, Load]) -> None:
    world, load = crowded
    children = await load.known_children(20)
    replica = await world.replica("health")
    before = resident(replica)
    await held_up(world, children)
    # Once it may apply again, it applies slowly: each answer of its database takes its time.
    replica.postgres.delay = DELAY_SECONDS
    await load.assess(children[:2])
    assert await behind(replica) > 0
    replica.postgres.heal()
    await check(world, load)
    assert peak(replica) - before < GROWTH_MEGABYTES


async def behind(replica: Replica) -> int:
    """How many records the service says it has not applied."""
    found: int = (await replica.state())["unapplied"]
    return found


async def held_up(world: World, children: Sequence[UUID]) -> None:
    """Record a flood of facts while health can apply nothing."""
    async with world.admin("health") as holder, holder.transaction():
        for partition in range(PARTITIONS):
            await holder.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, partition)
        async with store_of(world) as store:
            await asyncio.gather(*(write(store, child, [HELD] * FLOOD) for child in children))


def resident(replica: Replica) -> float:
    """Megabytes of memory that a replica holds."""
    return _megabytes(replica, "VmRSS")


def peak(replica: Replica) -> float:
    """The most megabytes of memory that a replica ever held."""
    return _megabytes(replica, "VmHWM")


def _megabytes(replica: Replica, name: str) -> float:
    lines = Path(f"/proc/{replica.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
