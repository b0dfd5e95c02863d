"""Bytes that rot on a broker's disk stop nobody: readers go past them, and the owner publishes its facts again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from carejourney import subscription
from carejourney.operations import Operations
from carejourney.service import Running, build
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, make_probe, says, tallies, until
from tests.integration.chassis.scratching import LENGTH, RECORDS, Scratched, scratched_log
from tests.integration.chassis.serving import serving
from tests.integration.chassis.test_healing import free_port, owned
from tests.integration.chassis.test_verify import HELD, verified

HURT = b"health_assessment_held"


@pytest_asyncio.fixture(loop_scope="session")
async def scratched(surroundings: Surroundings) -> AsyncIterator[Scratched]:
    async with scratched_log(surroundings) as made:
        yield made


def child_of(scratched: Scratched) -> UUID:
    return UUID((scratched.records[0].key or b"").decode())


async def forget_everything(probe: Probe) -> None:
    """As a new service: nothing in its copy, and every topic to be read from its first record."""
    owner = await asyncpg.connect(probe.owner_dsn)
    try:
        await owner.execute("truncate received, lane, checkpoint, tally, parked")
    finally:
        await owner.close()


async def published_again(running: Running, seconds: float = 30) -> None:
    async def done() -> bool:
        return bool(await running.pool.fetchval("select count(*) from republication where ended_at is not null"))

    await until(done, "the topic published again", seconds)


async def counted(running: Running, child: UUID, facts: int, seconds: float = 30) -> None:
    async def done() -> bool:
        return await tallies(running) == {child: facts}

    await until(done, f"{facts} facts in the projection", seconds)


async def test_damage_at_the_end_of_a_partition_stops_no_relay_and_is_published_again(scratched: Scratched) -> None:
    scratched.scratch(scratched.records[-1], HURT)
    with capture_logs() as logged:
        async with scratched.probe.running() as running:
            await published_again(running)
            await says(running, child_of(scratched), HELD)
            await counted(running, child_of(scratched), RECORDS + 1)
            await scratched.probe.caught_up(running)
            (shown,) = (await Operations(running).readiness())["damaged"]
            assert await running.pool.fetchval("select count(*) from republication") == 1
    partition = scratched.records[0].partition
    assert shown == f"{scratched.probe.topic}/{partition} from {RECORDS - 1} to {RECORDS}"
    (told,) = [line for line in logged if line["event"] == "relay.log_lost"]
    assert told["reason"].startswith(f"partition {partition} damaged: from offset {RECORDS - 1} on")


async def test_a_reader_goes_past_damage_and_has_what_lay_there_published_again(scratched: Scratched) -> None:
    scratched.scratch(scratched.records[4], HURT)
    await forget_everything(scratched.probe)
    with capture_logs() as logged:
        async with scratched.probe.running() as running:
            await counted(running, child_of(scratched), RECORDS)
            await published_again(running)
            await scratched.probe.caught_up(running)
            rows = await running.pool.fetch("select record_offset, reason from unreadable order by record_offset")
    assert [tuple(row) for row in rows] == [(3, "damaged: from offset 3 on nothing can be read before offset 6")]
    (told,) = [line for line in logged if line["event"] == "projector.log_damaged"]
    assert (told["topic"], told["offset"], told["until"]) == (scratched.probe.topic, 3, 6)
    report = await verified(scratched.probe)
    assert {d.detail for d in report.differences} == {"damaged: nothing can be read before offset 6"}


async def test_facts_that_no_later_one_asks_for_come_back_too(scratched: Scratched) -> None:
    for record in (scratched.records[4], scratched.records[-1]):
        scratched.scratch(record, HURT)
    await forget_everything(scratched.probe)
    async with scratched.probe.running() as running:
        await counted(running, child_of(scratched), RECORDS)
        await scratched.probe.caught_up(running)
        assert not await running.pool.fetchval("select count(*) from parked")


async def test_a_reader_tells_the_owner_who_publishes_once_however_many_tell(
    scratched: Scratched, surroundings: Surroundings
) -> None:
    scratched.scratch(scratched.records[4], HURT)
    port, probe = free_port(), scratched.probe
    told = owned(probe, surroundings, port).settings
    listener = await make_probe(surroundings, f"listener{uuid4().hex[:8]}")
    hears = replace(listener, settings=told.model_copy(update={"database_url": listener.settings.database_url}))
    async with serving(build(probe.parts(), probe.settings), port) as owner:
        for _ in range(2):
            await forget_everything(hears)
            async with hears.running(topics=(), listens=(probe.topic,)) as running:
                await counted(running, child_of(scratched), RECORDS)
                await published_again(owner.state.running)
                assert await running.pool.fetchval("select told_at is not null from damage")
        rows = await owner.state.running.pool.fetch("select asked_by, reason from republication")
    assert [(row["asked_by"], "damaged: from offset 3 on" in row["reason"]) for row in rows] == [("relay", True)]


async def test_faults_of_reading_are_logged_and_not_at_every_try(scratched: Scratched) -> None:
    for record in scratched.records[1::3]:
        scratched.scratch(record, HURT)
    await forget_everything(scratched.probe)
    with capture_logs() as logged:
        async with scratched.probe.running() as running:
            await counted(running, child_of(scratched), RECORDS)
    told = [line["fault"] for line in logged if line["event"] == "subscription.cannot_read"]
    assert told == ["CorruptRecordException"]


async def test_damage_that_a_broker_is_silent_about_is_gone_past_too(
    scratched: Scratched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "STUCK_SECONDS", 1.0)
    monkeypatch.setattr(subscription, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr("carejourney.log_reading.SILENT_MILLISECONDS", 1_000)
    scratched.scratch_header(1, LENGTH)
    await forget_everything(scratched.probe)
    async with scratched.probe.running() as running:
        await counted(running, child_of(scratched), RECORDS, 60)
        await scratched.probe.caught_up(running, 60)


@pytest.mark.parametrize("ended", ["stop", "kill"])
async def test_a_broker_that_starts_upon_damage_loses_no_fact_to_any_copy(scratched: Scratched, ended: str) -> None:
    getattr(scratched.broker, ended)()
    scratched.scratch(scratched.records[4], HURT)
    scratched.broker.start()
    await forget_everything(scratched.probe)
    async with scratched.probe.running() as running:
        await counted(running, child_of(scratched), RECORDS)
        await scratched.probe.caught_up(running)
