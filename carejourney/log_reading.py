"""Reading batches for a projector, and on past what cannot be read.

A client that comes upon damage raises it without saying where, and what it had in hand from other partitions is gone
with it. So every partition is then read again from where the projector stands, one record after the other.
"""

import asyncio
import time
from collections.abc import Mapping
from itertools import chain
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from carejourney.damage import DAMAGE, opens, readable_from
from carejourney.projector import Projector

log = structlog.get_logger()

BATCH: Final = 2_000
POLL_MILLISECONDS: Final = 25
SINGLE_MILLISECONDS: Final = 2_000
# A broker that answers, and gives nothing for so long where there is something, has lost what lies there.
SILENT_MILLISECONDS: Final = 10_000
TELL_SECONDS: Final = 10.0

Records = list[ConsumerRecord]


class LogReading:
    """The batches of one consumer. Faults of the client are logged, at most once in some seconds for each kind."""

    def __init__(self, projector: Projector, kafka: str) -> None:
        self._projector = projector
        self._kafka = kafka
        self._told: dict[str, float] = {}

    async def batch(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """The next records; none where there are none now. Raises KafkaError."""
        try:
            found = await self._next(consumer)
        except KafkaError as error:
            self._tell(error)
            raise
        if not found:
            await asyncio.sleep(POLL_MILLISECONDS / 1000)
        return tuple(chain(*found.values()))

    async def _next(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, Records]:
        try:
            found: dict[TopicPartition, Records] = await consumer.getmany(
                timeout_ms=POLL_MILLISECONDS, max_records=BATCH
            )
        except DAMAGE as error:
            self._tell(error)
            found = await self._carefully(consumer)
        return found

    def _tell(self, error: KafkaError) -> None:
        fault, now = type(error).__name__, time.monotonic()
        if now - self._told.get(fault, -TELL_SECONDS) >= TELL_SECONDS:
            self._told[fault] = now
            log.warning("subscription.cannot_read", service=self._projector.service, fault=fault)

    async def _carefully(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, Records]:
        places = sorted(consumer.assignment())
        for tp in places:
            await self._projector.read_on(tp)
        ends = await consumer.end_offsets(places)
        found: dict[TopicPartition, Records] = {}
        damaged: dict[TopicPartition, int] = {}
        for tp in places:
            if ends[tp] > self._projector.next_offset(tp):
                records, hurt = await _singly(consumer, tp, ends[tp])
                if records:
                    found[tp] = records
                elif hurt:
                    damaged[tp] = await consumer.position(tp)
        if damaged:
            await self.go_past(damaged)
            for tp in damaged:
                await self._projector.read_on(tp)
        return found

    async def go_past(self, damaged: Mapping[TopicPartition, int]) -> None:
        """Go past what cannot be read from an offset on, or what a broker that answers keeps silent about.

        Looks with a client of its own: a rebalance may move the subscription's at any moment. Raises KafkaError.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka, enable_auto_commit=False, auto_offset_reset="none"
        )  # fmt: skip
        await consumer.start()
        try:
            consumer.assign(list(damaged))
            ends = await consumer.end_offsets(list(damaged))
            for tp, first in damaged.items():
                consumer.pause(*(other for other in damaged if other != tp))
                consumer.resume(tp)
                if first < ends[tp] and not await opens(consumer, tp, first, SILENT_MILLISECONDS):
                    until = await readable_from(consumer, tp, first, ends[tp], SILENT_MILLISECONDS)
                    # A broker that went away meanwhile answers this with a fault of its own.
                    await consumer.end_offsets([tp])
                    await self._projector.skip(tp, first, until)
        finally:
            await consumer.stop()


async def _singly(consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> tuple[Records, bool]:
    """The records up to a batch's worth, and whether what comes behind them is damaged."""
    records: Records = []
    while len(records) < BATCH and (not records or records[-1].offset + 1 < end):
        try:
            more = await consumer.getmany(tp, timeout_ms=SINGLE_MILLISECONDS, max_records=1)
        except DAMAGE:
            return records, True
        if not more:
            break
        records += more[tp]
    return records, False
