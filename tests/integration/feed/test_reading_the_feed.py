"""Pages of the feed: every fact once, in order, whatever happens meanwhile."""

import asyncio
import time
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from carejourney.envelope import Draft
from events.catalogue import CATALOGUE
from events.health import HealthOutcomesReported
from tests.builders import a_context
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, until
from tests.integration.feed.served import HELD, MISUSE, TOPIC, Served, everything, ids, page, says, served

_STORED = "select id::text from fact where topic = $1 order by transaction_id, position"


async def test_ten_thousand_facts_paged_are_those_of_the_store_each_once(feed: Served) -> None:
    for child in await children(feed.running, 20):
        await says(feed.running, child, *([HELD, HELD, MISUSE] * 250))
    async with feed.client() as client:
        given = await everything(client, limit=1_000)
    assert len(given) == 10_000
    assert ids(given) == [row["id"] for row in await feed.running.pool.fetch(_STORED, TOPIC)]


async def test_a_page_has_no_more_facts_than_were_asked_for(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, MISUSE, MISUSE, HELD, HELD)
    async with feed.client() as client:
        first = await page(client, limit=2)
        second = await page(client, first["next"], limit=2)
    assert (ids(first["facts"]), first["more"]) == ([said[0], said[3]], True)
    assert (ids(second["facts"]), second["more"]) == ([said[4]], False)


async def test_a_fact_is_a_structured_cloud_event(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    await says(feed.running, child, HELD)
    async with feed.client() as client:
        (fact,) = (await page(client))["facts"]
    assert fact["specversion"] == "1.0"
    assert (fact["type"], fact["subject"], fact["source"]) == (HELD.wire, str(child), "health")
    assert (fact["dataschema"], fact["datacontenttype"]) == (f"urn:carejourney:{HELD.wire}:1", "application/json")
    assert (fact["effectivefrom"], fact["streamversion"]) == ("2026-05-04", "1")
    assert fact["data"] == {"kind": "initial"}


async def test_types_can_be_chosen(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, HealthOutcomesReported(year=2026), HELD)
    async with feed.client() as client:
        found = await page(client, types=HealthOutcomesReported.wire)
        rest = await page(client, found["next"])
    assert ids(found["facts"]) == [said[1]]
    assert rest["facts"] == []


async def test_a_long_transaction_holds_the_feed_back_and_then_nothing_is_lost(feed: Served, book: Probe) -> None:
    early, late = await children(feed.running, 2)
    slow = await asyncpg.connect(book.database)
    transaction = slow.transaction()
    await transaction.start()
    async with feed.running.store.unit([early], connection=slow) as unit:
        held = [fact.id for fact in unit.append([Draft(early, HELD, "2026-05-04", TOPIC)], a_context(source="health"))]
    after_it = await says(feed.running, late, HELD)
    async with feed.client() as client:
        before = await page(client)
        assert before["facts"] == []
        await transaction.commit()
        found = await page(client, before["next"], wait=10)
    await slow.close()
    assert ids(found["facts"]) == [*held, *after_it]


async def overtake(book: Probe, feed: Served, child: UUID, facts: int) -> list[str]:
    """A transaction begins, another one records, then the first: it has the earlier place and the later version."""
    slow = await asyncpg.connect(book.database)
    async with slow.transaction():
        await slow.execute("select pg_current_xact_id()")
        said = await says(feed.running, child, *[HELD] * facts)
        async with feed.running.store.unit([child], connection=slow) as unit:
            drafts = [Draft(child, HELD, "2026-05-04", TOPIC)]
            said += [fact.id for fact in unit.append(drafts, a_context(source="health"))]
    await slow.close()
    return said


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("begin", [None, "latest"])
async def test_a_child_s_facts_come_in_their_order_also_where_transactions_overtake_each_other(
    book: Probe, feed: Served, limit: int, begin: str | None
) -> None:
    one, other = await children(feed.running, 2)
    async with feed.client() as client:
        begun = (await page(client, begin))["next"]
        await says(feed.running, other, HELD)
        said = await overtake(book, feed, one, 2)
        said += await overtake(book, feed, one, 1)
        await says(feed.running, other, HELD)
        given = await everything(client, begun, limit=limit)
    assert [fact["id"] for fact in given if fact["subject"] == str(one)] == said
    assert len(given) == len(said) + 2


async def test_two_readers_do_not_disturb_each_other(feed: Served) -> None:
    for child in await children(feed.running, 4):
        await says(feed.running, child, *[HELD] * 50)
    async with feed.client(actor="one") as one, feed.client(actor="other") as other:
        found = await asyncio.gather(everything(one, limit=7), everything(other, limit=31))
    assert ids(found[0]) == ids(found[1])
    assert len(found[0]) == 200


async def test_a_cursor_is_good_at_every_replica_and_after_a_restart(
    book: Probe, feed: Served, surroundings: Surroundings
) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, HELD, HELD)
    async with feed.client() as client:
        first = await page(client, limit=1)
    feed.server.should_exit = True
    async with served(book, surroundings) as again, again.client() as client:
        rest = await page(client, first["next"])
    assert ids(first["facts"]) + ids(rest["facts"]) == said


async def test_a_reader_who_waits_hears_of_a_fact_within_a_second(
    book: Probe, feed: Served, surroundings: Surroundings
) -> None:
    (child,) = await children(feed.running, 1)
    async with served(book, surroundings) as other, other.client() as client:
        waiting = asyncio.create_task(page(client, "latest", wait=30))
        await until(lambda: _waits(other), "the reader waits")
        said = await says(feed.running, child, HELD)
        began = time.monotonic()
        found = await waiting
    assert ids(found["facts"]) == said
    assert time.monotonic() - began < 1


async def _waits(one: Served) -> bool:
    return one.running.feed.watch._waiting > 0


async def test_a_reader_who_waits_for_nothing_is_answered_in_time_and_holds_no_connection(feed: Served) -> None:
    async with feed.client() as client:
        waiting = asyncio.gather(*(page(client, "latest", wait=1) for _ in range(20)))
        await until(lambda: _waits(feed), "the readers wait")
        assert feed.running.pool.get_size() - feed.running.pool.get_idle_size() <= 3
        answers = await waiting
    assert all(answer["facts"] == [] and not answer["more"] for answer in answers)


async def test_latest_begins_with_what_comes_next(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    await says(feed.running, child, HELD)
    async with feed.client() as client:
        begun = await page(client, "latest")
        said = await says(feed.running, child, HELD)
        found = await page(client, begun["next"])
    assert begun["facts"] == []
    assert ids(found["facts"]) == said


async def test_what_was_given_is_noted_once_with_its_delay(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    await says(feed.running, child, HELD, HELD, HELD)
    async with feed.client(actor="school-system") as client:
        await page(client, limit=2)
        await everything(client)
    async with feed.client("operations") as operator:
        (one,) = (await operator.get("/operations/deliveries")).json()["deliveries"]
    assert (one["consumer"], one["topic"], one["facts"]) == ("school-system", TOPIC, 3)
    assert 0 <= one["greatest_seconds"] < 30
    assert one["median_seconds"] < 30
    kinds: list[dict[str, Any]] = one["types"]
    assert [(kind["type"], kind["facts"]) for kind in kinds] == [(HELD.wire, 3)]
    assert set(CATALOGUE) >= {kind["type"] for kind in kinds}
