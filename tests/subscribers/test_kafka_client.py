"""Facts out of Kafka, with the place kept in each way there is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from carejourney.client import FileCheckpoint, Given, KafkaClient, Message, Unknown, partition_of
from carejourney.kit.cases import cases
from carejourney.kit.records import KitRecord
from carejourney.kit.stages import PARTITIONS, KafkaStage

TOPICS = ("care.placement", "care.planning")


class Stream:
    """Two topics of this test alone, and a client."""

    def __init__(self, stage: KafkaStage, kafka: str, topics: Sequence[str]) -> None:
        self.stage, self.topics = stage, topics
        self.client = KafkaClient(kafka)

    async def send(self, name: str) -> Sequence[KitRecord]:
        records = next(case.records for case in cases() if case.name == name)
        await self.stage.send(records)
        return records

    async def all(self, **kept: Any) -> list[Message]:
        return [message async for message in self.client.facts(*self.topics, follow=False, **kept)]


@pytest.fixture
async def stream(kafka_address: str) -> AsyncIterator[Stream]:
    stage = KafkaStage(kafka_address)
    told = await stage.fresh(TOPICS)
    yield Stream(stage, kafka_address, told["TOPICS"].split(","))
    await stage.close()


def _ids(messages: Sequence[Message] | Sequence[KitRecord]) -> set[str]:
    return {one.id for one in messages}


async def test_everything_is_read_from_the_beginning_each_time(stream: Stream) -> None:
    records = await stream.send("facts")

    assert _ids(await stream.all()) == _ids(await stream.all()) == _ids(records)


async def test_each_child_comes_in_order_out_of_one_partition(stream: Stream) -> None:
    await stream.send("facts")
    await stream.send("corrections")
    messages = await stream.all()

    for message in messages:
        assert message.mark.name == f"{message.topic}/{partition_of(message.subject, PARTITIONS)}"
    lanes = [(message.subject, message.topic) for message in messages]
    for lane in set(lanes):
        versions = [m.record.stream_version for m in messages if (m.subject, m.topic) == lane]
        assert all(second == first + 1 for first, second in pairwise(versions))


@pytest.mark.parametrize("kind", ["group", "file"])
async def test_who_keeps_a_place_goes_on_there(kind: str, stream: Stream, tmp_path: Path) -> None:
    kept = {"group": stream.topics[0]} if kind == "group" else {"checkpoint": FileCheckpoint(tmp_path / "place")}
    first = await stream.send("facts")
    assert _ids(await stream.all(**kept)) == _ids(first)
    assert await stream.all(**kept) == []

    second = await stream.send("corrections")

    assert _ids(await stream.all(**kept)) == _ids(second)


async def test_marks_that_are_stored_with_the_message_lead_back_to_it(stream: Stream) -> None:
    await stream.send("facts")
    every = await stream.all()
    marks: dict[str, str] = {}
    for message in every[:3]:
        marks[message.mark.name] = message.mark.position

    rest = await stream.all(checkpoint=Given(marks))

    assert _ids(every[:3]) | _ids(rest) == _ids(every)
    assert not _ids(every[:3]) & _ids(rest)


async def test_a_message_whose_work_failed_comes_again(stream: Stream) -> None:
    await stream.send("facts")
    async with aclosing(stream.client.facts(*stream.topics, group=stream.topics[0], follow=False)) as facts:
        before = [await anext(facts) for _ in range(3)]

    after = await stream.all(group=stream.topics[0])

    assert before[-1].id in _ids(after)
    assert not _ids(before[:-1]) & _ids(after)


async def test_duplicates_are_left_out_and_counted(stream: Stream) -> None:
    records = await stream.send("duplicates")
    messages = await stream.all()

    assert len(messages) == len(_ids(messages)) == 8
    assert stream.client.counts.duplicates == len(records) - 8
    assert len(await stream.all(once=False)) == len(records)


async def test_a_gap_is_seen_until_what_was_missing_has_come(stream: Stream) -> None:
    await stream.send("gap")
    await stream.all()
    assert stream.client.counts.seen is not None
    assert [gap.versions for gap in stream.client.counts.seen.gaps()] == [(2,)]

    await stream.send("gap-filled")
    await stream.all()

    assert stream.client.counts.seen.gaps() == []


@pytest.mark.parametrize("name", ["unknown-type", "newer-version"])
async def test_what_is_unknown_is_counted_and_what_follows_comes(name: str, stream: Stream) -> None:
    await stream.send(name)
    strange, known = await stream.all()

    assert isinstance(strange.fact, Unknown)
    assert not isinstance(known.fact, Unknown)
    assert stream.client.counts.unknown.total() == 1


async def test_who_follows_gets_what_comes_later(stream: Stream) -> None:
    async with aclosing(stream.client.facts(*stream.topics)) as facts:
        later = asyncio.ensure_future(anext(facts))
        (first, *_) = await stream.send("unknown-field")

        assert (await asyncio.wait_for(later, 30)).id == first.id


async def test_a_topic_that_is_not_there_is_named(stream: Stream) -> None:
    with pytest.raises(ValueError, match=r"no topic of this name, or you may not see it: care\.unheard"):
        await anext(stream.client.facts("care.unheard", follow=False))


async def test_two_keepers_of_one_place_are_refused(stream: Stream) -> None:
    with pytest.raises(ValueError, match="either a group or a checkpoint"):
        await stream.all(group="one", checkpoint=Given({}))


async def test_a_topic_that_was_made_anew_is_read_from_the_beginning(stream: Stream) -> None:
    records = await stream.send("facts")
    beyond = {f"{topic}/{n}": "1000" for topic in stream.topics for n in range(PARTITIONS)}

    assert _ids(await stream.all(checkpoint=Given(beyond))) == _ids(records)
