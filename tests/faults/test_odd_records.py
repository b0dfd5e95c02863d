"""Faults of what is in Kafka: repeated, forged, reordered, missing, poisonous; and trying again what was parked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from carejourney.ids import new_id
from tests.faults.conftest import Trial
from tests.faults.planting import Plant, Silenced, facts_of, plant, stranger
from tests.faults.rebuilding import rebuild
from tests.faults.waiting import until
from tests.faults.world import World

OVERSIZE = 900_000
KILLED = -9


async def parked(world: World) -> set[tuple[str, UUID]]:
    async with world.admin("health") as admin:
        return {tuple(row) for row in await admin.fetch("select projection, subject from parked")}


async def counted(world: World, table: str) -> int:
    async with world.admin("health") as admin:
        found: int = await admin.fetchval(f"select count(*) from {table}")
    return found


async def until_parked(world: World, wanted: set[tuple[str, UUID]]) -> None:
    async def so() -> bool:
        return await parked(world) == wanted

    await until(so, f"{len(wanted)} lanes parked")


async def until_counted(world: World, table: str, number: int) -> None:
    async def so() -> bool:
        return await counted(world, table) == number

    await until(so, f"{number} in {table}")


@pytest.mark.faults(case=14, ci=True)
async def test_case_14_repeated_records_are_dropped_and_another_fact_in_a_place_is_told_of(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    await load.assess([child], 3)
    await until_received(world, child, 3)
    first, second, third = await facts_of(world, child)
    conflicts = await counted(world, "conflict")

    await plant(world, [first, third, first, second.said(ce_id=str(new_id())), second])

    await until_counted(world, "conflict", conflicts + 1)
    await load.assess([child])


async def until_received(world: World, child: UUID, number: int) -> None:
    async def so() -> bool:
        async with world.admin("health") as admin:
            taken = await admin.fetchval(
                "select count(*) from received where subject = $1 and topic = 'care.health'", child
            )
        return bool(taken == number)

    await until(so, f"{number} facts taken in")


@pytest.mark.faults(case=15, ci=True)
async def test_case_15_a_lane_with_a_gap_waits_in_order_while_others_go_on(trial: Trial) -> None:
    world, load = trial.world, trial.load
    child, other = await load.known_children(2)
    await load.assess([child])
    await until_received(world, child, 1)
    async with Silenced(world):
        await load.assess([child, other], 3)
        _, second, third, fourth = await facts_of(world, child)
        await plant(world, [fourth, third, *await facts_of(world, other)])
        await until_received(world, other, 3)
        await until_parked(world, {("gap", child)})
        assert (await (await world.replica("health")).state())["parked"] == {"gap": 1}
        await plant(world, [second])
        await until_parked(world, set())
        await until_received(world, child, 4)


@pytest.mark.faults(case=17, ci=True)
async def test_case_17_records_that_hold_no_fact_are_set_aside_and_told_of(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    await load.assess(children)
    await until_received(world, children[0], 1)
    before = await counted(world, "unreadable")
    await plant(world, poison(world, (await facts_of(world, children[0]))[0]))
    await load.assess(children)
    await until_counted(world, "unreadable", before + 5)


def poison(world: World, fact: Plant) -> list[Plant]:
    """Bad JSON, no value, another key, no envelope, far too much; each about somebody no store knows."""
    return [
        replace(stranger(world, fact, uuid4()), value=b'{"kind": '),
        replace(stranger(world, fact, uuid4()), value=None),
        replace(stranger(world, fact, uuid4()), key=b"somebody else"),
        replace(fact, headers={}, key=b"nobody"),
        replace(stranger(world, fact, uuid4()), value=b"[" * OVERSIZE),
    ]


@pytest.mark.faults(case=17, ci=False)
async def test_case_17_facts_of_a_later_program_park_their_child_and_nobody_else(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    await load.assess([child])
    (fact,) = await facts_of(world, child)
    later, unknown = uuid4(), uuid4()
    wire = fact.headers["ce_type"]
    await plant(world, [
        stranger(world, fact, later, ce_dataschema=f"urn:carejourney:{wire}:9"),
        stranger(world, fact, unknown, ce_type="health.not_known_yet", ce_dataschema="urn:carejourney:health.not:1"),
    ])  # fmt: skip
    await load.assess([child])
    await until_parked(world, {("health_record", later)})
    async with world.admin("health") as admin:
        for table in ("parked", "received", "lane"):
            await admin.execute(f"delete from {table} where subject = any($1)", [later, unknown])


@asynccontextmanager
async def refusing(world: World, children: Sequence[UUID]) -> AsyncIterator[None]:
    """Rows of these children cannot be written, as if the code that makes them had a bug, until the block ends."""
    named = ", ".join(f"'{child}'" for child in children)
    async with world.admin("health") as admin:
        await admin.execute(
            f"alter table health_record add constraint a_bug check (subject not in ({named})) not valid"
        )
        try:
            yield
        finally:
            await admin.execute("alter table health_record drop constraint a_bug")


async def redrive(world: World, **which: Any) -> dict[str, Any]:
    replica = await world.replica("health")
    bearer = {"authorization": f"Bearer {world.token('operations')}"}
    answer = await replica.http.post("/operations/redrive", json=which, headers=bearer, timeout=240)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


@pytest.mark.faults(case=17, ci=True)
async def test_case_17_a_bug_parks_one_child_whose_facts_go_on_in_order_once_it_is_mended(trial: Trial) -> None:
    world, load = trial.world, trial.load
    bad, good = await load.known_children(2)
    async with refusing(world, [bad]):
        await load.assess([bad, good], 3)
        await until_parked(world, {("health_record", bad)})
        await until_received(world, good, 3)
        await until_received(world, bad, 3)
        assert (await redrive(world, child=str(bad)))["still_parked"] == 1
    assert (await redrive(world, child=str(bad), dry_run=True))["done"] == 1
    assert await parked(world) == {("health_record", bad)}
    assert (await redrive(world, child=str(bad)))["done"] == 1


@pytest.mark.faults(case=18, ci=False)
async def test_case_18_redriving_twice_and_during_a_rebuild_happens_once(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(40)
    reason = "CheckViolationError"
    async with refusing(world, children):
        await load.assess(children)
        await until_parked(world, {("health_record", child) for child in children})
    # The rebuild has new tables half filled, and will go on with them.
    assert await rebuild(world, "rebuild.after_shard") == KILLED
    async with load.under_way(children[:2]):
        first, second, rebuilt = await asyncio.gather(
            redrive(world, reason=reason), redrive(world, reason=reason), rebuild(world)
        )
        assert rebuilt == 0
    assert first["done"] + second["done"] <= len(children)
    assert await parked(world) == set()
    assert (await redrive(world, all=True))["lanes"] == 0
