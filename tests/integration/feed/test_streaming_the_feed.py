"""Server-Sent Events: the same facts, as they come."""

import asyncio
import json
from contextlib import aclosing
from urllib.parse import urlsplit

import pytest

from carejourney.envelope import Draft
from carejourney.feed.entitlement import Entitlement
from carejourney.feed.reading import START
from carejourney.feed.serving import Asked
from carejourney.feed.streaming import events
from tests.builders import a_context
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, until
from tests.integration.feed.served import HELD, PLAN, TOPIC, Event, Served, ids, page, says, served, stream


async def test_a_stream_gives_what_there_is_and_then_what_comes(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, HELD)
    async with feed.client() as client, stream(client) as coming:
        assert await anext(coming) == {"retry": "2000"}
        seen = [await anext(coming), await anext(coming)]
        said += await says(feed.running, child, HELD)
        seen.append(await anext(coming))
    assert [one["event"] for one in seen] == ["fact"] * 3
    assert ids(one["data"] for one in seen) == said


async def test_a_stream_goes_on_after_the_last_event_id_and_so_does_a_page(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, HELD, HELD)
    async with feed.client() as client:
        async with stream(client) as coming:
            await anext(coming)
            first = await anext(coming)
        async with stream(client, Last_Event_ID=first["id"]) as coming:
            await anext(coming)
            second = await anext(coming)
        rest = await page(client, second["id"])
    assert ids([first["data"], second["data"], *rest["facts"]]) == said


async def test_a_stream_that_breaks_within_an_overtaken_child_goes_on_without_a_loss(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    async with feed.running.pool.acquire() as slow, slow.transaction():
        await slow.execute("select pg_current_xact_id()")
        said = await says(feed.running, child, HELD, HELD)
        async with feed.running.store.unit([child], connection=slow) as unit:
            drafts = [Draft(child, HELD, "2026-05-04", TOPIC)]
            said += [fact.id for fact in unit.append(drafts, a_context(source="health"))]
    async with feed.client() as client:
        async with stream(client) as coming:
            await anext(coming)
            first = await anext(coming)
        rest = await page(client, first["id"])
    assert list(dict.fromkeys(ids([first["data"], *rest["facts"]]))) == said


async def test_a_stream_ends_plainly_when_the_service_stops(book: Probe, surroundings: Surroundings) -> None:
    async with served(book, surroundings) as one, one.client() as client, stream(client) as coming:
        await anext(coming)
        one.server.should_exit = True
        async with asyncio.timeout(5):
            left = [event async for event in coming]
    assert left[-1]["event"] == "end"
    assert "stopping" in left[-1]["data"]["reason"]


async def test_a_stream_ends_plainly_when_the_token_expires(feed: Served) -> None:
    async with feed.client(seconds=2) as client, stream(client) as coming:
        async with asyncio.timeout(10):
            left = [event async for event in coming]
        again = await client.get(f"/feed/{TOPIC}")
    assert left[-1]["event"] == "end"
    assert "expired" in left[-1]["data"]["reason"]
    assert again.status_code == 401


async def test_a_quiet_stream_has_heartbeats_that_move_the_cursor_and_tell_nothing_else(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    asked = Asked("reader", TOPIC, Entitlement(frozenset({"health"}), frozenset({"E06000016"})))
    await feed.running.feed.cursors.load()
    async with aclosing(events(feed.running.feed, asked, START, 10, 60, heartbeat=0.2)) as coming:
        await anext(coming)
        before = (await anext(coming)).decode()
        await says(feed.running, child, HELD)
        after = (await anext(coming)).decode()
    assert before.startswith(": waiting\nid: ")
    assert (len(before), before.count("\n")) == (len(after), after.count("\n"))
    places = [feed.running.feed.cursors.place(TOPIC, one.split("id: ")[1].strip()) for one in (before, after)]
    assert places[0] < places[1]


async def test_a_reader_who_goes_away_is_let_go(feed: Served) -> None:
    async def nobody() -> bool:
        return feed.streams == 0

    async with feed.client() as client, stream(client) as coming:
        await anext(coming)
        assert feed.streams == 1
    await until(nobody, "the stream is closed")


async def test_a_reader_who_takes_nothing_holds_a_few_pages_and_others_go_on(feed: Served) -> None:
    for child in await children(feed.running, 8):
        await says(feed.running, child, *[PLAN.model_copy(update={"summary": "x" * 20_000})] * 250)
    address = urlsplit(feed.address)
    _, writer = await asyncio.open_connection(address.hostname, address.port, limit=1_024)
    async with feed.client(actor="slow") as client:
        token = client.headers["authorization"]
    request = f"GET /feed/{TOPIC} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nauthorization: {token}\r\n\r\n"
    writer.write(request.encode())
    async with feed.client(actor="quick") as client:
        found = await page(client, limit=1_000)
        assert len(found["facts"]) == 1_000
        given = await quiet(feed, "slow")
    writer.close()
    assert 0 < given < 1_500


async def quiet(feed: Served, consumer: str) -> int:
    """How many facts a consumer was given once no more are given."""
    counts: list[int] = []

    async def settled() -> bool:
        counts.append(await feed.running.pool.fetchval("select facts from delivered where consumer = $1", consumer))
        return len(counts) > 50 and len(set(counts[-50:])) == 1 and counts[-1] is not None

    await until(settled, "the slow reader's stream stands still", 60)
    return counts[-1]


async def test_a_stream_too_many_is_refused_and_told_when_to_come_back(
    feed: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed.running.feed, "streams", 200)
    async with feed.client() as client:
        answer = await client.get(f"/feed/{TOPIC}", headers={"accept": "text/event-stream"})
        pages: Event = await page(client)
    assert answer.status_code == 503
    assert "come back" in json.loads(answer.content)["detail"]
    assert pages["facts"] == []
