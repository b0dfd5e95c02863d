"""Kafka from the beginning of every partition to its end, against what the stores hold."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2

from carejourney.verify.ledger import Ledger, Stream, digest, rolled
from carejourney.verify.reading import Hole, TopicReading
from carejourney.verify.report import Report

# What the column of a version can hold.
MAX_VERSION: Final = 2**31 - 1
SHOWN_MISSING: Final = 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a service says that it has come in one partition."""

    next_offset: int
    last_id: UUID | None


@dataclass(slots=True)
class Listening:
    """A service's checkpoints as they were before the reading, and how far each stream was there at that point.

    `before` holds only streams that went on after the checkpoint; the others are as far as the whole log.
    """

    service: str
    checkpoints: Mapping[tuple[str, int], Checkpoint]
    before: dict[tuple[str, UUID], int] = field(default_factory=dict)

    def reached(self, topic: str, subject: UUID, stream: Stream) -> int:
        """How many facts of a stream the service must have at least."""
        return self.before.get((topic, subject), stream.reached)


@dataclass(slots=True)
class _Counts:
    records: int = 0
    duplicates: int = 0
    ahead: int = 0


class LogReading:
    """One reading of all partitions. `unknown` are records of facts that the stores did not hold when read."""

    def __init__(self, ledger: Ledger, listening: Sequence[Listening], report: Report) -> None:
        self._ledger = ledger
        self._listening = listening
        self._report = report
        self._counts: dict[str, _Counts] = {}
        self.unknown: list[tuple[ConsumerRecord, UUID, int, bytes]] = []
        self.ends: dict[tuple[str, int], int] = {}

    async def read(self, kafka: str) -> None:
        """Read everything up to the ends as they are now. Raises KafkaError, or TimeoutError after a long silence."""
        async with _consumer(kafka) as consumer:
            there = await _partitions(kafka, sorted(self._ledger.owners))
            for topic in sorted(self._ledger.owners):
                self._counts[topic] = _Counts()
                if topic in there:
                    await self._read_topic(consumer, topic, there[topic])
                elif any(stream.waits != 1 for _, _, stream in self._ledger.on([topic])):
                    self._differs("kafka", topic, "the topic is gone")
        self._look_at_checkpoints()

    async def _read_topic(self, consumer: AIOKafkaConsumer, topic: str, partitions: int) -> None:
        reading = TopicReading(consumer, [TopicPartition(topic, p) for p in range(partitions)])
        await reading.begin()
        self.ends |= {(tp.topic, tp.partition): end for tp, end in reading.ends.items()}
        async for found in reading.records():
            if isinstance(found, Hole):
                detail = f"damaged: nothing can be read before offset {found.until}"
                self._differs("kafka", topic, detail, partition=found.place.partition, offset=found.offset)
                continue
            self._counts[topic].records += len(found)
            for record in found:
                self._record(record, partitions)

    def _record(self, record: ConsumerRecord, partitions: int) -> None:
        headers = dict(record.headers)
        try:
            subject, version = UUID(headers["ce_subject"].decode()), int(headers["ce_streamversion"])
        except (KeyError, ValueError, AttributeError, TypeError):
            self._odd(record, "the record holds no fact")
            return
        if not 1 <= version <= MAX_VERSION or None in headers.values():
            self._odd(record, "the record holds no fact that a store can hold", subject)
            return
        if record.key != str(subject).encode():
            self._odd(record, "the key is not the subject", subject, version)
        elif (murmur2(record.key) & 0x7FFFFFFF) % partitions != record.partition:
            self._odd(record, "the record is not in the partition of its key", subject, version)
        self._notice_checkpoints(record, subject, headers)
        one = digest(record.headers, record.value or b"")
        known = self._ledger.known(record.topic, subject)
        expected = known.fact(version) if known else None
        if expected is None or known is None:
            self.unknown.append((record, subject, version, one))
            known = known or self._ledger.of(record.topic, subject)
        elif one != expected:
            self._odd(record, "headers or value are not those of the store", subject, version)
        self._advance(known, version, one, self._counts[record.topic])

    @staticmethod
    def _advance(stream: Stream, version: int, one: bytes, counts: _Counts) -> None:
        if version <= stream.reached:
            counts.duplicates += 1
            if stream.untimely:
                stream.untimely.discard(version)
            return
        if version > stream.reached + 1:
            counts.ahead += 1
            stream.early = {**(stream.early or {}), version: one}
            return
        stream.reached, stream.rolling = version, rolled(stream.rolling, one)
        while stream.early and stream.reached + 1 in stream.early:
            stream.reached += 1
            stream.rolling = rolled(stream.rolling, stream.early.pop(stream.reached))
            stream.untimely = {*(stream.untimely or ()), stream.reached}

    def _notice_checkpoints(self, record: ConsumerRecord, subject: UUID, headers: Mapping[str, bytes]) -> None:
        """Remember how far a stream was where a service stands, and compare the id of the last record it took."""
        for one in self._listening:
            at = one.checkpoints.get((record.topic, record.partition))
            if at is None or record.offset >= at.next_offset:
                stream = self._ledger.known(record.topic, subject)
                one.before.setdefault((record.topic, subject), stream.reached if stream else 0)
            elif record.offset == at.next_offset - 1 and str(at.last_id).encode() != headers.get("ce_id"):
                self._report.add(
                    "checkpoint", one.service, "the last record taken is not the one that lies there",
                    topic=record.topic, partition=record.partition, offset=record.offset,
                )  # fmt: skip

    def _look_at_checkpoints(self) -> None:
        for one in self._listening:
            for (topic, partition), at in one.checkpoints.items():
                end = self.ends.get((topic, partition))
                if topic in self._ledger.owners and (end is None or at.next_offset > end):
                    self._report.add(
                        "checkpoint", one.service, "the checkpoint lies beyond the end of the log", topic=topic,
                        partition=partition, offset=at.next_offset,
                    )  # fmt: skip
            for (topic, partition), end in self.ends.items():
                stands = one.checkpoints.get((topic, partition))
                self._report.unapplied += max(0, end - stands.next_offset) if stands else 0

    def conclude(self) -> None:
        """What the stores hold and Kafka lacks, topic by topic."""
        for topic, owner in sorted(self._ledger.owners.items()):
            facts = streams = 0
            stored = logged = 0
            for _, subject, stream in self._ledger.on([topic]):
                facts, streams = facts + stream.count, streams + 1
                stored += int.from_bytes(stream.hash())
                logged += int.from_bytes(stream.rolling)
                self._missing(topic, subject, stream)
            counts = self._counts[topic]
            self._report.topics.append(
                {
                    "service": owner, "topic": topic, "facts": facts, "streams": streams, "records": counts.records,
                    "duplicates": counts.duplicates, "ahead": counts.ahead, "hash": _hex(stored),
                    "kafka_hash": _hex(logged),
                }
            )  # fmt: skip

    def _missing(self, topic: str, subject: UUID, stream: Stream) -> None:
        early = stream.early or {}
        lacking = [v for v in range(stream.reached + 1, stream.count + 1) if v not in early]
        waits = stream.waits if topic not in self._ledger.again else 1
        waiting = [v for v in lacking if waits is not None and v >= waits]
        self._report.unpublished += len(waiting)
        for version in [v for v in lacking if v not in waiting][:SHOWN_MISSING]:
            self._differs("kafka", topic, "Kafka lacks this fact", subject=str(subject), version=version)
        for version in sorted(stream.untimely or ()):
            self._differs("kafka", topic, "came only before its turn", subject=str(subject), version=version)

    def _odd(
        self, record: ConsumerRecord, detail: str, subject: UUID | None = None, version: int | None = None
    ) -> None:
        self._differs(
            "kafka", record.topic, detail, partition=record.partition, offset=record.offset,
            subject=str(subject) if subject else None, version=version,
        )  # fmt: skip

    def stray(self, record: ConsumerRecord, subject: UUID, version: int, *, other: bool) -> None:
        """A record of a fact that no store holds, or holds with other content."""
        detail = "headers or value are not those of the store" if other else "no store holds this fact"
        self._odd(record, detail, subject, version)

    def _differs(self, check: str, topic: str, detail: str, **place: Any) -> None:
        self._report.add(check, self._ledger.owners[topic], detail, topic=topic, **place)


def _hex(total: int) -> str:
    return f"{total % 2**128:032x}"


async def _partitions(kafka: str, topics: list[str]) -> dict[str, int]:
    """How many partitions each topic has; absent where there is no such topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=15_000)
    await admin.start()
    try:
        found = await admin.describe_topics(topics)
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in found if not topic["error_code"]}


@asynccontextmanager
async def _consumer(kafka: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, request_timeout_ms=15_000, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
