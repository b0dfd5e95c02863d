"""A target that hangs, redirects, fails, talks without end or lies where it may not harms nobody else."""

import asyncio
import socket
import time

import pytest

from carejourney.webhooks import schedule, sending
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, until
from tests.integration.feed.served import HELD, says
from tests.integration.webhooks.receiver import Receiver, Reply, receiving
from tests.integration.webhooks.sender import Sender, lanes
from tests.integration.webhooks.sender import sending as replica


async def test_targets_that_hang_redirect_and_fail_do_not_delay_a_good_one(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 1.0)
    never = asyncio.Event()
    async with receiving(lambda _: Reply(after=never.wait())) as hanging, receiving(lambda _: Reply(500)) as failing:
        redirecting = Reply(307, [f"location: {receiver.url}"])
        async with receiving(lambda _: redirecting) as elsewhere:
            for n, target in enumerate((hanging, failing, elsewhere, receiver)):
                await sender.register(target.url, actor=f"agency-{n}")
            found = await children(sender.running, 10)
            begun = time.monotonic()
            for child in found:
                await says(sender.running, child, HELD, HELD)
            await receiver.has(20, seconds=8)
            assert time.monotonic() - begun < 8
            await hanging.heard(5)
            await elsewhere.heard(1)
    assert len(receiver.accepted) == 20
    assert {one["fault"] for one in await lanes(sender.running.pool)} >= {"answered 500", "answered 307"}


async def test_a_target_that_hangs_is_given_ten_seconds_and_noted(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sending.SECONDS == 10
    monkeypatch.setattr(sending, "SECONDS", 0.3)
    receiver.decide = lambda _: Reply(after=asyncio.Event().wait())
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await sender.becomes(webhook, waiting=1)
    (lane,) = await lanes(sender.running.pool)
    assert lane["fault"].startswith("no answer within")


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_without_end_is_cut_off_and_its_status_counts(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.decide = lambda _: Reply(status, endless=True)
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await receiver.heard(1)
    await sender.becomes(webhook, waiting=0 if status == 200 else 1)
    assert [one["fault"] for one in await lanes(sender.running.pool)] == ([] if status == 200 else ["answered 500"])


async def test_a_target_that_is_gone_gets_nothing_more(sender: Sender, receiver: Receiver) -> None:
    receiver.decide = lambda _: Reply(410)
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    await sender.becomes(webhook, state="disabled", why="the target answered 410 Gone")
    await says(sender.running, child, HELD, HELD)
    sender.clock.forward(days=2)
    await sender.becomes(webhook, state="disabled")
    assert len(receiver.sent) == 1


async def test_a_target_that_takes_nothing_is_tried_with_one_fact_at_a_time_and_all_arrives_once_it_does(
    sender: Sender, receiver: Receiver
) -> None:
    receiver.decide = lambda _: Reply(503)
    webhook = await sender.register(receiver.url)
    found = await children(sender.running, 30)
    for child in found:
        await says(sender.running, child, HELD, HELD)
    failures = schedule.FAILING
    await until(lambda: _failed(sender, failures), "the target known to be failing")
    tried = len(receiver.sent)
    assert tried < 30
    for failures in range(schedule.FAILING + 1, schedule.FAILING + 4):
        sender.clock.forward(seconds=schedule.PROBES[-1] * 1.3)
        await until(lambda: _failed(sender, failures), "one more try")  # noqa: B023 - awaited at once
    assert len(receiver.sent) < 30
    receiver.decide = lambda _: Reply()
    sender.clock.forward(seconds=schedule.PROBES[-1] * 1.3)
    await receiver.has(60)
    await sender.becomes(webhook, waiting=0, failing_since=None)


async def test_deliveries_that_hang_together_once_are_tried_again_after_seconds(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    receiver.decide = lambda _: Reply(after=asyncio.Event().wait())
    for child in await children(sender.running, 10):
        await says(sender.running, child, HELD)
    webhook = await sender.register(receiver.url, start="beginning")
    await sender.becomes(webhook, waiting=10)
    assert len(receiver.sent) > schedule.FAILING
    assert await _failures(sender) == schedule.FAILING
    receiver.decide = lambda _: Reply()
    sender.clock.forward(seconds=schedule.PROBES[0] * 1.2)
    await receiver.has(10)
    await sender.becomes(webhook, waiting=0, failing_since=None)


async def _failures(sender: Sender) -> int:
    return int(await sender.running.pool.fetchval("select failures from webhook"))


async def _failed(sender: Sender, times: int) -> bool:
    return await _failures(sender) >= times


async def test_a_target_that_took_nothing_for_a_day_is_paused_and_goes_on_when_resumed(
    sender: Sender, receiver: Receiver
) -> None:
    receiver.decide = lambda _: Reply(503)
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    said = await says(sender.running, child, HELD)
    await sender.becomes(webhook, waiting=1)
    for failures in range(2, 7):
        sender.clock.forward(hours=5)
        await until(lambda: _failed(sender, failures), "one more try")  # noqa: B023 - awaited at once
        if failures < schedule.FAILING:
            await sender.becomes(webhook, state="active")
    await sender.becomes(webhook, state="paused", parked=0)
    said += await says(sender.running, child, HELD)
    receiver.decide = lambda _: Reply()
    async with sender.client() as client:
        await client.post(f"/webhooks/{webhook['id']}/state", json={"state": "active"})
    await receiver.has(2)
    assert receiver.of(child) == said


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://localhost/", "https://10.0.0.8/",
        "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[fd00:ec2::254]/",
        "https://[::ffff:192.168.0.1]/", "https://inside.example/", "http://public.example/", "https://none.example/",
    ],
)  # fmt: skip
async def test_an_address_where_nothing_may_be_sent_is_refused_when_it_is_registered(
    book: Probe, surroundings: Surroundings, url: str
) -> None:
    async with replica(book, surroundings, look_up=_names, allowed=False) as one, one.client() as client:
        answer = await client.post("/webhooks", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("url: ")


def _names(host: str, port: int) -> list[str]:
    known = {"inside.example": ["10.0.0.9"], "public.example": ["8.8.8.8"]}
    if host.endswith(".example"):
        if host not in known:
            raise socket.gaierror
        return known[host]
    return [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


async def test_a_name_that_comes_to_stand_for_a_private_address_is_not_connected_to(
    book: Probe, surroundings: Surroundings, receiver: Receiver
) -> None:
    addresses = ["127.0.0.1"]
    async with replica(book, surroundings, look_up=lambda *_: addresses) as one:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        webhook = await one.register(f"http://agency.example:{port}/facts")
        first, second = await children(one.running, 2)
        await says(one.running, first, HELD)
        await receiver.has(1)
        assert receiver.sent[0].headers["host"] == f"agency.example:{port}"
        one.webhooks.means.addresses._allowed = ()
        await one.webhooks._couriers[next(iter(one.webhooks.leading))]._target._pool.aclose()
        await says(one.running, second, HELD)
        await one.becomes(webhook, waiting=1)
        (lane,) = await lanes(one.running.pool)
    assert (lane["fault"], len(receiver.sent)) == ("its name stands for an address in a private network", 1)
