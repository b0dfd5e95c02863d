"""Ready means that commands are taken and nothing is stuck; it is told within two seconds whatever hangs."""

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from carejourney import operations, subscription
from carejourney.embedded.kafka import throw_away_broker
from carejourney.embedded.postgres import throw_away_server
from carejourney.projector import PARTITION_LOCK
from carejourney.reactions import Outcome, Reaction
from carejourney.service import Running
from events.health import HealthAssessmentHeld
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import HANDLES, Probe, children, make_probe, says, until
from tests.integration.chassis.test_operating import served

HELD = HealthAssessmentHeld(kind="review")
# Two seconds are promised; the machine of a test has other work beside.
BUDGET = 4.0
NOWHERE = "127.0.0.1:1"


async def state(client: httpx.AsyncClient) -> dict[str, Any]:
    """What readiness says, in time."""
    began = time.monotonic()
    answer = await client.get("/health/ready")
    assert time.monotonic() - began < BUDGET
    said: dict[str, Any] = answer.json()
    assert answer.status_code == (200 if said["ready"] else 503)
    return said


async def becomes(client: httpx.AsyncClient, seconds: float = 20, **wanted: object) -> dict[str, Any]:
    """Wait until readiness says so; what it says then."""
    said: dict[str, Any] = {}

    async def so() -> bool:
        said.update(await state(client))
        return all(said.get(name) == value for name, value in wanted.items())

    await until(so, f"{wanted} in readiness", seconds)
    return said


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Processes that are there and do nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def pid_of(server: Any) -> int:
    mark = server.mark()
    assert mark is not None
    return int(mark.pid)


async def test_a_service_that_never_met_kafka_is_ready_for_commands_and_says_that_it_is_away(probe: Probe) -> None:
    async with served(probe, kafka=NOWHERE) as (app, client):
        said = await state(client)
        assert (said["ready"], said["kafka"], said["relay"], said["projector"]) == (True, "away", "waiting", "waiting")
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD)
        said = await state(client)
        assert (said["ready"], said["unpublished"], said["unapplied"]) == (True, 1, None)
        metrics = (await client.get("/metrics")).text
    assert f'carejourney_part_works{{part="kafka",service="{probe.name}"}} 0.0' in metrics
    assert f'carejourney_part_works{{part="database",service="{probe.name}"}} 1.0' in metrics


async def test_a_database_that_hangs_is_told_in_time_and_the_service_is_ready_again_after_it(
    surroundings: Surroundings,
) -> None:
    with throw_away_server() as server:
        hanging = await make_probe(replace(surroundings, admin_dsn=server.dsn), "hanging")
        async with served(hanging) as (_, client):
            await becomes(client, ready=True, projector="moving")
            with stopped(*family(pid_of(server))):
                for _ in range(3):
                    said = await state(client)
                    assert (said["ready"], said["database"], said["kafka"]) == (False, "unknown", "up")
                assert (await client.get("/health/live")).status_code == 200
            await becomes(client, ready=True, database="up", projector="moving")


async def test_a_dying_kafka_is_told_in_time_and_commands_are_taken_until_it_is_back(
    surroundings: Surroundings,
) -> None:
    with throw_away_broker() as broker:
        dying = await make_probe(replace(surroundings, kafka=broker.address), "dying")
        async with served(dying) as (app, client):
            running: Running = app.state.running
            await becomes(client, ready=True, projector="moving", relay="moving")
            with stopped(pid_of(broker)):
                (child,) = await children(running, 1)
                await says(running, child, HELD)
                said = await becomes(client, kafka="unknown", relay="waiting", projector="waiting")
                assert (said["ready"], said["unpublished"]) == (True, 1)
            broker.kill()
            said = await becomes(client, kafka="away", relay="waiting", projector="waiting")
            assert said["ready"]
            broker.start()
            await dying.caught_up(running, 40)
            await becomes(client, ready=True, kafka="up", relay="moving", projector="moving")


async def test_a_projector_that_does_not_move_though_kafka_answers_is_stuck(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "STUCK_SECONDS", 0.3)
    async with served(probe) as (app, client), AsyncExitStack() as stack:
        await becomes(client, ready=True, projector="moving")
        holder = await stack.enter_async_context(holding_partitions(probe))
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD)
        said = await becomes(client, projector="stuck")
        assert (said["ready"], said["kafka"], said["unapplied"]) == (False, "up", 1)
        await holder.aclose()
        await becomes(client, ready=True, projector="moving", unapplied=0)


@asynccontextmanager
async def holding_partitions(probe: Probe) -> AsyncIterator[AsyncExitStack]:
    """Hold what the projector needs to apply a batch, until closed."""
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(probe.database)
        stack.push_async_callback(connection.close)
        for partition in range(probe.settings.topic_partitions):
            await connection.execute("select pg_advisory_lock($1, $2)", PARTITION_LOCK, partition)
        yield stack


async def test_a_relay_that_a_long_transaction_holds_is_not_ready(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "HELD_SECONDS", 0.3)
    async with served(probe) as (app, client):
        running: Running = app.state.running
        await becomes(client, ready=True, relay="moving")
        (child,) = await children(running, 1)
        async with running.pool.acquire() as long, long.transaction():
            await long.fetchval("select pg_current_xact_id()")
            await says(running, child, HELD)
            assert not (await becomes(client, relay="held"))["ready"]
        await becomes(client, ready=True, relay="moving", unpublished=0)


async def test_a_pool_with_nothing_to_spare_does_not_make_a_service_unready(probe: Probe) -> None:
    async with served(probe) as (app, client), AsyncExitStack() as stack:
        await becomes(client, ready=True)
        for _ in range(probe.settings.pool_size):
            await stack.enter_async_context(app.state.running.pool.acquire())
        assert (await state(client))["ready"]


async def test_work_that_a_bug_ended_is_told_by_kind_and_place_and_ends_the_service(probe: Probe) -> None:
    ends: list[str] = []
    reaction = Reaction("none", frozenset(), HANDLES, lambda _: Outcome((), None))
    moments = [datetime.now(UTC)]
    async with served(probe, clock=moments.pop, reactions=(reaction,)) as (app, client):
        app.state.running.background.on_fault = lambda: ends.append("asked to end")
        said = await becomes(client, ready=False)
        assert list(said["faults"]) == ["timers"]
        assert said["faults"]["timers"].startswith("IndexError at carejourney.reactions:")
        alive = await client.get("/health/live")
        assert (alive.status_code, alive.json()["faults"]) == (503, said["faults"])
    assert ends == ["asked to end"]


async def test_only_what_takes_effect_counts_as_movement(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await children(running, 1)
        await says(running, child, HELD)
        await probe.caught_up(running)
        moved = running.projector.progress.moved_at
        await running.projector.handle(await probe.records())
        assert running.projector.progress.moved_at == moved
        await says(running, child, HELD)
        await probe.caught_up(running)
        assert running.projector.progress.moved_at > moved


async def test_a_topic_without_news_is_not_taken_for_a_stuck_one(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(subscription, "LOOK_SECONDS", 0.1)
    with capture_logs() as logged:
        async with probe.running() as running:
            (child,) = await children(running, 1)
            await says(running, child, HELD)
            await probe.caught_up(running)
            quiet = time.monotonic() + 1

            async def silence() -> bool:
                return time.monotonic() > quiet

            await until(silence, "a while without news")
            consumer = running.projector.consumer
            await says(running, child, HELD)
            await probe.caught_up(running)
            assert running.projector.consumer is consumer
    assert "subscription.stuck" not in {line["event"] for line in logged}
