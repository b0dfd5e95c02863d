"""Faults of those who write: a clock that is wrong, a newer program, more than the reader takes."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from carejourney.projector import PARTITION_LOCK
from events.health import HealthAssessmentHeld
from tests.faults.conftest import Trial
from tests.faults.rebuilding import rebuild
from tests.faults.replica import Replica
from tests.faults.waiting import until
from tests.faults.world import PARTITIONS, World
from tests.faults.writing import store_of, write

HELD = HealthAssessmentHeld(kind="review")
HOUR = timedelta(hours=1)
FLOOD = 300
GROWTH_MEGABYTES = 120


class HeldSomewhere(HealthAssessmentHeld):
    """The fact as a later program may write it: with a field that no reader knows yet."""

    venue: Literal["home", "clinic"] = "clinic"


@pytest.mark.faults(case=19, ci=False)
async def test_case_19_a_writer_whose_clock_jumps_is_read_in_the_order_of_versions(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    now = datetime.now(UTC)
    async with store_of(world) as store:
        for moment in (now + HOUR, now - HOUR, now, now, now - 24 * HOUR):
            await write(store, child, [HELD], now=moment)
    await load.assess([child])
    async with world.admin("health") as admin:
        rows = await admin.fetch(
            "select topic_version from fact where subject = $1 order by transaction_id, position", child
        )
    assert [row["topic_version"] for row in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.faults(case=21, ci=False)
async def test_case_21_a_field_that_no_reader_knows_is_taken_in_and_kept_whole(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    async with store_of(world) as store:
        await write(store, child, [HELD, HeldSomewhere(kind="review"), HELD])

    async def whole() -> bool:
        async with world.admin("health") as admin:
            kept = await admin.fetch("select payload from received where subject = $1 order by topic_version", child)
        return [b"venue" in row["payload"] for row in kept] == [False, True, False]

    await until(whole, "the unknown field in the copy")
    assert await rebuild(world) == 0


@pytest.mark.faults(case=23, ci=False)
@pytest.mark.timeout(240)
async def test_case_23_a_reader_far_behind_keeps_its_memory_bounded(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(20)
    replica = await world.replica("health")
    before = resident(replica)
    await held_up(world, children)
    await load.assess(children[:2])
    assert resident(replica) - before < GROWTH_MEGABYTES


async def held_up(world: World, children: Sequence[UUID]) -> None:
    """Record a flood of facts while health can apply nothing."""
    async with world.admin("health") as holder, holder.transaction():
        for partition in range(PARTITIONS):
            await holder.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, partition)
        async with store_of(world) as store:
            await asyncio.gather(*(write(store, child, [HELD] * FLOOD) for child in children))


def resident(replica: Replica) -> float:
    """Megabytes of memory that a replica holds."""
    lines = Path(f"/proc/{replica.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
