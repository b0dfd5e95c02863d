"""Whether Kafka still holds what it acknowledged: each partition against what the relay remembers of it.

A topic that was deleted, made anew, cut at either end, or whose last fact is another one by now or cannot be read any
more has lost something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from carejourney.checkpoints import Place, id_of
from carejourney.damage import DAMAGE, Stretch, readable_from, reason_of
from carejourney.envelope import Recorded
from carejourney.records import read_all
from carejourney.settings import Settings
from carejourney.subscription import ensure_topics

REQUEST_MILLISECONDS: Final = 5_000
SILENT_MILLISECONDS: Final = 5_000
BEYOND: Final = 4_000
UNKNOWN_TOPIC: Final = 3


@dataclass(frozen=True, slots=True)
class Remembered:
    """A partition as it was: where its log began, and the last fact acknowledged in it (None: not known)."""

    begin: int
    last: int
    fact: UUID | None


@dataclass(frozen=True, slots=True)
class Loss:
    """A topic that no longer holds what it held, why we say so, and where its partitions begin now.

    `stretches` are there, and cannot be read.
    """

    topic: str
    reason: str
    begins: Mapping[int, int]
    stretches: Sequence[Stretch] = ()


class LogWatch:
    """Looks at the topics one service publishes on. `open` before the first look, `close` after the last."""

    def __init__(self, topics: Sequence[str], settings: Settings) -> None:
        self._topics = topics
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        common: dict[str, Any] = {
            "bootstrap_servers": self._settings.kafka, "request_timeout_ms": REQUEST_MILLISECONDS,
        }  # fmt: skip
        self._admin = AIOKafkaAdminClient(**common)
        await self._admin.start()
        self._consumer = AIOKafkaConsumer(**common, enable_auto_commit=False, max_partition_fetch_bytes=262_144)
        await self._consumer.start()

    async def close(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
        if self._admin is not None:
            await self._admin.close()
        self._admin = self._consumer = None

    async def look(self, remembered: Mapping[Place, Remembered], *, closely: bool = False) -> list[Loss]:
        """The topics that have lost something; those that are missing are made again first.

        Looking `closely` also reads the last fact of each partition. Raises KafkaError while the broker is away.
        """
        there = await self._partitions()
        missing = sorted(set(self._topics) - there.keys())
        if missing:
            await ensure_topics(self._topics, self._settings)
            there = await self._partitions()
        losses = {topic: "the topic was gone" for topic in missing if any(t == topic for t, _ in remembered)}
        begins, ends = await self._bounds(there)
        for place, was in remembered.items():
            reason = _lost(was, begins.get(place), ends.get(place))
            if reason:
                losses.setdefault(place[0], reason)
        stretches: list[Stretch] = []
        if closely:
            others, stretches = await self._last_facts(
                {p: r for p, r in remembered.items() if p[0] not in losses}, ends
            )
            losses |= dict.fromkeys(sorted(others), "its last fact is another one")
        for topic, partition, first, until in stretches:
            losses.setdefault(topic, f"partition {partition} {reason_of(first, until)}")
        return [
            Loss(
                topic,
                reason,
                {p: begin for (name, p), begin in begins.items() if name == topic},
                [one for one in stretches if one[0] == topic],
            )
            for topic, reason in losses.items()
        ]

    async def beyond(self, remembered: Mapping[Place, Remembered]) -> list[tuple[Place, Recorded]]:
        """The facts that lie behind the last one remembered in each partition, some thousands of them at most.

        Where the relay was ended before it moved its mark these are few, and its store holds every one of them.
        """
        begins, ends = await self._bounds(await self._partitions())
        last = {place: was.last for place, was in remembered.items()}
        spans = {TopicPartition(*p): (max(begins[p], last.get(p, -1) + 1), end) for p, end in ends.items()}
        spans = {tp: span for tp, span in spans.items() if span[0] < span[1]}
        return await self._records(spans) if spans else []

    async def _records(self, spans: Mapping[TopicPartition, tuple[int, int]]) -> list[tuple[Place, Recorded]]:
        """The facts from an offset on and before another, partition by partition; what cannot be read is passed over.

        Nothing is lost by that: what was not remembered is published in its turn.
        """
        consumer = self._assigned({tp: first for tp, (first, _) in spans.items()})
        found: list[tuple[Place, Recorded]] = []
        for tp, (first, end) in spans.items():
            offset = first
            while offset < end and len(found) < BEYOND:
                record, offset = await self._next(tp, offset, end)
                facts, _ = read_all([record] if record else ())
                found += [((tp.topic, tp.partition), fact) for _, fact in facts]
            consumer.pause(tp)
        consumer.unsubscribe()
        return found

    def _assigned(self, offsets: Mapping[TopicPartition, int]) -> AIOKafkaConsumer:
        assert self._consumer is not None  # noqa: S101 - opened by the relay
        self._consumer.assign(list(offsets))
        for tp, offset in offsets.items():
            self._consumer.seek(tp, offset)
        return self._consumer

    async def _next(self, tp: TopicPartition, offset: int, end: int) -> tuple[ConsumerRecord | None, int]:
        """The record at an offset, or None where nothing can be read; and the offset to go on from."""
        assert self._consumer is not None  # noqa: S101 - as above
        try:
            more = await self._consumer.getmany(tp, timeout_ms=SILENT_MILLISECONDS, max_records=1)
        except DAMAGE:
            more = {}
        if more:
            return more[tp][0], more[tp][0].offset + 1
        # A broker that is away answers this with a fault of its own.
        await self._consumer.end_offsets([tp])
        until = await readable_from(self._consumer, tp, offset, end, SILENT_MILLISECONDS)
        self._consumer.seek(tp, until)
        return None, until

    async def _partitions(self) -> dict[str, int]:
        assert self._admin is not None  # noqa: S101 - as above
        found = await self._admin.describe_topics(list(self._topics))
        return {topic["topic"]: len(topic["partitions"]) for topic in found if not topic["error_code"]}

    async def _bounds(self, there: Mapping[str, int]) -> tuple[dict[Place, int], dict[Place, int]]:
        assert self._consumer is not None  # noqa: S101 - as above
        places = [TopicPartition(topic, n) for topic, count in there.items() for n in range(count)]
        begins = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        return ({(p.topic, p.partition): o for p, o in found.items()} for found in (begins, ends))  # type: ignore[return-value]

    async def _last_facts(
        self, remembered: Mapping[Place, Remembered], ends: Mapping[Place, int]
    ) -> tuple[set[str], list[Stretch]]:
        """Topics in which the fact at a remembered offset is another one, and stretches in which it cannot be read."""
        wanted = {TopicPartition(*place): r for place, r in remembered.items() if r.fact is not None}
        others: set[str] = set()
        stretches: list[Stretch] = []
        if not wanted:
            return others, stretches
        consumer = self._assigned({tp: was.last for tp, was in wanted.items()})
        for tp, was in wanted.items():
            record, until = await self._next(tp, was.last, ends[tp.topic, tp.partition])
            if record is None:
                stretches.append((tp.topic, tp.partition, was.last, until))
            elif record.offset != was.last or id_of(record) != was.fact:
                others.add(tp.topic)
            consumer.pause(tp)
        consumer.unsubscribe()
        return others, stretches


def _lost(was: Remembered, begin: int | None, end: int | None) -> str | None:
    if begin is None or end is None:
        return "a partition was gone"
    if end <= was.last:
        return "its end was cut off, or it was made anew"
    if begin > was.begin:
        return "its beginning was cut off"
    return None


def overtaken(remembered: Mapping[Place, Remembered], first: Mapping[Place, int]) -> Iterable[Place]:
    """Places whose newly acknowledged facts lie where others lay before: the log was made anew meanwhile."""
    return (p for p, offset in first.items() if p in remembered and 0 <= offset <= remembered[p].last)
