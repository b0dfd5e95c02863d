"""What operators see of a service: whether it is ready, how far behind it is, and its metrics."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from carejourney.access import ROLES
from carejourney.service import build
from events.health import HealthAssessmentHeld
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, says, until

HELD = HealthAssessmentHeld(kind="review")
METRICS = (
    "carejourney_facts_recorded_total", "carejourney_facts_relayed_total", "carejourney_relay_age_seconds",
    "carejourney_relay_leader", "carejourney_facts_applied_total", "carejourney_duplicates_total",
    "carejourney_unreadable_total", "carejourney_lag_facts", "carejourney_parked_lanes",
    "carejourney_batch_seconds_count", "carejourney_fenced_total", "carejourney_timers_fired_total",
    "carejourney_part_works", "carejourney_lag_seconds", "carejourney_timer_age_seconds",
    "carejourney_oldest_transaction_seconds", "carejourney_log_lost_total", "carejourney_conflicts_total",
    "carejourney_gaps_healed_total", "carejourney_gaps_asked_total", "carejourney_redriven_lanes_total",
    "carejourney_log_damaged_total", "carejourney_unknown_facts_total",
)  # fmt: skip


@asynccontextmanager
async def served(
    probe: Probe, *, kafka: str | None = None, **changes: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The service with its HTTP side; `changes` replace parts."""
    told = {"instance": secrets.token_hex(4), "kafka": kafka or probe.settings.kafka}
    app = build(probe.parts(**changes), probe.settings.model_copy(update=told))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://probe", timeout=30) as client,
    ):
        yield app, client


async def ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def test_a_service_is_ready_when_it_moves_and_says_so_when_its_database_is_away(probe: Probe) -> None:
    async with served(probe) as (_, client):
        await until(lambda: ready(client), "ready")
        admin = await asyncpg.connect(probe.admin_dsn)
        try:
            await lock_out(admin, probe, connections=0)

            async def away() -> bool:
                answer = await client.get("/health/ready")
                return answer.status_code == 503 and answer.json()["database"] == "away"

            await until(away, "not ready without the database")
            assert (await client.get("/health/live")).status_code == 200
            await lock_out(admin, probe, connections=-1)
            await until(lambda: ready(client), "ready again", 20)
        finally:
            await admin.close()


async def lock_out(admin: asyncpg.Connection, probe: Probe, *, connections: int) -> None:
    """Close the database to the service, or open it again."""
    await admin.execute(f'alter database "{probe.name}" connection limit {connections}')
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", probe.name)


async def test_lag_returns_to_zero_and_is_for_operators_only(probe: Probe, surroundings: Surroundings) -> None:
    async with served(probe) as (app, client):
        running = app.state.running
        for child in await children(running, 5):
            await says(running, child, HELD)
        await probe.caught_up(running)
        headers = {"authorization": f"Bearer {surroundings.token('operations')}"}
        lag = (await client.get("/operations/lag", headers=headers)).json()
        assert (lag["unpublished"], lag["unapplied"], lag["parked"], lag["projections"]) == (0, 0, {}, ["tally"])
        headers = {"authorization": f"Bearer {surroundings.token('social-work')}"}
        assert (await client.get("/operations/lag", headers=headers)).status_code == 403


async def test_every_metric_is_there_by_its_name(probe: Probe) -> None:
    async with served(probe) as (app, client):
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD)
        await probe.caught_up(app.state.running)
        text = (await client.get("/metrics")).text
    names = {line.removeprefix("# TYPE ").split(" ")[0] for line in text.splitlines() if line.startswith("# TYPE ")}
    assert {name.removesuffix("_count") for name in METRICS} <= names | {f"{name}_total" for name in names}
    assert f'carejourney_facts_applied_total{{service="{probe.name}",topic="{probe.topic}"}} 1.0' in text
    assert str(child) not in text


async def test_an_owner_gives_the_facts_a_consumer_lacks(probe: Probe, surroundings: Surroundings) -> None:
    async with served(probe) as (app, client):
        (child,) = await children(app.state.running, 1)
        facts = await says(app.state.running, child, HELD, HELD, HELD)
        headers = {"authorization": f"Bearer {surroundings.token('service')}"}
        asked = {"topic": probe.topic, "after": "1"}
        answer = await client.get(f"/facts/{child}", params=asked, headers=headers)
        given = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["headers"] for line in given] == [dict(fact.headers) for fact in facts[1:]]
    assert [line["value"] for line in given] == [{"kind": "review"}] * 2


@pytest.mark.parametrize("role", sorted(ROLES.keys() - {"service"}))
async def test_only_another_service_is_given_the_facts_a_consumer_lacks(
    probe: Probe, surroundings: Surroundings, role: str
) -> None:
    async with served(probe) as (app, client):
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD)
        headers = {"authorization": f"Bearer {surroundings.token(role)}"}
        answer = await client.get(f"/facts/{child}", params={"topic": probe.topic}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


@pytest.mark.parametrize("path", ["/operations/lag", "/facts/01980000-0000-7000-8000-000000000001?topic=care.health"])
async def test_nobody_without_a_token_sees_how_a_service_does(probe: Probe, path: str) -> None:
    async with served(probe) as (_, client):
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
