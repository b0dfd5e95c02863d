"""Facts out of an HTTP feed, with the same iteration as out of Kafka."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from carejourney.client import FeedClient, FeedProblem, FileCheckpoint, Forgotten, Message, Sealed, standing
from carejourney.embedded.processes import free_port
from carejourney.kit.cases import cases, holds
from carejourney.kit.checking import check
from carejourney.kit.records import KitRecord
from carejourney.kit.stages import TOKEN, FeedStage
from events.placement import ChildDetailsRecorded

TOPICS = ("care.placement", "care.planning")


def _records(name: str) -> Sequence[KitRecord]:
    return next(case.records for case in cases() if case.name == name)


@pytest.fixture
async def stage() -> AsyncIterator[FeedStage]:
    one = FeedStage()
    await one.fresh(TOPICS)
    yield one
    await one.close()


async def _all(client: FeedClient, *topics: str, checkpoint: FileCheckpoint | None = None) -> list[Message]:
    return [message async for message in client.facts(*topics, checkpoint=checkpoint, follow=False)]


async def test_every_fact_comes_once_and_each_childs_in_order(stage: FeedStage) -> None:
    await stage.send(_records("duplicates"))
    async with FeedClient(stage.address, TOKEN) as client:
        messages = await _all(client, *TOPICS)

    assert [message.stream_version for message in messages] == list(range(1, 9))
    assert client.counts.duplicates == len(_records("duplicates")) - 8
    assert messages[0].headers == _records("duplicates")[0].headers


async def test_a_checkpoint_goes_on_where_it_was(stage: FeedStage, tmp_path: Path) -> None:
    place = FileCheckpoint(tmp_path / "place.json")
    async with FeedClient(dict.fromkeys(TOPICS, stage.address), lambda: TOKEN) as client:
        await stage.send(_records("facts"))
        before = await _all(client, *TOPICS, checkpoint=place)
        await stage.send(_records("retractions"))
        after = await _all(client, *TOPICS, checkpoint=place)

    assert {message.id for message in before} == {record.id for record in _records("facts")}
    assert {message.id for message in after} == {record.id for record in _records("retractions")}


async def test_fields_are_sealed_until_they_are_forgotten(stage: FeedStage) -> None:
    await stage.send(_records("erased")[:1])
    async with FeedClient(stage.address, TOKEN) as client:
        (before,) = await _all(client, "care.placement")
        await stage.send(_records("erased")[1:])
        after = (await _all(client, "care.placement"))[0]

    assert isinstance(before.fact, ChildDetailsRecorded)
    assert isinstance(before.fact.date_of_birth, Sealed)
    assert isinstance(after.fact, ChildDetailsRecorded)
    assert isinstance(after.fact.date_of_birth, Forgotten)


async def test_who_follows_gets_what_comes_later(stage: FeedStage) -> None:
    async with FeedClient(stage.address, TOKEN) as client, aclosing(client.facts(*TOPICS)) as facts:
        await stage.send(_records("facts")[:1])
        first = await anext(facts)
        later = asyncio.ensure_future(anext(facts))
        await stage.send(_records("facts")[1:2])

        assert first.id == _records("facts")[0].id
        assert (await asyncio.wait_for(later, 20)).id == _records("facts")[1].id


@pytest.mark.parametrize(
    ("topic", "token", "status", "said"),
    [
        ("care.planning", "another", 401, "TOKEN says which"),
        ("care.unheard", TOKEN, 404, "TOPICS says which there are"),
    ],
)
async def test_what_the_feed_refuses_is_told_as_the_feed_says_it(
    stage: FeedStage, topic: str, token: str, status: int, said: str
) -> None:
    async with FeedClient(stage.address, token) as client:
        with pytest.raises(FeedProblem, match=said) as refused:
            await _all(client, topic)

    assert refused.value.status == status


async def test_a_feed_that_is_away_is_told_at_once_where_nobody_follows() -> None:
    async with FeedClient("http://127.0.0.1:1", TOKEN) as client:
        with pytest.raises(httpx.ConnectError):
            await _all(client, "care.planning")


async def test_who_follows_a_feed_that_is_away_gets_the_facts_once_it_is_back() -> None:
    port = free_port()
    async with FeedClient(f"http://127.0.0.1:{port}", TOKEN) as client, aclosing(client.facts(TOPICS[0])) as facts:
        first = asyncio.ensure_future(anext(facts))
        await asyncio.wait([first], timeout=0.7)
        late = FeedStage(port)
        await late.fresh(TOPICS)
        await late.send(_records("facts"))
        try:
            assert (await asyncio.wait_for(first, 20)).id == _records("facts")[0].id
        finally:
            await late.close()


SUBSCRIBER = """
import asyncio, json, os
from carejourney.client import FeedClient, standing, written_in

async def main():
    async with FeedClient(os.environ["FEED"], os.environ["TOKEN"]) as client:
        kept = [message async for message in client.facts(*os.environ["TOPICS"].split(","), follow=False, once=False)]
    messages = {message.id: message for message in kept}
    for one in standing(kept):
        said = {"type": one.type, "version": written_in(one, messages), "effective": one.effective, "data": one.data}
        print(json.dumps({"fact": one.id, **said}))

asyncio.run(main())
"""


@pytest.mark.timeout(300)
async def test_a_subscriber_over_http_is_checked_as_one_over_kafka(tmp_path: Path) -> None:
    program = tmp_path / "subscriber.py"
    program.write_text(SUBSCRIBER)

    checked = await check(f"{sys.executable} {program}", FeedStage())

    assert checked.findings == []


async def test_where_the_numbers_are_not_told_corrections_still_count_in_their_order(stage: FeedStage) -> None:
    records = _records("corrections")
    await stage.send(records)
    stage.hide("streamversion")
    async with FeedClient(stage.address, TOKEN) as client:
        messages = await _all(client, *TOPICS)

    assert {message.stream_version for message in messages} == {None}
    assert not [message for message in messages if "ce_streamversion" in message.headers]
    assert {one.id: one.data for one in standing(reversed(messages))} == {
        held.fact: held.data for held in holds(records).values()
    }
