"""The relay: every committed fact to Kafka at least once, per subject in order.

The fact table is the outbox. It is read below the oldest running transaction, so a commit that becomes visible late is
not skipped. One relay leads for a service by a session's advisory lock; a second one by mistake only duplicates.

It remembers what Kafka has acknowledged, looks whether that is still there, and publishes a topic again that lost it.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata
from opentelemetry.trace import SpanKind

from carejourney import crash, damage, republish, telemetry, tracing
from carejourney.batching import Packed, Places, pack
from carejourney.checkpoints import Place
from carejourney.envelope import stored
from carejourney.logwatch import LogWatch, Loss, Remembered, overtaken
from carejourney.publishing_order import Cursor, with_earlier
from carejourney.store import DATABASE_AWAY

log = structlog.get_logger()

BATCH: Final = 2_000
LOCK: Final = 0x6361_7265  # "care"
IDLE_SECONDS: Final = 0.25
BUSY_SECONDS: Final = 0.02
LOOK_SECONDS: Final = 3.0
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_MARK = "select transaction_id, position, again from relay_mark"
_READ = """
select transaction_id, position, id, subject, topic, topic_version, headers, payload, recorded_at
from fact
where (transaction_id, position) > ($1::xid8, $2) and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id, position
limit $3
"""
# Other topics' facts are passed over without their content, so that one look is bounded however rare the topic is.
_READ_AGAIN = """
select transaction_id, position, id, subject, topic, topic_version, recorded_at,
  case when topic = $5 then headers end as headers, case when topic = $5 then payload end as payload
from fact
where (transaction_id, position) > ($1::xid8, $2) and (transaction_id, position) <= ($3::xid8, $4)
order by transaction_id, position
limit $6
"""
_MOVE = """
with moved as (
  update relay_mark
  set transaction_id = $4, position = $5, again = $6::jsonb, relayed = relayed + $7, moved_at = now()
  where transaction_id = $1 and position = $2 and again = $3::jsonb returning true
), ended as (
  update republication set ended_at = now() from moved where topic = any($8) and ended_at is null
)
insert into relayed (topic, partition, record_offset, fact)
select a.* from moved, unnest($9::text[], $10::int[], $11::bigint[], $12::uuid[]) as a(topic, partition, last, fact)
on conflict (topic, partition) do update set record_offset = excluded.record_offset, fact = excluded.fact
"""
_UNHELD = """
select number from unnest($1::int[], $2::uuid[], $3::text[], $4::int[], $5::uuid[])
  as w(number, subject, topic, version, id)
where not exists (
  select from fact f
  where f.subject = w.subject and f.topic = w.topic and f.topic_version = w.version and f.id = w.id
)
"""
_REMEMBERED = "select topic, partition, begin_offset, record_offset, fact from relayed"


def relay_producer(kafka: str, service: str) -> AIOKafkaProducer:
    """A producer that keeps the order of what it is given, and waits for all replicas."""
    return AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=262_144, linger_ms=0,
        client_id=f"{service}-relay", request_timeout_ms=15_000,
    )  # fmt: skip


async def relay_connection(dsn: str) -> asyncpg.Connection:
    """A connection that does not wait for the disk: a mark that a crash takes back only has facts sent once more."""
    return await asyncpg.connect(dsn, timeout=10, command_timeout=30, server_settings={"synchronous_commit": "off"})


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the relay has come, in order of commit; `again` how far with topics that are published once more."""

    transaction_id: int
    position: int
    again: Mapping[str, Cursor] = field(default_factory=dict)

    @property
    def cursor(self) -> Cursor:
        return self.transaction_id, self.position


@dataclass(slots=True)
class Acknowledged:
    """What Kafka said of one publication: in each partition the first offset, the last, and the fact that lies there.

    An offset is -1 where the broker had the batch already and no longer knows where.
    """

    first: dict[Place, int] = field(default_factory=dict)
    last: dict[Place, tuple[int, UUID]] = field(default_factory=dict)

    def add(self, place: Place, answer: RecordMetadata, count: int, fact: UUID) -> None:
        self.first.setdefault(place, answer.offset)
        if answer.offset >= 0:
            self.last[place] = (answer.offset + count - 1, fact)


