"""A gap heals without hands: the owner is asked for what never came, and a silent owner is asked again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from carejourney import healing
from carejourney.background import Background
from carejourney.envelope import Recorded
from carejourney.healing import Healing
from carejourney.parking import Selection
from carejourney.service import build
from events.health import HealthOutcomesReported
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, parked, until
from tests.integration.chassis.test_projecting import counts, made

SECONDS = 25


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap is asked about sooner than in production: what is waited for is the asking, not the wait before it."""
    monkeypatch.setattr(healing, "PATIENCE_SECONDS", 0.2)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def owned(probe: Probe, surroundings: Surroundings, port: int) -> Probe:
    """The probe, told who owns its facts and how to show who it is."""
    told = {
        "owners": {"probe-owner": f"http://127.0.0.1:{port}"},
        "issuer_key_file": surroundings.folder / "issuer.json",
    }
    return Probe(probe.name, probe.settings.model_copy(update=told), probe.admin_dsn, probe.owner_dsn)


@asynccontextmanager
async def owner(probe: Probe, port: int) -> AsyncIterator[FastAPI]:
    """The owner of the facts, over real HTTP; it publishes nothing and hears nothing of them."""
    settings = probe.settings.model_copy(update={"instance": "owner", "owners": {}})
    app = build(probe.parts(topics=(), listens=(f"{probe.topic}.elsewhere",)), settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="on", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def answers() -> bool:
        return server.started

    await until(answers, "the owner answering")
    await probe.caught_up(app.state.running)
    try:
        yield app
    finally:
        server.should_exit = True
        await task


async def recorded_by_owner(probe: Probe, *per_child: int) -> list[list[Recorded]]:
    """Facts that name their owner as their source."""
    facts = await made(probe, *per_child)
    for one in [fact for of_child in facts for fact in of_child]:
        one.headers = {**one.headers, "ce_source": "probe-owner"}
    return facts


async def test_a_record_the_log_never_had_is_asked_of_its_owner(probe: Probe, surroundings: Surroundings) -> None:
    one, other = await recorded_by_owner(probe, 5, 2)
    await probe.produce(one[0], one[3], one[4], *other)
    port = free_port()
    consumer = owned(probe, surroundings, port)
    async with owner(probe, port), consumer.running(topics=(), instance="consumer") as running:
        await counts_within(running, {one[0].subject: 5, other[0].subject: 2})
        assert await parked(running) == set()
        await probe.produce(*one)
        await probe.caught_up(running)
        await counts(running, {one[0].subject: 5, other[0].subject: 2})


async def counts_within(running: Any, expected: dict[Any, int]) -> None:
    async def so() -> bool:
        return dict(await running.pool.fetch("select subject, count from tally")) == expected

    await until(so, f"tallies of {sorted(expected.values())}", SECONDS)


async def test_an_owner_that_is_away_is_asked_again(probe: Probe, surroundings: Surroundings) -> None:
    (facts,) = await recorded_by_owner(probe, 3)
    await probe.produce(facts[0], facts[2])
    port = free_port()
    consumer = owned(probe, surroundings, port)
    async with consumer.running(topics=(), instance="consumer") as running:

        async def asked_in_vain() -> bool:
            return bool(await running.pool.fetchval("select attempts from parked where projection = 'gap'"))

        await until(asked_in_vain, "the owner asked while it was away", SECONDS)
        assert await parked(running) == {("gap", facts[0].subject)}
        async with owner(probe, port):
            await counts_within(running, {facts[0].subject: 3})
            assert await parked(running) == set()


async def test_an_operator_need_not_wait_for_the_next_try(probe: Probe, surroundings: Surroundings) -> None:
    (facts,) = await recorded_by_owner(probe, 3)
    await probe.produce(facts[0], facts[2])
    port = free_port()
    consumer = owned(probe, surroundings, port)
    async with owner(probe, port), consumer.running(topics=(), instance="consumer") as running:
        await counts(running, {facts[0].subject: 1})
        await running.pool.execute("update parked set attempts = 8, tried_at = now() where projection = 'gap'")
        result = await running.redriving.redrive(Selection(), actor="tester", role="operations")
        assert (result.lanes, result.done) == (1, 0)
        await counts_within(running, {facts[0].subject: 3})


async def test_a_gap_of_facts_nobody_keeps_heals_too(probe: Probe, surroundings: Surroundings) -> None:
    (facts,) = await recorded_by_owner(probe, 4)
    await probe.produce(facts[0], facts[3])
    port = free_port()
    consumer = owned(probe, surroundings, port)
    keeps = frozenset({HealthOutcomesReported.wire})
    async with owner(probe, port), consumer.running(topics=(), instance="consumer", keeps=keeps) as running:

        async def healed() -> bool:
            version = await running.pool.fetchval("select version from lane where subject = $1", facts[0].subject)
            return version == 4 and await parked(running) == set()

        await until(healed, "the lane at its end", SECONDS)


async def test_without_addresses_nobody_is_asked(probe: Probe) -> None:
    (facts,) = await recorded_by_owner(probe, 3)
    await probe.produce(facts[0], facts[2])
    async with probe.running(topics=()) as running:
        await probe.caught_up(running)
        assert not running.healing.possible
        assert await parked(running) == {("gap", facts[0].subject)}
        assert await running.pool.fetchval("select attempts from parked") == 0


class Broken:
    """Shows a token, and has a bug."""

    def token(self) -> str:
        raise ZeroDivisionError


async def test_a_bug_in_healing_is_not_waited_out_but_seen(probe: Probe) -> None:
    (facts,) = await recorded_by_owner(probe, 3)
    await probe.produce(facts[0], facts[2])
    background = Background()
    async with probe.running(topics=()) as running:
        broken = Healing(running.pool, running.projector.applying, {"probe-owner": "http://127.0.0.1:1"}, Broken())
        background.start("healing", broken.run())

        async def ended() -> bool:
            return bool(background.faults)

        await until(ended, "the bug told of", SECONDS)
        await background.stop()
    assert background.faults["healing"].startswith("ZeroDivisionError at tests.")


async def test_an_address_that_is_none_is_waited_out(probe: Probe, surroundings: Surroundings) -> None:
    (facts,) = await recorded_by_owner(probe, 3)
    await probe.produce(facts[0], facts[2])
    settings = owned(probe, surroundings, 0).settings.model_copy(update={"owners": {"probe-owner": "http://a:b"}})
    consumer = Probe(probe.name, settings, probe.admin_dsn, probe.owner_dsn)
    async with consumer.running(topics=()) as running:

        async def asked_in_vain() -> bool:
            return bool(await running.pool.fetchval("select attempts > 1 from parked where projection = 'gap'"))

        await until(asked_in_vain, "the owner asked twice", SECONDS)
        assert running.background.faults == {}
