"""What is left behind harms nobody: a session that hangs in a transaction, a client of a start that failed."""

import gc
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from carejourney.service import Running
from carejourney.subscription import ensure_topics, make_broker
from events.health import HealthAssessmentHeld
from tests.integration.chassis.probe import Probe, children, says, tallies

HELD = HealthAssessmentHeld(kind="review")
NOWHERE = "127.0.0.1:1"
BOUND = "idle_in_transaction_session_timeout"
CLIENTS = (AIOKafkaProducer, AIOKafkaConsumer, AIOKafkaAdminClient)


async def bounds(probe: Probe) -> set[str]:
    """How long sessions of the service and of its owner may be idle in a transaction, as their roles say."""
    admin = await asyncpg.connect(probe.admin_dsn)
    try:
        rows = await admin.fetch("select unnest(rolconfig) from pg_roles where rolname like $1", f"{probe.name}%")
        return {row[0] for row in rows if row[0].startswith(BOUND)}
    finally:
        await admin.close()


async def test_a_session_that_hangs_in_a_transaction_is_ended_and_holds_back_nobody(probe: Probe) -> None:
    assert await bounds(probe) == {f"{BOUND}=60s"}
    admin = await asyncpg.connect(probe.admin_dsn)
    try:
        await admin.execute(f"alter role {probe.name} set {BOUND} = '500ms'")
    finally:
        await admin.close()
    async with probe.running() as running:
        hung = await asyncpg.connect(probe.database)
        await hung.execute("begin; select pg_current_xact_id()")
        child = await heard_in_spite_of_it(probe, running)
        assert await tallies(running) == {child: 1}
        assert hung.is_closed()


async def heard_in_spite_of_it(probe: Probe, running: Running) -> Any:
    (child,) = await children(running, 1)
    await says(running, child, HELD)
    await probe.caught_up(running, 30)
    return child


async def test_a_start_without_a_broker_leaves_no_client_open(probe: Probe) -> None:
    settings = probe.settings.model_copy(update={"kafka": NOWHERE})
    before = set(map(id, open_clients()))
    with pytest.raises(KafkaConnectionError):
        await ensure_topics((probe.topic,), settings)
    async with probe.parts_only() as running:
        broker = make_broker(probe.name, (probe.topic,), running.projector, settings)
        with pytest.raises(KafkaConnectionError):
            await broker.start()
        await broker.stop()
    assert [client for client in open_clients() if id(client) not in before] == []


def open_clients() -> list[Any]:
    """Kafka clients in this process that nobody has closed."""
    return [one for one in gc.get_objects() if isinstance(one, CLIENTS) and one._closed is False]


async def test_a_client_that_gets_nothing_any_more_is_given_up_for_a_new_one(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carejourney.subscription.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("carejourney.subscription.STUCK_SECONDS", 1.0)
    async with probe.running() as running:
        (child,) = await children(running, 1)
        await probe.caught_up(running)
        stuck = running.projector.consumer
        assert stuck is not None
        stuck.pause(*stuck.assignment())
        await says(running, child, HELD)
        await probe.caught_up(running, 30)
        assert await tallies(running) == {child: 1}
        assert running.projector.consumer is not stuck
