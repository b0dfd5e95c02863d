"""Every record of a topic, partition by partition to its end as it is now, and where none can be read."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, RecordTooLargeError, UnsupportedCodecError

SILENCE_SECONDS: Final = 60
MANY: Final = 5_000
WAIT_MS: Final = 5_000
DAMAGE: Final = (CorruptRecordException, RecordTooLargeError, UnsupportedCodecError)


@dataclass(frozen=True, slots=True)
class Hole:
    """Offsets of a partition that nobody can read: from `offset` up to, and not including, `until`."""

    place: TopicPartition
    offset: int
    until: int


class TopicReading:
    """One reading of some partitions. `ends` are the offsets behind their last records when it began."""

    def __init__(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        self.ends: dict[TopicPartition, int] = {}
        self._consumer = consumer
        self._places = places
        self._next: dict[TopicPartition, int] = {}
        self._moved = time.monotonic()

    async def begin(self) -> None:
        """Go to the beginning of every partition."""
        self._consumer.assign(self._places)
        self._next = dict(await self._consumer.beginning_offsets(self._places))
        self.ends = dict(await self._consumer.end_offsets(self._places))
        self._back(self._places)

    async def records(self) -> AsyncIterator[list[ConsumerRecord] | Hole]:
        """Records of one partition at a time, each once and in order, and the holes between them.

        Raises KafkaError, or TimeoutError where the broker does not answer any more.
        """
        while left := [place for place in self._places if self._next[place] < self.ends[place]]:
            try:
                batches = await self._consumer.getmany(*left, timeout_ms=200, max_records=MANY)
            except DAMAGE:
                # What was handed out together with the fault is lost, and which partition has it is not told.
                self._back(left)
                for place in left:
                    async for found in self._singly(place):
                        yield found
                continue
            for place, records in batches.items():
                yield self._taken(place, records)
            await self._skip_empty(left)
            if time.monotonic() - self._moved > SILENCE_SECONDS:
                for place in left:
                    yield await self._silent(place)

    def _back(self, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._consumer.seek(place, self._next[place])

    def _taken(self, place: TopicPartition, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
        """The records that were not taken before: damaged offsets can lead a consumer back."""
        begin, end = self._next[place], self.ends[place]
        if records:
            self._forward(place, records[-1].offset + 1)
        return [record for record in records if begin <= record.offset < end]

    def _forward(self, place: TopicPartition, offset: int) -> None:
        if offset > self._next[place]:
            self._next[place], self._moved = offset, time.monotonic()
        if self._next[place] >= self.ends[place]:
            self._consumer.pause(place)

    async def _skip_empty(self, places: Sequence[TopicPartition]) -> None:
        """Go past batches without a record, which move a consumer and give nothing."""
        for place in places:
            self._forward(place, await self._consumer.position(place))

    async def _singly(self, place: TopicPartition) -> AsyncIterator[list[ConsumerRecord] | Hole]:
        """One record after the other, so that none is lost with the fault, as far as one fetch could have gone."""
        for _ in range(MANY):
            if self._next[place] >= self.ends[place]:
                return
            try:
                batches = await self._consumer.getmany(place, timeout_ms=WAIT_MS, max_records=1)
            except DAMAGE:
                yield await self._hole(place)
                return
            if not batches:
                return
            yield self._taken(place, batches[place])

    async def _hole(self, place: TopicPartition) -> Hole:
        """How far a fault reaches, by steps that double and then by halves; the reading goes on behind it."""
        first, step = self._next[place], 1
        damaged, end = first, self.ends[place]
        while damaged + step < end and not await self._opens(place, damaged + step):
            damaged, step = damaged + step, step * 2
        opens = min(damaged + step, end)
        while opens - damaged > 1:
            middle = (damaged + opens) // 2
            if await self._opens(place, middle):
                opens = middle
            else:
                damaged = middle
        self._consumer.seek(place, opens)
        self._forward(place, opens)
        return Hole(place, first, opens)

    async def _opens(self, place: TopicPartition, offset: int) -> bool:
        self._consumer.seek(place, offset)
        try:
            return bool(await self._consumer.getmany(place, timeout_ms=WAIT_MS, max_records=1))
        except DAMAGE:
            return False

    async def _silent(self, place: TopicPartition) -> Hole:
        """A broker that answers and gives nothing has lost what lies here. Raises TimeoutError for one that is away."""
        async with asyncio.timeout(SILENCE_SECONDS):
            await self._consumer.end_offsets([place])
        return await self._hole(place)
