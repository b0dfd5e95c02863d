"""Facts out of Kafka."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.partitioner import murmur2

from carejourney.client.messages import Counts, Message, message_of
from carejourney.client.places import Checkpoint, Given, Mark
from carejourney.client.seen import Seen
from carejourney.envelope import Recorded
from carejourney.records import read

BATCH: Final = 500
POLL_MILLISECONDS: Final = 500


def partition_of(subject: UUID | str, partitions: int = 12) -> int:
    """The partition that holds all facts of a subject: murmur2 of the key, as in Kafka's default partitioner."""
    number: int = murmur2(str(subject).encode()) & 0x7FFFFFFF
    return number % partitions


class KafkaClient:
    """Iterates the facts of topics. `counts` tells what was met on the way.

    `address` is host:port, several separated by commas; `options` go to aiokafka's consumer as they are
    (`security_protocol`, `ssl_context`, `sasl_mechanism`, ...).
    """

    def __init__(self, address: str, **options: Any) -> None:
        self._options = {"bootstrap_servers": address.split(","), **options}
        self.counts = Counts()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held between iterations: each has a connection of its own, closed at its end."""

    async def facts(
        self,
        *topics: str,
        group: str | None = None,
        checkpoint: Checkpoint | None = None,
        follow: bool = True,
        once: bool = True,
    ) -> AsyncGenerator[Message, None]:
        """Every fact of the topics, each subject's in the order of their recording, from where you were.

        You are where the `group` (Kafka keeps it, and shares the partitions among its members) or the `checkpoint`
        says, else at the beginning. A message counts as done when the next one is asked for; what was done and not yet
        kept comes again after a crash. `follow`: wait for more at the end instead of ending there. `once`: leave out
        what came before in this iteration, and know the gaps (`counts.seen`).

        Raises ValueError for a topic that is not there, and aiokafka's KafkaError where the brokers cannot be asked.
        """
        if group is not None and checkpoint is not None:
            raise ValueError("either a group or a checkpoint keeps your place, not both")
        marks = await (checkpoint or Given({})).load()
        seen = self.counts.seen = Seen(whole=group is None and not marks) if once else None
        new = partial(_is_new, seen)
        async with _consumer(topics, group, self._options) as consumer:
            if marks:
                await _seek(consumer, marks)
            async for batch in _batches(consumer, follow=follow):
                done: dict[TopicPartition, int] = {}
                try:
                    for record in batch:
                        name = f"{record.topic}/{record.partition}"
                        mark = Mark(name, str(record.offset + 1))
                        fact = read(record.headers, record.key, record.value, record.topic)
                        message = message_of(fact, mark, self.counts, new)
                        if message is not None:
                            yield message
                        done[TopicPartition(record.topic, record.partition)] = record.offset + 1
                finally:
                    await _keep(consumer, done, group, checkpoint)


def _is_new(seen: Seen | None, fact: Recorded) -> bool:
    return seen is None or seen.take(fact.topic, fact.subject, fact.stream_version)


@asynccontextmanager
async def _consumer(
    topics: Sequence[str], group: str | None, options: Mapping[str, Any]
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", **options
    )
    try:
        await _refuse_unknown(topics, options)
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _refuse_unknown(topics: Sequence[str], options: Mapping[str, Any]) -> None:
    # A consumer that is started on a topic that is not there waits for it to appear, 40 seconds long.
    asking = AIOKafkaConsumer(**options)
    try:
        await asking.start()
        missing = sorted(set(topics) - await asking.topics())
    finally:
        await asking.stop()
    if missing:
        raise ValueError(f"there is no topic of this name, or you may not see it: {', '.join(missing)}")


async def _seek(consumer: AIOKafkaConsumer, marks: Mapping[str, str]) -> None:
    """Go where the marks say. A partition that ends before its mark was made anew: it is read from the beginning."""
    marked = {place: marks.get(f"{place.topic}/{place.partition}") for place in consumer.assignment()}
    ends = await consumer.end_offsets([place for place, position in marked.items() if position is not None])
    for place, end in ends.items():
        position = int(marked[place] or 0)
        if position <= end:
            consumer.seek(place, position)


async def _batches(consumer: AIOKafkaConsumer, *, follow: bool) -> AsyncIterator[list[Any]]:
    ends = {} if follow else await consumer.end_offsets(consumer.assignment())
    while follow or not await _reached(consumer, ends):
        found = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=BATCH)
        yield [record for records in found.values() for record in records]


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    held = consumer.assignment()
    return all([await consumer.position(place) >= end for place, end in ends.items() if place in held])


async def _keep(
    consumer: AIOKafkaConsumer, done: Mapping[TopicPartition, int], group: str | None, checkpoint: Checkpoint | None
) -> None:
    if not done:
        return
    if checkpoint is not None:
        await checkpoint.save(_names(done.items()))
    if group is not None:
        try:
            await consumer.commit(dict(done))
        except (CommitFailedError, IllegalStateError):
            # The partitions went to another member of the group, who gets these records again.
            return


def _names(done: Iterable[tuple[TopicPartition, int]]) -> dict[str, str]:
    return {f"{place.topic}/{place.partition}": str(offset) for place, offset in done}
