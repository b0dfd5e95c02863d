"""Killed at any point, a replica has lost nothing: another one goes on, each child's facts in order."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from carejourney.settings import Settings
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, first_seen, until
from tests.integration.feed.served import HELD, says
from tests.integration.webhooks.receiver import Receiver, Reply
from tests.integration.webhooks.sender import LOOPBACK, Sender, sending

ROOT = Path(__file__).parents[3]
POINTS = ["webhooks.after_send", "webhooks.after_send:7", "webhooks.before_mark", "webhooks.after_mark"]


def environment(settings: Settings, crash_at: str) -> dict[str, str]:
    told = {name: value for name, value in settings.model_dump().items() if value is not None}
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else str(v) for n, v in told.items()}
    return {
        **os.environ, **{f"CAREJOURNEY_{name.upper()}": value for name, value in plain.items()},
        "CAREJOURNEY_WEBHOOK_NETWORKS": f'["{LOOPBACK}"]', "CAREJOURNEY_CRASH_AT": crash_at,
    }  # fmt: skip


@asynccontextmanager
async def replica(book: Probe, crash_at: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """A replica in a process of its own, which is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.webhooks.process", book.name,
        env=environment(book.settings, crash_at), cwd=ROOT, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def prepared(book: Probe, surroundings: Surroundings, receiver: Receiver) -> dict[str, list[str]]:
    """A webhook for everything, and the facts of six children, by child."""
    async with sending(book, surroundings) as one:
        await one.webhooks.stop()
        await one.register(receiver.url, start="beginning")
        return {
            str(child): [*await says(one.running, child, HELD, HELD), *await says(one.running, child, HELD)]
            for child in await children(one.running, 6)
        }


def arrived(receiver: Receiver, said: dict[str, list[str]]) -> dict[str, list[str]]:
    return {child: list(dict.fromkeys(receiver.of(child))) for child in said}


@pytest.mark.parametrize("point", POINTS)
async def test_a_replica_killed_at_any_point_loses_nothing(
    book: Probe, surroundings: Surroundings, receiver: Receiver, point: str
) -> None:
    said = await prepared(book, surroundings, receiver)
    async with replica(book, point) as process, asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    assert receiver.sent
    async with sending(book, surroundings):
        await receiver.has(18)
    assert arrived(receiver, said) == said


async def test_a_replica_killed_while_a_lane_is_tried_again_loses_nothing(
    book: Probe, surroundings: Surroundings, receiver: Receiver
) -> None:
    said = await prepared(book, surroundings, receiver)
    first = next(iter(said))
    receiver.decide = lambda sent: Reply(500 if sent.child == first else 204)
    async with sending(book, surroundings) as one:
        await receiver.has(15)
        await until(lambda: _lags(one), "a lane that lags")
    receiver.decide = lambda _: Reply()
    async with sending(book, surroundings) as one:
        await one.webhooks.stop()
        await one.running.pool.execute("update webhook_lane set due_at = now()")
    async with replica(book, "webhooks.before_lane") as process, asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    async with sending(book, surroundings) as one:
        await until(lambda: _nothing_lags(one), "nothing that lags")
    assert arrived(receiver, said) == said


async def _lags(one: Sender) -> bool:
    return bool(await one.running.pool.fetchval("select count(*) from webhook_lane"))


async def _nothing_lags(one: Sender) -> bool:
    return not await _lags(one)


async def test_a_second_replica_waits_and_takes_over_within_seconds_of_a_kill(
    book: Probe, surroundings: Surroundings, receiver: Receiver
) -> None:
    said = await prepared(book, surroundings, receiver)
    never = asyncio.Event()
    receiver.decide = lambda _: Reply(after=never.wait())
    async with replica(book) as process:
        await receiver.heard(6, seconds=60)
        async with sending(book, surroundings) as standby:
            await asyncio.sleep(0)
            assert not standby.webhooks.leading
            receiver.decide = lambda _: Reply()
            process.kill()
            await receiver.has(18, seconds=8)
            assert len(standby.webhooks.leading) == 1
    assert arrived(receiver, said) == said


async def test_two_replicas_share_webhooks_and_send_each_fact_once(
    book: Probe, surroundings: Surroundings, receiver: Receiver
) -> None:
    async with sending(book, surroundings) as one, sending(book, surroundings) as two:
        for n in range(4):
            await one.register(f"{receiver.url}&n={n}", actor=f"agency-{n}")
        (child,) = await children(one.running, 1)
        await says(two.running, child, HELD, HELD)
        await until(lambda: _four(receiver), "each of four webhooks sent both facts")
        assert not one.webhooks.leading & two.webhooks.leading
    assert len(receiver.sent) == 8


async def _four(receiver: Receiver) -> bool:
    return len(receiver.accepted) >= 8


async def test_a_replica_that_loses_its_session_leads_no_more_and_the_order_is_kept(
    book: Probe, surroundings: Surroundings, receiver: Receiver
) -> None:
    said = await prepared(book, surroundings, receiver)
    async with sending(book, surroundings) as one:
        await receiver.heard(1)
        await one.running.pool.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        await receiver.has(18)
        await until(lambda: _leads(one), "leading again")
    assert arrived(receiver, said) == said
    assert first_seen([len(ids) for ids in said.values()]) == [3]


async def _leads(one: Sender) -> bool:
    return bool(one.webhooks.leading)
