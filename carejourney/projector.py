"""The projector: Kafka to a service's copy and projections, offsets in the database, once for each fact.

Delivery: at least once from Kafka, once in effect. The offsets of a batch move in the transaction that applies it, by
compare-and-set under an epoch taken on assignment; a batch that is no longer ours is rolled back and dropped. A batch
that cannot be applied is tried again for ever, and seen: it is never passed over.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from carejourney import crash, owncopy, telemetry
from carejourney.checkpoints import Checkpoints, Fenced, Place, id_of
from carejourney.envelope import CORRECTED, RETRACTED, Recorded, received
from carejourney.projecting import Projecting
from carejourney.reactions import Reactions
from carejourney.store import DATABASE_AWAY

log = structlog.get_logger()

RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
DRAIN_SECONDS: Final = 10
PARTITION_LOCK: Final = 0x6C61_6E65  # "lane"


@dataclass(slots=True)
class Progress:
    """What readiness and `lag` tell of: when something last moved, what hinders, which logs were not as we left."""

    assigned: set[Place] = field(default_factory=set)
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
        self.checkpoints = Checkpoints(pool)
        self.subscriber: Any = None
        self._pool = pool
        self._projecting = projecting
        self._reactions = reactions
        self._keep = None if keep is None else keep | {CORRECTED, RETRACTED}
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

    async def handle(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply a batch, however long the database, a lock or a fault makes us wait."""
        async with self._working:
            attempt = 0
            while True:
                try:
                    await self._take(records)
                except Fenced:
                    telemetry.FENCED.labels(self.service).inc()
                    log.warning("projector.fenced", service=self.service)
                    await self._refresh()
                except Exception as error:  # noqa: BLE001 - whatever it is, the batch must not be passed over
                    await self._wait(error, attempt)
                    attempt += 1
                else:
                    self.progress.fault = None
                    self.progress.moved_at = time.monotonic()
                    return

    async def _wait(self, error: Exception, attempt: int) -> None:
        self.progress.fault = type(error).__name__
        seconds = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
        log.warning("projector.waiting", service=self.service, fault=self.progress.fault, seconds=seconds)
        await asyncio.sleep(seconds)

    async def _refresh(self) -> None:
        with contextlib.suppress(*DATABASE_AWAY):
            await self.checkpoints.refresh()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        owned: dict[Place, list[ConsumerRecord]] = {}
        for record in records:
            place = (record.topic, record.partition)
            if place in self.checkpoints.owned:
                owned.setdefault(place, []).append(record)
        ready = [r for place, batch in owned.items() for r in await self._fitting(place, batch)]
        if ready:
            await self._apply(ready)

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
        if fresh and fresh[0].offset != mine.next_offset:
            await self._seek(place)
            return ()
        return fresh

    async def _seek(self, place: Place, *, anew: bool = False) -> None:
        consumer, tp = self.consumer, TopicPartition(*place)
        if consumer is not None:
            begin, end = await consumer.beginning_offsets([tp]), await consumer.end_offsets([tp])
            await self._go(consumer, tp, begin[tp], end[tp], anew=anew)

    async def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        started = time.perf_counter()
        facts, unreadable = _read(records)
        last = {(r.topic, r.partition): r for r in records}
        async with self._pool.acquire() as connection, connection.transaction():
            for partition in sorted({partition for _, partition in last}):
                await connection.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, partition)
            taken = await owncopy.take(connection, facts, self._keep)
            await self._projecting.apply(connection, taken)
            recorded = await self._reactions.react(connection, taken.news)
            await self._set_aside(connection, unreadable)
            crash.point("projector.before_move")
            await self.checkpoints.move(connection, last, len(records))
            crash.point("projector.before_commit")
        crash.point("projector.after_commit")
        self.checkpoints.moved(last)
        if recorded:
            self._reactions.store.appended()
        self._count(facts, taken, unreadable, time.perf_counter() - started)

    async def _set_aside(self, connection: asyncpg.Connection, found: Sequence[tuple[ConsumerRecord, str]]) -> None:
        """Records that hold no fact: kept by their place, so that nothing is lost unseen."""
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


_MAX_VERSION: Final = 2**31 - 1
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
            elif record.key != str(fact.subject).encode() or not _is_fact(fact):
                reason = "key, id, version or value do not fit the envelope"
        except (ValueError, KeyError) as error:
            reason = f"cannot be read: {type(error).__name__}"
        if reason:
            unreadable.append((record, reason))
        else:
            facts.append(fact)
    return facts, unreadable


def _is_fact(fact: Recorded) -> bool:
    """Whether a record can be kept and folded, whatever it says. Raises ValueError for an id that is none."""
    UUID(fact.id)
    kept = all("\0" not in fact.headers[name] for name in _NEEDED)
    if not kept or not 1 <= fact.stream_version <= _MAX_VERSION or not isinstance(fact.data, dict):
        return False
    if fact.type not in {CORRECTED, RETRACTED}:
        return True
    changes = (fact.data, *fact.data.get("consequences", ()))
    return all(isinstance(c.get(name), str) for c in changes for name in ("corrects", "type"))
