"""Every committed fact reaches Kafka at least once, per child in order; nothing uncommitted ever does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from carejourney.batching import partition_of
from carejourney.relay import Relay, relay_connection, relay_producer
from carejourney.service import Running
from carejourney.subscription import ensure_topics
from events.health import HealthAssessmentHeld
from tests.builders import a_context
from tests.integration.chassis.probe import Probe, children, first_seen, says, versions

HELD = HealthAssessmentHeld(kind="review")


@asynccontextmanager
async def relay_by_hand(probe: Probe) -> AsyncIterator[tuple[Relay, asyncpg.Connection, AIOKafkaProducer]]:
    """A relay that takes one step at a time."""
    await ensure_topics((probe.topic,), probe.settings)
    producer = relay_producer(probe.settings.kafka, probe.name)
    connection = await asyncpg.connect(probe.database)
    await producer.start()
    try:
        yield Relay(probe.database, lambda: producer, probe.name), connection, producer
    finally:
        await producer.stop()
        await connection.close()


async def published(probe: Probe, child: UUID) -> list[int]:
    return versions(await probe.records()).get(str(child), [])


@asynccontextmanager
async def held_transaction(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that has an id and does not end."""
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval("select pg_current_xact_id()")
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def test_a_fact_committed_before_an_older_transaction_is_not_skipped_nor_overtaken(probe: Probe) -> None:
    async with probe.parts_only() as running, relay_by_hand(probe) as (relay, connection, producer):
        early, late = await children(running, 2)
        async with running.store.unit([early]) as unit:
            unit.append([probe.draft(early, HELD)], a_context())
            await unit.connection.fetchval("select pg_current_xact_id()")
            await says(running, late, HELD)
            assert await relay.step(connection, producer) == 0
        assert await relay.step(connection, producer) == 2
        assert (await published(probe, early), await published(probe, late)) == ([1], [1])


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the same database", "in another database"])
async def test_a_transaction_held_open_delays_the_relay_and_loses_nothing(probe: Probe, *, elsewhere: bool) -> None:
    dsn = probe.admin_dsn if elsewhere else probe.database
    async with probe.parts_only() as running, relay_by_hand(probe) as (relay, connection, producer):
        (child,) = await children(running, 1)
        async with held_transaction(dsn):
            await says(running, child, HELD, HELD)
            assert await relay.step(connection, producer) == 0
        assert await relay.step(connection, producer) == 2
        assert await published(probe, child) == [1, 2]


async def test_a_fact_that_was_rolled_back_is_never_published_and_holds_nothing_up(probe: Probe) -> None:
    async with probe.parts_only() as running, relay_by_hand(probe) as (relay, connection, producer):
        given_up, child = await children(running, 2)
        with pytest.raises(ZeroDivisionError):
            await begins_and_gives_up(probe, running, given_up)
        await says(running, child, HELD)
        assert await relay.step(connection, producer) == 1
        assert versions(await probe.records()) == {str(child): [1]}


async def begins_and_gives_up(probe: Probe, running: Running, child: UUID) -> None:
    async with running.store.unit([child]) as unit:
        unit.append([probe.draft(child, HELD)], a_context())
        await unit.flush()
        raise ZeroDivisionError


async def test_two_relays_at_once_only_duplicate(probe: Probe) -> None:
    async with probe.parts_only() as running, relay_by_hand(probe) as one, relay_by_hand(probe) as other:
        found = await children(running, 5)
        for child in found * 3:
            await says(running, child, HELD)
        await asyncio.gather(one[0].step(*one[1:]), other[0].step(*other[1:]))
        assert await one[0].step(*one[1:]) == 0
        sent = versions(await probe.records())
    assert {child: first_seen(numbers) for child, numbers in sent.items()} == {str(c): [1, 2, 3] for c in found}


async def test_a_relay_that_wakes_after_another_took_over_moves_no_mark_backwards(probe: Probe) -> None:
    async with probe.parts_only() as running, relay_by_hand(probe) as (relay, connection, producer):
        (child,) = await children(running, 1)
        await says(running, child, HELD)
        await relay.step(connection, producer)
        mark = await connection.fetchrow("select transaction_id, position from relay_mark")
        await says(running, child, HELD)
        await relay.step(connection, producer)
        assert await connection.fetchrow("select transaction_id, position from relay_mark") > mark
        assert await published(probe, child) == [1, 2]


async def test_a_child_is_always_in_the_partition_that_kafkas_own_partitioner_gives(probe: Probe) -> None:
    async with probe.running() as running:
        found = await children(running, 8)
        for child in found:
            await says(running, child, HELD, HELD)
        await probe.caught_up(running)
        records = await probe.records()
    assert {r.key.decode(): r.partition for r in records} == {
        str(child): partition_of(str(child).encode(), probe.settings.topic_partitions) for child in found
    }
    assert {r.key.decode() for r in records} == {str(child) for child in found}


async def test_only_one_relay_leads_and_another_takes_over_when_it_ends(probe: Probe) -> None:
    async with probe.running(instance="b") as second:
        async with probe.running(instance="a") as first:
            (child,) = await children(first, 1)
            await says(first, child, HELD)
            await probe.caught_up(second)
            assert [r.relay is not None and r.relay.leading for r in (first, second)].count(True) == 1
        await says(second, child, HELD)
        await probe.caught_up(second)
    assert await published(probe, child) == [1, 2]


async def test_a_large_fact_is_carried_whole(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await children(running, 1)
        await says(running, child, *[HELD] * 2_500)
        await probe.caught_up(running)
        assert await count_of(running, child) == 2_500
        assert first_seen(await published(probe, child)) == list(range(1, 2_501))


async def count_of(running: Running, child: UUID) -> int:
    return int(await running.pool.fetchval("select count from tally where subject = $1", child) or 0)


async def test_a_transaction_that_waited_for_a_stream_does_not_overtake_the_one_it_waited_for(probe: Probe) -> None:
    async with probe.parts_only() as running, relay_by_hand(probe) as (relay, connection, producer):
        (child,) = await children(running, 1)
        async with running.pool.acquire() as early, early.transaction():
            await early.fetchval("select pg_current_xact_id()")
            await says(running, child, HELD)
            async with running.store.unit([child], connection=early) as unit:
                unit.append([probe.draft(child, HELD)], a_context())
        await relay.step(connection, producer)
        assert await published(probe, child) == [1, 2]


async def test_a_relay_does_not_wait_for_the_disk_and_a_service_does(probe: Probe) -> None:
    async with probe.parts_only() as running:
        connection = await relay_connection(probe.database)
        try:
            relays = await connection.fetchval("show synchronous_commit")
        finally:
            await connection.close()
        assert (relays, await running.pool.fetchval("show synchronous_commit")) == ("off", "on")
