"""The projector: Kafka to a service's copy and projections, offsets in the database, once for each fact.

Delivery: at least once from Kafka, once in effect. The offsets of a batch move in the transaction that applies it, by
compare-and-set under an epoch taken on assignment; a batch that is no longer ours is rolled back and dropped.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from carejourney import crash, owncopy, telemetry
from carejourney.envelope import Recorded, received
from carejourney.projecting import Projecting
from carejourney.reactions import Reactions

log = structlog.get_logger()

RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
TRANSIENT: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)

_OWN = """
insert into checkpoint (topic, partition, next_offset, epoch)
select topic, partition, 0, 1 from unnest($1::text[], $2::int[]) as w(topic, partition)
on conflict (topic, partition) do update set epoch = checkpoint.epoch + 1
returning topic, partition, next_offset, epoch
"""
_MOVE = """
update checkpoint set next_offset = $3, last_id = coalesce($6, last_id), applied = applied + $7, moved_at = now()
where topic = $1 and partition = $2 and next_offset = $4 and epoch = $5
"""


class Fenced(Exception):  # noqa: N818 - a state, not an error
    """The batch belongs to another owner by now."""


@dataclass(slots=True)
class Progress:
    """What readiness and `lag` tell of: when something last moved, and what is left."""

    assigned: set[tuple[str, int]] = field(default_factory=set)
    moved_at: float = field(default_factory=time.monotonic)
    fault: str | None = None
    lost: list[str] = field(default_factory=list)


class Projector(ConsumerRebalanceListener):  # type: ignore[misc]
    """Takes the batches of one consumer."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        projecting: Projecting,
        reactions: Reactions,
        keep: frozenset[str] | None,
    ) -> None:
        self.service = projecting.service
        self.progress = Progress()
        self.subscriber: Any = None
        self._pool = pool
        self._projecting = projecting
        self._reactions = reactions
        self._keep = keep
        self._epochs: dict[tuple[str, int], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._working = asyncio.Lock()

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        return self.subscriber.consumer if self.subscriber is not None else None

    def next_offset(self, tp: TopicPartition) -> int:
        """The first offset not applied yet."""
        return self._next.get((tp.topic, tp.partition), 0)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let the batch in hand end before the partitions go to another member."""
        async with self._working:
            for tp in revoked:
                self._epochs.pop((tp.topic, tp.partition), None)
                self.progress.assigned.discard((tp.topic, tp.partition))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take ownership in the database, and start where it says."""
        partitions = sorted(assigned)
        consumer = self.consumer
        if not partitions or consumer is None:
            return
        rows = await self._pool.fetch(_OWN, [tp.topic for tp in partitions], [tp.partition for tp in partitions])
        begin, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for topic, partition, offset, epoch in rows:
            tp = TopicPartition(topic, partition)
            self._epochs[topic, partition] = epoch
            self._next[topic, partition] = offset
            if not begin[tp] <= offset <= end[tp]:
                await self._start_again(tp, begin[tp])
            consumer.seek(tp, self._next[topic, partition])
            self.progress.assigned.add((topic, partition))

    async def _start_again(self, tp: TopicPartition, offset: int) -> None:
        """The log no longer holds our place: it was recreated or cut. Read it from its start; duplicates drop."""
        log.error("projector.log_lost", service=self.service, topic=tp.topic, partition=tp.partition)
        self.progress.lost.append(f"{tp.topic}/{tp.partition}")
        await self._pool.execute(
            "update checkpoint set next_offset = $3 where topic = $1 and partition = $2", tp.topic, tp.partition, offset
        )
        self._next[tp.topic, tp.partition] = offset

    async def handle(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply a batch, however often the database or a lock makes us wait; never raises for a fault of the data."""
        async with self._working:
            await self._until_applied(records)

    async def _until_applied(self, records: Sequence[ConsumerRecord]) -> None:
        attempt = 0
        while True:
            owned = [r for r in records if (r.topic, r.partition) in self._epochs]
            owned = [r for r in owned if r.offset >= self._next[r.topic, r.partition]]
            try:
                if owned:
                    await self._apply(owned)
            except Fenced:
                telemetry.FENCED.labels(self.service).inc()
                log.warning("projector.fenced", service=self.service)
                return
            except TRANSIENT as error:
                self.progress.fault = type(error).__name__
                wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                log.warning("projector.waiting", service=self.service, fault=self.progress.fault, seconds=wait)
                attempt += 1
                await asyncio.sleep(wait)
            else:
                self.progress.fault = None
                self.progress.moved_at = time.monotonic()
                return

    async def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        started = time.perf_counter()
        facts, unreadable = _read(records)
        async with self._pool.acquire() as connection, connection.transaction():
            for partition in sorted({r.partition for r in records}):
                await connection.execute("select pg_advisory_xact_lock($1, $2)", _LANE_LOCK, partition)
            taken = await owncopy.take(connection, facts, self._keep)
            await self._projecting.apply(connection, taken)
            recorded = await self._reactions.react(connection, {f.subject for f in taken.fresh}, taken.fresh)
            await self._set_aside(connection, unreadable)
            crash.point("projector.before_move")
            moved = await self._move(connection, records)
            crash.point("projector.before_commit")
        crash.point("projector.after_commit")
        self._next.update(moved)
        if recorded:
            self._reactions.store.appended()
        self._count(facts, taken, unreadable, time.perf_counter() - started)

    async def _move(
        self, connection: asyncpg.Connection, records: Sequence[ConsumerRecord]
    ) -> dict[tuple[str, int], int]:
        last: dict[tuple[str, int], ConsumerRecord] = {(r.topic, r.partition): r for r in records}
        counts: dict[tuple[str, int], int] = {}
        for record in records:
            counts[record.topic, record.partition] = counts.get((record.topic, record.partition), 0) + 1
        for key, record in last.items():
            done = await connection.execute(
                _MOVE, *key, record.offset + 1, self._next[key], self._epochs.get(key), _id_of(record), counts[key]
            )
            if done != "UPDATE 1":
                raise Fenced
        return {key: record.offset + 1 for key, record in last.items()}

    async def _set_aside(self, connection: asyncpg.Connection, found: list[tuple[ConsumerRecord, str]]) -> None:
        for record, reason in found:
            log.error(
                "projector.unreadable", service=self.service, topic=record.topic, partition=record.partition,
                offset=record.offset, reason=reason,
            )  # fmt: skip
            await connection.execute(
                "insert into unreadable (topic, partition, record_offset, reason) values ($1, $2, $3, $4)"
                " on conflict do nothing",
                record.topic, record.partition, record.offset, reason,
            )  # fmt: skip

    def _count(
        self, facts: Sequence[Recorded], taken: owncopy.Sorted, unreadable: Sequence[object], seconds: float
    ) -> None:
        telemetry.BATCH_SECONDS.labels(self.service).observe(seconds)
        telemetry.DUPLICATES.labels(self.service).inc(taken.duplicates)
        telemetry.UNREADABLE.labels(self.service).inc(len(unreadable))
        for topic in {f.topic for f in facts}:
            telemetry.FACTS_APPLIED.labels(self.service, topic).inc(sum(f.topic == topic for f in facts))


_LANE_LOCK: Final = 0x6C61_6E65  # "lane"
_NEEDED: Final = ("ce_id", "ce_type", "ce_subject", "ce_time", "ce_source", "ce_streamversion", "ce_authority")


def _read(records: Iterable[ConsumerRecord]) -> tuple[list[Recorded], list[tuple[ConsumerRecord, str]]]:
    """The facts of a batch, and the records that hold none, each with the reason."""
    facts, unreadable = [], []
    for record in records:
        reason = None
        try:
            fact = received(record.headers, record.value or b"", record.topic)
            missing = [name for name in _NEEDED if name not in fact.headers]
            if record.value is None:
                reason = "the record has no value"
            elif missing:
                reason = f"headers are missing: {', '.join(missing)}"
            elif record.key != str(fact.subject).encode() or fact.stream_version < 1 or not isinstance(fact.data, dict):
                reason = "key, version or value do not fit the envelope"
        except (ValueError, KeyError) as error:
            reason = f"cannot be read: {type(error).__name__}"
        if reason:
            unreadable.append((record, reason))
        else:
            facts.append(fact)
    return facts, unreadable


def _id_of(record: ConsumerRecord) -> UUID | None:
    for name, value in record.headers:
        if name == "ce_id":
            try:
                return UUID(value.decode())
            except ValueError:
                return None
    return None
