"""The projector: Kafka to a service's copy and projections, offsets in the database, once for each fact.

Delivery: at least once from Kafka, once in effect. The offsets of a batch move in the transaction that applies it, by
compare-and-set under an epoch taken on assignment; a batch that is no longer ours is rolled back and dropped. A batch
that fails because a part of the system is away is tried again for ever, and seen; one that fails for what is in it is
taken apart, so that only the child concerned is parked. None is passed over.
"""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from opentelemetry.trace import SpanKind

from carejourney import crash, damage, parking, telemetry, tracing
from carejourney.applying import Applying, Effect
from carejourney.checkpoints import Checkpoints, Fenced, Place, id_of
from carejourney.envelope import Recorded
from carejourney.faults import is_transient
from carejourney.logs import place_of
from carejourney.projecting import Projecting
from carejourney.reactions import Reactions
from carejourney.records import read_all, subject_of
from carejourney.store import DATABASE_AWAY

log = structlog.get_logger()

RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
DRAIN_SECONDS: Final = 10
PARTITION_LOCK: Final = 0x6C61_6E65  # "lane"
# One after the other as they stand, so that no two batches wait for each other in a ring.
_LOCK_PARTITIONS: Final = "select pg_advisory_xact_lock($1, partition) from unnest($2::int[]) as w(partition)"
# What else stands there may have been put there by anyone, and is not shown.
_SCHEMA: Final = re.compile(r"urn:carejourney:[a-z_]{1,40}\.[a-z_]{1,60}:\d{1,6}")


