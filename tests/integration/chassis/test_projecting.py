"""Facts take effect once, in order, child by child; what cannot be applied holds up nobody else."""

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from carejourney.envelope import Recorded
from carejourney.operations import Operations
from carejourney.service import Running
from carejourney.store import DATABASE_AWAY
from carejourney.subscription import ensure_topics
from events.catalogue import CATALOGUE
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.integration.chassis.probe import HANDLES, ODD_YEAR, Probe, children, parked, says, tallies, until

HELD = HealthAssessmentHeld(kind="review")
ODD = HealthOutcomesReported(year=ODD_YEAR)


async def recorded_elsewhere(probe: Probe, running: Running, child: UUID, count: int) -> list[Recorded]:
    """Facts with the envelope of the store, which the relay of this probe has not published."""
    facts = await says(running, child, *[HELD] * count)
    for fact in facts:
        fact.topic = probe.topic
    return facts


async def counts(running: Running, expected: dict[UUID, int]) -> None:
    async def so() -> bool:
        return (await tallies(running)) == expected

    await until(so, f"tallies of {sorted(expected.values())}")


async def made(probe: Probe, *per_child: int) -> list[list[Recorded]]:
    async with probe.parts_only() as running:
        found = await children(running, len(per_child))
        return [await recorded_elsewhere(probe, running, c, n) for c, n in zip(found, per_child, strict=True)]


async def test_a_fact_that_arrives_twice_takes_effect_once(probe: Probe) -> None:
    (facts,) = await made(probe, 3)
    await probe.produce(*facts, *facts[::-1], *facts)
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 3})
        await probe.caught_up(running)
        assert await parked(running) == set()


async def test_a_missing_fact_parks_that_childs_lane_alone_and_heals_when_it_comes(probe: Probe) -> None:
    one, other = await made(probe, 4, 2)
    await probe.produce(one[0], one[2], one[3], *other)
    async with probe.running(topics=()) as running:
        await counts(running, {one[0].subject: 1, other[0].subject: 2})
        assert await parked(running) == {("gap", one[0].subject)}
        assert (await Operations(running).lag())["parked"] == {"gap": 1}
        await probe.produce(one[1])
        await counts(running, {one[0].subject: 4, other[0].subject: 2})
        assert await parked(running) == set()


async def test_facts_in_another_order_are_put_in_theirs(probe: Probe) -> None:
    (facts,) = await made(probe, 5)
    await probe.produce(*facts[::-1])
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 5})
        await probe.caught_up(running)
        assert await parked(running) == set()


POISON: dict[str, dict[str, Any]] = {
    "no JSON": {"value": b"{not json"},
    "no object": {"value": b"[1]"},
    "no value": {"value": None},
    "no headers": {"headers": []},
    "no text in a header": {"headers": [("ce_id", b"\xff")]},
    "the key of another": {"key": str(uuid4()).encode()},
    "no key": {"key": None},
}


def changed(fact: Recorded, **headers: str) -> Recorded:
    return replace(fact, headers={**fact.headers, **headers})


@pytest.mark.parametrize("fault", list(POISON))
async def test_a_record_that_holds_no_fact_is_set_aside_and_only_its_child_waits(probe: Probe, fault: str) -> None:
    one, other = await made(probe, 2, 1)
    await probe.produce(one[0], **POISON[fault])
    await probe.produce(one[1], *other)
    async with probe.running(topics=()) as running:
        await counts(running, {other[0].subject: 1})
        await probe.caught_up(running)
        assert await parked(running) == {("gap", one[0].subject)}
        assert (await Operations(running).lag())["unreadable"] == 1
        await probe.produce(one[0])
        await counts(running, {one[0].subject: 2, other[0].subject: 1})


@pytest.mark.parametrize(
    "headers",
    [
        {"ce_id": "not an id"}, {"ce_streamversion": "0"}, {"ce_streamversion": str(2**40)},
        {"ce_streamversion": "many"}, {"ce_authority": "E0\0"}, {"ce_type": "correction.fact_corrected"},
    ],
)  # fmt: skip
async def test_a_record_with_an_impossible_envelope_is_set_aside(probe: Probe, headers: dict[str, str]) -> None:
    one, other = await made(probe, 1, 1)
    await probe.produce(changed(one[0], **headers), *other)
    async with probe.running(topics=()) as running:
        await counts(running, {other[0].subject: 1})
        await probe.caught_up(running)
        assert (await Operations(running).lag())["unreadable"] == 1


