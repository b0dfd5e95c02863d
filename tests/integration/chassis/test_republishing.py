"""Losing every byte of Kafka loses nothing: the system notices, and publishes again from its stores."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest

from carejourney.batching import partition_of
from carejourney.operations import Operations
from carejourney.service import Running, build
from carejourney.verify import verify
from events.health import HealthAssessmentHeld
from tests.fixtures.system import Surroundings
from tests.integration.chassis.losing import delete_first_records, delete_topic, recreate_topic, write_something_else
from tests.integration.chassis.probe import Probe, children, first_seen, says, tallies, until, versions
from tests.integration.chassis.whereabouts import place_of

HELD = HealthAssessmentHeld(kind="review")
Losing = Callable[[Probe], Awaitable[None]]


async def heard(probe: Probe, running: Running, count: int = 6) -> list[UUID]:
    found = await children(running, count)
    for child in found:
        await says(running, child, HELD, HELD, HELD)
    await probe.caught_up(running)
    return found


async def all_there(probe: Probe, running: Running, found: list[UUID], each: int) -> None:
    """Every fact is in the log that there is now, in order, and took effect once."""

    async def published() -> bool:
        again = await running.pool.fetchval("select count(*) from republication where ended_at is null")
        ended = await running.pool.fetchval("select count(*) from republication where ended_at is not null")
        return bool(not again and ended)

    await until(published, "the topic published again", 40)
    await probe.caught_up(running, 30)
    sent = versions(record for record in await probe.records() if record.headers)
    assert {child: in_order(numbers) for child, numbers in sent.items()} == {str(c): each for c in found}
    assert await tallies(running) == dict.fromkeys(found, each)


def in_order(numbers: list[int]) -> int:
    """How far the versions 1, 2, 3... come one after the other."""
    reached = 0
    for number in numbers:
        reached += number == reached + 1
    return reached


@pytest.mark.parametrize("losing", [delete_topic, recreate_topic, delete_first_records])
async def test_what_kafka_loses_is_noticed_and_published_again_without_hands(probe: Probe, losing: Losing) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)
        await losing(probe)
        await all_there(probe, running, found, 3)
        (note,) = await running.pool.fetch("select asked_by, reason from republication")
        assert note["asked_by"] == "relay"
    assert (await verify(place_of(probe))).differences == []


@pytest.mark.parametrize("losing", [delete_topic, recreate_topic, delete_first_records])
async def test_facts_recorded_while_kafka_loses_its_log_are_not_lost(probe: Probe, losing: Losing) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)

        async def speaking() -> None:
            for child in found * 20:
                await says(running, child, HELD)
                await asyncio.sleep(0.01)

        await asyncio.gather(speaking(), losing(probe))
        await all_there(probe, running, found, 23)
    assert (await verify(place_of(probe))).differences == []


async def test_a_log_lost_while_the_service_was_down_is_noticed_when_it_starts(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)
    await recreate_topic(probe)
    async with probe.running() as running:
        await all_there(probe, running, found, 3)


async def test_a_log_whose_last_fact_is_another_one_by_now_is_lost_too(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running, 1)
        while partition_of(str(found[0]).encode(), probe.settings.topic_partitions):
            found = await heard(probe, running, 1)
        kept = await tallies(running)
    await recreate_topic(probe)
    await write_something_else(probe, 3 * len(kept) + 1)
    async with probe.running() as running:
        await all_there(probe, running, list(kept), 3)


async def test_a_topic_made_again_is_kept_for_ever(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)
        await delete_topic(probe)
        await all_there(probe, running, found, 3)
        partitions = {record.partition for record in await probe.records()}
    assert partitions <= set(range(probe.settings.topic_partitions))


async def test_while_a_topic_is_published_again_live_facts_come_in_their_turn(probe: Probe) -> None:
    async with probe.running() as running:
        found = await heard(probe, running)
        state = await Operations(running).lag()
        assert state["republishing"] == {}
        await running.pool.execute(
            "update relay_mark set again = jsonb_build_object($1::text, '[0, 0]'::jsonb)", probe.topic
        )
        for child in found:
            await says(running, child, HELD)
        await probe.caught_up(running)
        sent = versions(await probe.records())
        assert {first_seen(numbers)[-1] for numbers in sent.values()} == {4}
        assert await tallies(running) == dict.fromkeys(found, 4)


@asynccontextmanager
async def served(
    probe: Probe, surroundings: Surroundings, role: str
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    app = build(probe.parts(), probe.settings.model_copy(update={"instance": secrets.token_hex(4)}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://probe",
            headers={"authorization": f"Bearer {surroundings.token(role)}"},
        ) as client,
    ):  # fmt: skip
        yield app.state.running, client


async def test_an_operator_can_have_a_topic_published_again_and_is_named(
    probe: Probe, surroundings: Surroundings
) -> None:
    async with served(probe, surroundings, "operations") as (running, client):
        found = await heard(probe, running)
        answer = await client.post("/operations/republish", json={"topic": probe.topic})
        assert (answer.status_code, answer.json()) == (202, {"topics": [probe.topic]})
        await all_there(probe, running, found, 3)
        (shown,) = (await client.get("/operations/republish")).json()
        assert (shown["topic"], shown["asked_by"]) == (probe.topic, "tester")
        assert len(await probe.records()) == 36


@pytest.mark.parametrize(("role", "topic", "status"), [("social-work", None, 403), ("operations", "care.other", 404)])
async def test_nobody_else_can_have_anything_published_again(
    probe: Probe, surroundings: Surroundings, role: str, topic: str | None, status: int
) -> None:
    async with served(probe, surroundings, role) as (_, client):
        answer = await client.post("/operations/republish", json={"topic": topic})
    assert answer.status_code == status