@dataclass(slots=True)
class Progress:
    """What readiness and `lag` tell of: when something last moved, what hinders, which logs were not as we left.

    `in_hand` has the time (milliseconds since 1970) of the first record of each partition that is being applied.
    """

    assigned: set[Place] = field(default_factory=set)
    moved_at: float = field(default_factory=time.monotonic)
    fault: str | None = None
    lost: list[str] = field(default_factory=list)
    in_hand: dict[Place, int] = field(default_factory=dict)


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
        self.checkpoints = Checkpoints(pool)
        self.subscriber: Any = None
        self._pool = pool
        self.applying = Applying(projecting, reactions, keep)
        self._working = asyncio.Lock()

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        return self.subscriber.consumer if self.subscriber is not None else None

    def next_offset(self, tp: TopicPartition) -> int:
        """The first offset not applied yet."""
        owned = self.checkpoints.owned.get((tp.topic, tp.partition))
        return owned.next_offset if owned else 0

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let the batch in hand end before the partitions go to another member; if it cannot, it will be fenced."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS), self._working:
                pass
        places = [(tp.topic, tp.partition) for tp in revoked]
        self.checkpoints.release(places)
        self.progress.assigned.difference_update(places)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take ownership in the database and start where it says. The client drops what is raised here: so wait."""
        partitions = sorted(assigned)
        attempt = 0
        while partitions:
            try:
                return await self._assign(partitions)
            except (*DATABASE_AWAY, KafkaError) as error:
                await self._wait(error, attempt)
                attempt += 1
        return None

    async def _assign(self, partitions: Sequence[TopicPartition]) -> None:
        consumer = self.consumer
        if consumer is None:
            return
        await self.checkpoints.own([(tp.topic, tp.partition) for tp in partitions])
        begin, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for tp in partitions:
            await self._go(consumer, tp, begin[tp], end[tp])
            self.progress.assigned.add((tp.topic, tp.partition))

    async def _go(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int, *, anew: bool = False
    ) -> None:
        """Read on where we were. The last record is read once more, to see that this is the log we knew."""
        place = (tp.topic, tp.partition)
        owned = self.checkpoints.owned[place]
        if anew or not begin <= owned.next_offset <= end:
            await self._start_again(place, begin)
        owned.checked = owned.checked or owned.last_id is None or owned.next_offset == begin
        consumer.seek(tp, owned.next_offset - (0 if owned.checked else 1))

    async def _start_again(self, place: Place, offset: int) -> None:
        log.error("projector.log_lost", service=self.service, topic=place[0], partition=place[1])
        self.progress.lost.append(f"{place[0]}/{place[1]}")
        await self.checkpoints.start_again(place, offset)

    async def read_on(self, tp: TopicPartition) -> None:
        """Have the client go on where we are: what it gave that did not reach us is read again."""
        place = (tp.topic, tp.partition)
        if place in self.checkpoints.owned:
            await self._seek(place)

    async def skip(self, tp: TopicPartition, first: int, until: int) -> None:
        """Go past what nobody can read, and keep where it lies; waits for a database that is away."""
        log.error(
            "projector.log_damaged", service=self.service, topic=tp.topic, partition=tp.partition, offset=first,
            until=until,
        )  # fmt: skip
        attempt = 0
        while (tp.topic, tp.partition) in self.checkpoints.owned:
            try:
                async with self._working:
                    await self._skip((tp.topic, tp.partition), first, until)
            except Fenced:
                return await self._refresh()
            except DATABASE_AWAY as error:
                await self._wait(error, attempt)
                attempt += 1
            else:
                telemetry.LOG_DAMAGED.labels(self.service, tp.topic).inc()
                self.progress.fault, self.progress.moved_at = None, time.monotonic()
                return None
        return None

    async def _skip(self, place: Place, first: int, until: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await parking.set_aside(connection, (*place, first), None, damage.reason_of(first, until))
            await damage.note(connection, (*place, first, until), self.service)
            await self.checkpoints.skip(connection, place, until)
        self.checkpoints.skipped(place, until)

    async def handle(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply a batch, however long the database, a lock or a fault makes us wait."""
        async with self._working:
            self.progress.in_hand = {(r.topic, r.partition): r.timestamp for r in reversed(records)}
            attempt, fences, isolate = 0, 0, False
            while True:
                try:
                    await self._take(records, isolate=isolate)
                except Fenced as fence:
                    telemetry.FENCED.labels(self.service).inc()
                    log.warning("projector.fenced", service=self.service)
                    if fences:
                        await self._wait(fence, fences - 1)
                    fences += 1
                    await self._refresh()
                except Exception as error:  # noqa: BLE001 - whatever it is, the batch must not be passed over
                    if isolate or is_transient(error):
                        await self._wait(error, attempt)
                        attempt += 1
                    isolate = isolate or not is_transient(error)
                else:
                    self.progress.fault = None
                    self.progress.in_hand = {}
                    return

    async def _wait(self, error: Exception, attempt: int) -> None:
        self.progress.fault = type(error).__name__
        seconds = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
        log.warning(
            "projector.waiting", service=self.service, fault=self.progress.fault, at=place_of(error), seconds=seconds
        )
        await asyncio.sleep(seconds)

    async def _refresh(self) -> None:
        with contextlib.suppress(*DATABASE_AWAY):
            await self.checkpoints.refresh()

    async def _take(self, records: Sequence[ConsumerRecord], *, isolate: bool) -> None:
        owned: dict[Place, list[ConsumerRecord]] = {}
        for record in records:
            place = (record.topic, record.partition)
            if place in self.checkpoints.owned:
                owned.setdefault(place, []).append(record)
        ready = [r for place, batch in owned.items() for r in await self._fitting(place, batch)]
        if ready:
            await self._apply(ready, isolate=isolate)

    async def _fitting(self, place: Place, batch: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
        """The records that come next. Where the log is another one, or has a hole, it is read again."""
        mine = self.checkpoints.owned[place]
        if not mine.checked:
            last = next((r for r in batch if r.offset == mine.next_offset - 1), None)
            if last is None or id_of(last) != mine.last_id:
                await self._seek(place, anew=last is not None)
                return ()
            mine.checked = True
        elif batch[-1].offset < mine.next_offset:
            # Where the log was made anew under us, the client begins it again of itself: all it brings looks old.
            mine.checked = False
            await self._seek(place)
            return ()
        fresh = [r for r in batch if r.offset >= mine.next_offset]
        if fresh and fresh[0].offset != mine.next_offset and mine.hole != mine.next_offset:
            mine.hole = mine.next_offset
            await self._seek(place)
            return ()
        # Where the hole is there again the log has none of these records: whom they concern waits at a gap.
        return fresh

    async def _seek(self, place: Place, *, anew: bool = False) -> None:
        consumer, tp = self.consumer, TopicPartition(*place)
        if consumer is not None:
            begin, end = await consumer.beginning_offsets([tp]), await consumer.end_offsets([tp])
            await self._go(consumer, tp, begin[tp], end[tp], anew=anew)

    async def _apply(self, records: Sequence[ConsumerRecord], *, isolate: bool) -> None:
        started, began = time.perf_counter(), time.time_ns()
        read, unreadable = read_all(records)
        facts = [fact for _, fact in read]
        kinds = self._unknown_kinds(facts)
        last = {(r.topic, r.partition): r for r in records}
        with tracing.batch(telemetry.APPLY_SPAN, self.service, SpanKind.CONSUMER, len(records)) as whole:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_LOCK_PARTITIONS, PARTITION_LOCK, sorted({partition for _, partition in last}))
                apply = self.applying.apply_apart if isolate else self.applying.apply
                effect = await apply(connection, facts)
                await self._keep_oddities(connection, read, unreadable, effect)
                await parking.keep_kinds(connection, kinds)
                crash.point("projector.before_move")
                await self.checkpoints.move(connection, last, len(records))
                crash.point("projector.before_commit")
        crash.point("projector.after_commit")
        self.checkpoints.moved(last)
        self.progress.moved_at = time.monotonic()
        tracing.each(telemetry.FACT_SPAN, facts, whole, SpanKind.CONSUMER, began)
        self.applying.reactions.committed(effect.recorded)
        for schema, count in kinds.items():
            telemetry.UNKNOWN_FACTS.labels(self.service, schema).inc(count)
        self._count(facts, effect, len(unreadable) + len(effect.refused), time.perf_counter() - started)

    async def _keep_oddities(
        self,
        connection: asyncpg.Connection,
        read: Sequence[tuple[ConsumerRecord, Recorded]],
        unreadable: Sequence[tuple[ConsumerRecord, str]],
        effect: Effect,
    ) -> None:
        """Keep the places of records that took no effect."""
        records = {id(fact): record for record, fact in read} if effect.refused or effect.conflicts else {}
        refused = [(records[id(f)], f"cannot be kept: {fault.kind} at {fault.place}") for f, fault in effect.refused]
        for record, reason in (*unreadable, *refused):
            log.error(
                "projector.unreadable", service=self.service, topic=record.topic, partition=record.partition,
                offset=record.offset, reason=reason,
            )  # fmt: skip
            place = (record.topic, record.partition, record.offset)
            await parking.set_aside(connection, place, subject_of(record), reason)
        for conflict in effect.conflicts:
            record = records[id(conflict.fact)]
            log.error(
                "projector.conflict", service=self.service, topic=record.topic, partition=record.partition,
                offset=record.offset, fact=conflict.fact.id, kept=str(conflict.kept),
            )  # fmt: skip
            await parking.keep_conflict(connection, conflict.fact, conflict.kept, record.partition, record.offset)

    def _unknown_kinds(self, facts: Iterable[Recorded]) -> Counter[str]:
        knows = self.applying.projecting.kinds.knows
        schemas = (fact.headers.get("ce_dataschema", "") for fact in facts if not knows(fact))
        return Counter(schema if _SCHEMA.fullmatch(schema) else "of no known form" for schema in schemas)

    def _count(self, facts: Sequence[Recorded], effect: Effect, unreadable: int, seconds: float) -> None:
        telemetry.BATCH_SECONDS.labels(self.service).observe(seconds)
        telemetry.DUPLICATES.labels(self.service).inc(effect.duplicates)
        telemetry.UNREADABLE.labels(self.service).inc(unreadable)
        telemetry.CONFLICTS.labels(self.service).inc(len(effect.conflicts))
        for topic, count in Counter(fact.topic for fact in facts).items():
            telemetry.FACTS_APPLIED.labels(self.service, topic).inc(count)


async def every_partition(connection: asyncpg.Connection) -> None:
    """Hold off every batch of this service until the transaction ends; those in hand are waited for."""
    places = await connection.fetch("select distinct partition from checkpoint order by partition")
    for place in places:
        await connection.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, place["partition"])