async def test_a_fact_of_a_type_nobody_knows_holds_nothing_up(probe: Probe) -> None:
    (facts,) = await made(probe, 2)
    await probe.produce(changed(facts[0], ce_type="health.not_thought_of_yet"), facts[1])
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 1})
        await probe.caught_up(running)


async def test_a_fault_in_a_projection_parks_one_child_and_the_others_go_on(probe: Probe) -> None:
    async with probe.running() as running:
        bad, good = await children(running, 2)
        await says(running, bad, HELD, ODD, HELD)
        await says(running, good, HELD)
        await probe.caught_up(running)
        assert (await tallies(running)).get(good) == 1
        assert await parked(running) == {("tally", bad)}


async def test_facts_of_types_a_service_does_not_keep_leave_no_gap(probe: Probe) -> None:
    async with probe.running(keeps=frozenset({HealthOutcomesReported.wire})) as running:
        (child,) = await children(running, 1)
        await says(running, child, HealthOutcomesReported(year=2024), HELD, HealthOutcomesReported(year=2025))
        await probe.caught_up(running)
        assert await running.pool.fetchval("select count(*) from received") == 2
        assert await parked(running) == set()


async def test_an_owner_whose_partition_was_taken_can_move_nothing(probe: Probe) -> None:
    async with probe.running(instance="same") as running:
        one, other = await children(running, 2)
        await says(running, one, HELD)
        await probe.caught_up(running)
        await running.pool.execute("update checkpoint set epoch = epoch + 1")
        before = await running.pool.fetch("select topic, partition, next_offset from checkpoint order by 2")
        await says(running, one, HELD)
        await says(running, other, HELD)

        async def released() -> bool:
            return any(key not in running.projector.checkpoints.owned for key in running.projector.progress.assigned)

        await until(released, "the partition let go")
        assert await tallies(running) == {one: 1}
        after = await running.pool.fetch("select topic, partition, next_offset from checkpoint order by 2")
        assert after == before
    async with probe.running(instance="same") as successor:
        await counts(successor, {one: 2, other: 1})


async def test_a_second_member_shares_the_work_and_nothing_is_applied_twice(probe: Probe) -> None:
    async with probe.running(instance="first") as first:
        found = await children(first, 6)
        for child in found:
            await says(first, child, HELD)
        async with probe.running(instance="second") as second:
            for child in found:
                await says(second, child, HELD)
            await counts(second, dict.fromkeys(found, 2))


@pytest.mark.parametrize("serving", [True, False], ids=["while it runs", "while it is down"])
async def test_a_topic_made_anew_is_noticed_and_read_from_its_start(probe: Probe, *, serving: bool) -> None:
    one, other = await made(probe, 6, 2)
    await probe.produce(*one[:3])
    async with probe.running(instance="same", topics=()) as running:
        await counts(running, {one[0].subject: 3})
        if serving:
            await noticed(probe, running, [*other, *one])
    if not serving:
        await made_anew(probe)
        await probe.produce(*other, *one)
        async with probe.running(instance="same", topics=()) as again:
            await counts(again, {one[0].subject: 6, other[0].subject: 2})
            assert again.projector.progress.lost == [f"{probe.topic}/0"]


async def noticed(probe: Probe, running: Running, facts: list[Recorded]) -> None:
    await made_anew(probe)
    await probe.produce(*facts)
    await counts(running, dict(Counter(fact.subject for fact in facts)))
    assert f"{probe.topic}/0" in running.projector.progress.lost


async def made_anew(probe: Probe) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.settings.kafka)
    await admin.start()
    try:
        await admin.delete_topics([probe.topic])

        async def gone() -> bool:
            return probe.topic not in await admin.list_topics()

        await until(gone, "the topic deleted")
    finally:
        await admin.close()
    await ensure_topics((probe.topic,), probe.settings)


async def test_a_database_that_drops_its_connections_loses_nothing(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await children(running, 1)
        await says(running, child, HELD)
        await probe.caught_up(running)
        admin = await asyncpg.connect(probe.admin_dsn)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = $1", probe.name
        )
        await admin.close()

        async def said() -> bool:
            try:
                await says(running, child, HELD)
            except DATABASE_AWAY:
                return False
            return True

        await until(said, "the store answers again")
        await counts(running, {child: 2})
        await probe.caught_up(running)


def test_the_probe_handles_facts_of_the_catalogue() -> None:
    assert CATALOGUE.keys() >= HANDLES