class Relay:
    """Publishes one service's facts. `run` never returns of itself; it waits out a broker or database that is away.

    After a fault it begins with a new producer: an idempotent one that lost a batch refuses all that follow. Without a
    `watch` a loss is noticed only where new facts come to lie in place of old ones.
    """

    def __init__(
        self, dsn: str, make_producer: Callable[[], AIOKafkaProducer], service: str, watch: LogWatch | None = None
    ) -> None:
        self._dsn = dsn
        self._make_producer = make_producer
        self._service = service
        self._watch = watch
        self._wake = asyncio.Event()
        self._remembered: dict[Place, Remembered] = {}
        self._places = Places()
        self._ahead: tuple[Cursor, list[asyncpg.Record]] = ((0, 0), [])
        self.leading = False
        self.fault: str | None = None
        # Partitions that hold facts which the store does not: a standby without the last commits, or an old backup.
        self.unheld: list[str] = []

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._lead()
            except (*DATABASE_AWAY, KafkaError) as error:
                attempt = 0 if self.fault is None else attempt
                self.fault = type(error).__name__
                wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                log.warning("relay.waiting", service=self._service, fault=self.fault, seconds=wait)
                attempt += 1
                await asyncio.sleep(wait)
            finally:
                self.leading = False
                telemetry.RELAY_LEADER.labels(self._service).set(0)

    async def _lead(self) -> None:
        connection = await relay_connection(self._dsn)
        producer = self._make_producer()
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(1)
            await producer.start()
            if self._watch is not None:
                await self._watch.open()
            await self.look(connection, closely=True)
            await self._look_beyond(connection)
            self.leading = True
            telemetry.RELAY_LEADER.labels(self._service).set(1)
            await self._publish_for_ever(connection, producer)
        finally:
            connection.terminate()
            await producer.stop()
            if self._watch is not None:
                await self._watch.close()

    async def _publish_for_ever(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> None:
        looked = time.monotonic()
        while True:
            moved = await self.step(connection, producer)
            self.fault = None
            if time.monotonic() - looked > LOOK_SECONDS:
                await self.look(connection)
                looked = time.monotonic()
            if moved < BATCH:
                await self._pause(busy=moved > 0)

    async def look(self, connection: asyncpg.Connection, *, closely: bool = False) -> None:
        """See whether Kafka still holds what it acknowledged; a topic that lost something is published again."""
        rows = await connection.fetch(_REMEMBERED)
        self._remembered = {(topic, partition): Remembered(*row) for topic, partition, *row in rows}
        if self._watch is None:
            return
        for loss in await self._watch.look(self._remembered, closely=closely):
            await self._after_loss(connection, loss)

    async def _look_beyond(self, connection: asyncpg.Connection) -> None:
        """See whether Kafka holds facts of ours that our store does not: then it was put back to an earlier moment."""
        beyond = await self._watch.beyond(self._remembered) if self._watch is not None else []
        facts = [fact for _, fact in beyond]
        rows = await connection.fetch(
            _UNHELD, range(len(facts)), [f.subject for f in facts], [f.topic for f in facts],
            [f.stream_version for f in facts], [UUID(f.id) for f in facts],
        ) if facts else []  # fmt: skip
        self.unheld = sorted({f"{topic}/{n}" for topic, n in (beyond[row["number"]][0] for row in rows)})
        if rows:
            log.critical("relay.store_behind", service=self._service, facts=len(rows), partitions=self.unheld)

    async def _after_loss(self, connection: asyncpg.Connection, loss: Loss) -> None:
        log.error("relay.log_lost", service=self._service, topic=loss.topic, reason=loss.reason)
        telemetry.LOG_LOST.labels(self._service, loss.topic).inc()
        async with connection.transaction():
            await republish.after_loss(connection, loss)
            for stretch in loss.stretches:
                await damage.note(connection, stretch, self._service, told=True)
        kept = {place: was for place, was in self._remembered.items() if place[0] != loss.topic}
        self._remembered = kept | {(loss.topic, n): Remembered(b, b - 1, None) for n, b in loss.begins.items()}

    async def _pause(self, *, busy: bool) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_SECONDS if busy else IDLE_SECONDS):
                await self._wake.wait()
        if self._wake.is_set():
            await asyncio.sleep(BUSY_SECONDS / 4)

    async def step(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> int:
        """Publish the next facts and move the mark; how many were looked at."""
        transaction_id, position, again = await connection.fetchrow(_MARK)
        mark = Mark(transaction_id, position, {topic: (t, p) for topic, (t, p) in json.loads(again).items()})
        rows = await self._next(connection, mark.cursor)
        if not rows and not mark.again:
            telemetry.RELAY_AGE.labels(self._service).set(0)
            return 0
        crash.point("relay.after_read")
        reached = _place_of(rows[-1]) if rows else mark.cursor
        live = [row for row in rows if row["topic"] not in mark.again]
        publish = await with_earlier(connection, mark.cursor, live)
        cursors: dict[str, Cursor] = {}
        for topic, cursor in mark.again.items():
            past, cursors[topic] = await _again(connection, topic, cursor, reached)
            publish += past
        began = time.time_ns()
        with tracing.batch(telemetry.RELAY_SPAN, self._service, SpanKind.PRODUCER, len(publish)) as whole:
            # The server looks for the next facts while these are packed, and Kafka writes them while those are read.
            ahead = self._read(connection, reached) if len(rows) == BATCH else _nothing()
            more, sent = await asyncio.gather(ahead, _send(publish, producer, self._places))
            crash.point("relay.after_send")
            self._ahead = reached, more
            acknowledged = await _acknowledged(sent)
        crash.point("relay.after_ack")
        facts = (stored(row["headers"], row["payload"], row["topic"]) for row in publish)
        tracing.each(telemetry.PUBLISH_SPAN, facts, whole, SpanKind.PRODUCER, began)
        left = {topic: cursor for topic, cursor in cursors.items() if cursor != reached}
        await self._settle(connection, mark, Mark(*reached, left), acknowledged, len(rows))
        crash.point("relay.after_mark")
        telemetry.FACTS_RELAYED.labels(self._service).inc(len(publish))
        return BATCH if left else len(publish)

    async def _next(self, connection: asyncpg.Connection, cursor: Cursor) -> list[asyncpg.Record]:
        """What comes after the mark: read while Kafka wrote what came before it, or now."""
        (cursor_ahead, rows), self._ahead = self._ahead, (cursor, [])
        return rows if rows and cursor_ahead == cursor else await self._read(connection, cursor)

    async def _read(self, connection: asyncpg.Connection, cursor: Cursor) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await connection.fetch(_READ, *cursor, BATCH)
        return rows

    async def _settle(
        self, connection: asyncpg.Connection, before: Mark, after: Mark, acknowledged: Acknowledged, count: int
    ) -> None:
        """Move the mark and remember what was acknowledged, with the loss that it shows, all at once."""
        lost = {topic for topic, _ in overtaken(self._remembered, acknowledged.first)}
        async with contextlib.AsyncExitStack() as stack:
            if lost:
                await stack.enter_async_context(connection.transaction())
            await _move(connection, before, after, acknowledged, count)
            for topic in sorted(lost):
                begins = {n: was.begin for (name, n), was in self._remembered.items() if name == topic}
                await self._after_loss(connection, Loss(topic, "other facts lie where its facts lay", begins))
        for place, (offset, fact) in acknowledged.last.items():
            if place[0] not in lost:
                begin = self._remembered[place].begin if place in self._remembered else 0
                self._remembered[place] = Remembered(begin, offset, fact)


def _place_of(row: asyncpg.Record) -> Cursor:
    return row["transaction_id"], row["position"]


async def _move(
    connection: asyncpg.Connection, before: Mark, after: Mark, acknowledged: Acknowledged, count: int
) -> None:
    """By compare-and-set: where someone else moved the mark meanwhile, this publication is done again."""
    last = sorted(acknowledged.last.items())
    await connection.execute(
        _MOVE, *before.cursor, json.dumps(before.again), *after.cursor, json.dumps(after.again), count,
        sorted(before.again.keys() - after.again.keys()),
        [topic for (topic, _), _ in last], [partition for (_, partition), _ in last],
        [offset for _, (offset, _) in last], [fact for _, (_, fact) in last],
    )  # fmt: skip


async def _again(
    connection: asyncpg.Connection, topic: str, cursor: Cursor, until: Cursor
) -> tuple[list[asyncpg.Record], Cursor]:
    """The next facts of a topic that is published once more, and how far that comes."""
    rows = await connection.fetch(_READ_AGAIN, *cursor, *until, topic, BATCH)
    found = await with_earlier(connection, cursor, [row for row in rows if row["topic"] == topic])
    return found, _place_of(rows[-1]) if len(rows) == BATCH else until


async def _nothing() -> list[asyncpg.Record]:
    return []


@dataclass(frozen=True, slots=True)
class _Sent:
    """One batch on its way."""

    packed: Packed
    answer: asyncio.Future[RecordMetadata]


async def _send(rows: list[asyncpg.Record], producer: AIOKafkaProducer, places: Places) -> list[_Sent]:
    partitions = {topic: len(await producer.partitions_for(topic)) for topic in {row["topic"] for row in rows}}
    return [
        _Sent(one, await producer.send_batch(one.batch, one.place[0], partition=one.place[1]))
        for one in pack(rows, partitions, producer.create_batch, places)
    ]


async def _acknowledged(sent: list[_Sent]) -> Acknowledged:
    answers = await asyncio.gather(*(one.answer for one in sent))
    acknowledged = Acknowledged()
    for one, answer in zip(sent, answers, strict=True):
        acknowledged.add(one.packed.place, answer, one.packed.count, one.packed.last)
    return acknowledged
