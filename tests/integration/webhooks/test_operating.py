"""What operators see of webhooks, and what they do about them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from typer.testing import CliRunner

from carejourney.access import mint
from carejourney.cli.connecting import SERVICES
from carejourney.cli.webhooks import app as program
from carejourney.erasure.structure import Examiner, Found, Language
from carejourney.telemetry import REGISTRY
from carejourney.webhooks import deliveries, operating, subscriptions
from carejourney.webhooks.deliveries import Deliveries
from carejourney.webhooks.subscriptions import Webhook
from events.catalogue import CATALOGUE
from tests.integration.chassis.probe import children, until
from tests.integration.feed.served import HELD, says
from tests.integration.webhooks.receiver import Receiver, Reply
from tests.integration.webhooks.sender import Sender, lanes


@pytest_asyncio.fixture(loop_scope="session")
async def served(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sender]:
    """The replica behind every address the program knows."""
    server = uvicorn.Server(uvicorn.Config(sender.app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    await until(lambda: _started(server), "the replica served")
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    for service in SERVICES:
        monkeypatch.setenv(f"CAREJOURNEY_{service.upper()}_URL", address)
    key = sender.surroundings.folder / "issuer.json"
    monkeypatch.setenv("CAREJOURNEY_TOKEN", mint(key, "operator", ["operations"]))
    yield sender
    server.should_exit = True
    await serving


async def _started(server: uvicorn.Server) -> bool:
    return server.started


async def told(*words: str) -> dict[str, Any]:
    """What the program answers."""
    result = await asyncio.to_thread(CliRunner().invoke, program, [*words, "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.output)
    return found


async def a_parked_lane(sender: Sender, receiver: Receiver) -> tuple[dict[str, Any], str]:
    receiver.decide = lambda _: Reply(422)
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await sender.becomes(webhook, waiting=1)
    await sender.running.pool.execute("update webhook_lane set parked_at = now()")
    receiver.decide = lambda _: Reply()
    return webhook, str(child)


async def test_an_operator_lists_what_is_parked_and_has_it_sent_again(served: Sender, receiver: Receiver) -> None:
    webhook, child = await a_parked_lane(served, receiver)
    (listed,) = (await told("list", "--service", "health"))["webhooks"]
    assert (listed["webhook"], listed["parked"]) == (webhook["id"], 1)
    (lane,) = (await told("parked", "--service", "health", "--webhook", webhook["id"]))["lanes"]
    assert (lane["subject"], lane["fault"], lane["facts"]) == (child, "answered 422", 1)
    assert await told("redrive", "--child", child) == {"lanes": 1}
    await receiver.has(1)
    await served.becomes(webhook, parked=0, waiting=0)


async def test_an_operator_pauses_resumes_and_removes_a_webhook(served: Sender, receiver: Receiver) -> None:
    webhook = await served.register(receiver.url)
    assert (await told("pause", webhook["id"]))["state"] == "paused"
    assert (await told("resume", webhook["id"]))["state"] == "active"
    assert await told("remove", webhook["id"]) == {"removed": webhook["id"]}
    gone = await asyncio.to_thread(CliRunner().invoke, program, ["pause", webhook["id"]])
    assert gone.exit_code == 1
    assert "carejourney webhooks list" in str(gone.exception)


async def test_metrics_tell_of_what_waits_is_parked_and_has_stopped(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MEASURE_SECONDS", 0.0)
    await a_parked_lane(sender, receiver)
    receiver.decide = lambda _: Reply(410)
    await until(lambda: _is(sender, "carejourney_webhook_parked_lanes", 1), "one parked lane")
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await until(lambda: _is(sender, "carejourney_webhooks_stopped", 1), "one webhook that has stopped")
    assert await _is(sender, "carejourney_webhook_failed_total", 2)


async def test_nothing_waits_once_everything_was_accepted(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MEASURE_SECONDS", 0.0)
    answered = asyncio.Event()
    receiver.decide = lambda _: Reply(after=answered.wait())
    await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await until(lambda: _some(sender, "carejourney_webhook_age_seconds"), "a fact that waits")
    answered.set()
    await receiver.has(1)
    await until(lambda: _is(sender, "carejourney_webhook_age_seconds", 0), "nothing that waits")
    assert await _is(sender, "carejourney_webhook_delivered_total", 1)


async def test_of_what_is_kept_of_a_child_nothing_is_personal(sender: Sender, receiver: Receiver) -> None:
    _, child = await a_parked_lane(sender, receiver)
    personal = frozenset(name for kind in CATALOGUE.values() for name in kind.personal_fields())
    found = Found("webhook_lane")
    (lane,) = await lanes(sender.running.pool)
    assert str(lane["subject"]) == child
    Examiner(lane["subject"], Language({}, personal)).row(found, lane)
    assert not found.faults


def _metric(sender: Sender, name: str) -> float:
    return REGISTRY.get_sample_value(name, {"service": sender.running.parts.name}) or 0.0


async def _is(sender: Sender, name: str, value: float) -> bool:
    return _metric(sender, name) == value


async def _some(sender: Sender, name: str) -> bool:
    return _metric(sender, name) > 0


async def test_a_webhook_that_was_halted_since_it_was_looked_at_is_not_taken_over(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sender.register(receiver.url)
    await sender.running.background.stop()
    stale = await subscriptions.every(sender.running.pool)

    async def as_it_was(_: object) -> list[Webhook]:
        return stale

    monkeypatch.setattr(subscriptions, "every", as_it_was)
    other = Deliveries("", sender.webhooks.means)

    async def leads() -> bool:
        await other.look(connection)
        return other.leading == {one.id for one in stale}

    async with sender.running.pool.acquire() as connection:
        await until(leads, "nobody else leads any more")
        await other.stop()
        await sender.running.pool.execute("update webhook set state = 'disabled'")
        again = Deliveries("", sender.webhooks.means)
        await again.look(connection)
        assert again.leading == frozenset()
        await connection.execute("select pg_advisory_unlock_all()")


async def test_who_did_what_with_a_webhook_and_when_is_kept(served: Sender, receiver: Receiver) -> None:
    webhook, child = await a_parked_lane(served, receiver)
    async with served.client(actor="agency") as client:
        (await client.post(f"/webhooks/{webhook['id']}/state", json={"state": "paused"})).raise_for_status()
    await told("resume", webhook["id"])
    await told("redrive", "--service", "health", "--child", child)
    await told("remove", webhook["id"])

    async with served.running.pool.acquire() as connection:
        kept = await operating.latest(connection)

    assert [(one["action"], one["actor"], one["role"]) for one in reversed(kept)] == [
        ("pause", "agency", "agency-system"), ("resume", "operator", "operations"),
        ("redrive", "operator", "operations"), ("remove", "operator", "operations"),
    ]  # fmt: skip
    assert {one["webhook"] for one in kept} == {webhook["id"]}
    assert [(one["child"], one["lanes"]) for one in kept if one["action"] == "redrive"] == [(child, 1)]


async def test_only_its_own_system_is_told_more_of_an_address_than_the_host(served: Sender, receiver: Receiver) -> None:
    webhook = await served.register(receiver.url)
    async with served.client() as client:
        assert (await client.get(f"/webhooks/{webhook['id']}")).json()["url"] == receiver.url
    (listed,) = (await told("list", "--service", "health"))["webhooks"]
    assert listed["url"] == receiver.url.removesuffix("/facts?of=agency")
