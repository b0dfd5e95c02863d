"""The relay: every committed fact to Kafka at least once, per subject in order.

The fact table is the outbox. It is read below the oldest running transaction, so a commit that becomes visible late is
not skipped. One relay leads for a service by a session's advisory lock; a second one by mistake only duplicates.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from carejourney import crash, telemetry
from carejourney.envelope import stored
from carejourney.store import DATABASE_AWAY

log = structlog.get_logger()

BATCH: Final = 2_000
LOCK: Final = 0x6361_7265  # "care"
IDLE_SECONDS: Final = 0.25
BUSY_SECONDS: Final = 0.02
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_READ = """
select transaction_id, position, subject, topic, topic_version, headers, payload, recorded_at
from fact
where (transaction_id, position) > ($1::xid8, $2) and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id, position
limit $3
"""
_EARLIER = """
select f.transaction_id, f.position, f.subject, f.topic, f.topic_version, f.headers, f.payload, f.recorded_at
from fact f join unnest($1::uuid[], $2::text[], $3::int[]) as w(subject, topic, topic_version)
  on f.subject = w.subject and f.topic = w.topic and f.topic_version = w.topic_version
where (f.transaction_id, f.position) > ($4::xid8, $5)
"""
_MOVE = """
update relay_mark set transaction_id = $3, position = $4, relayed = relayed + $5, moved_at = now()
where transaction_id = $1 and position = $2
"""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def relay_producer(kafka: str, service: str) -> AIOKafkaProducer:
    """A producer that keeps the order of what it is given, and waits for all replicas."""
    return AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=262_144, linger_ms=0,
        client_id=f"{service}-relay", request_timeout_ms=15_000,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the relay has come, in order of commit."""

    transaction_id: int
    position: int


class Relay:
    """Publishes one service's facts. `run` never returns of itself; it waits out a broker or database that is away.

    After a fault it begins with a new producer: an idempotent one that lost a batch refuses all that follow.
    """

    def __init__(self, dsn: str, make_producer: Callable[[], AIOKafkaProducer], service: str) -> None:
        self._dsn = dsn
        self._make_producer = make_producer
        self._service = service
        self._wake = asyncio.Event()
        self.leading = False
        self.fault: str | None = None

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
        connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30)
        producer = self._make_producer()
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(1)
            await producer.start()
            self.leading = True
            telemetry.RELAY_LEADER.labels(self._service).set(1)
            while True:
                moved = await self.step(connection, producer)
                self.fault = None
                if moved < BATCH:
                    await self._pause(busy=moved > 0)
        finally:
            connection.terminate()
            await producer.stop()

    async def _pause(self, *, busy: bool) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_SECONDS if busy else IDLE_SECONDS):
                await self._wake.wait()
        if self._wake.is_set():
            await asyncio.sleep(BUSY_SECONDS / 4)

    async def step(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> int:
        """Publish the next facts and move the mark; how many there were."""
        mark = Mark(*await connection.fetchrow("select transaction_id, position from relay_mark"))
        rows = await connection.fetch(_READ, mark.transaction_id, mark.position, BATCH)
        if not rows:
            telemetry.RELAY_AGE.labels(self._service).set(0)
            return 0
        crash.point("relay.after_read")
        await _publish(await _with_earlier(connection, mark, rows), producer)
        crash.point("relay.after_ack")
        last = rows[-1]
        await connection.execute(
            _MOVE, mark.transaction_id, mark.position, last["transaction_id"], last["position"], len(rows)
        )
        telemetry.FACTS_RELAYED.labels(self._service).inc(len(rows))
        return len(rows)


async def _with_earlier(connection: asyncpg.Connection, mark: Mark, rows: list[asyncpg.Record]) -> list[asyncpg.Record]:
    """The rows in version order, with what must go before them.

    A transaction may have its id before it waits for a stream that a later one holds: then the order of commit is not
    that of the versions. What a row builds on is committed, so it is brought forward; its own turn sends it again.
    """
    held = {(row["subject"], row["topic"], row["topic_version"]) for row in rows}
    found = rows
    everything = list(rows)
    while found:
        before = {(r["subject"], r["topic"], r["topic_version"] - 1) for r in found if r["topic_version"] > 1} - held
        wanted = sorted(before)
        found = await connection.fetch(
            _EARLIER, [s for s, _, _ in wanted], [t for _, t, _ in wanted], [v for _, _, v in wanted],
            mark.transaction_id, mark.position,
        ) if wanted else []  # fmt: skip
        held |= before
        everything += found
    return sorted(everything, key=lambda row: row["topic_version"])


async def _publish(rows: list[asyncpg.Record], producer: AIOKafkaProducer) -> None:
    groups: dict[tuple[str, int], list[asyncpg.Record]] = {}
    topics = {row["topic"] for row in rows}
    partitions = {topic: len(await producer.partitions_for(topic)) for topic in topics}
    places: dict[tuple[str, UUID], tuple[str, int]] = {}
    for row in rows:
        topic, subject = row["topic"], row["subject"]
        place = places.get((topic, subject))
        if place is None:
            place = places[topic, subject] = (topic, partition_of(str(subject).encode(), partitions[topic]))
        groups.setdefault(place, []).append(row)
    acknowledged = [
        future
        for (topic, partition), group in groups.items()
        for future in await _send(producer, topic, partition, group)
    ]
    crash.point("relay.after_send")
    await asyncio.gather(*acknowledged)


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: list[asyncpg.Record]
) -> list[asyncio.Future[object]]:
    futures = []
    batch = producer.create_batch()
    for row in rows:
        fact = stored(row["headers"], row["payload"], topic)
        record = {
            "key": str(row["subject"]).encode(),
            "value": row["payload"],
            # Kafka refuses a record from the future; `ce_time` keeps what the writer's clock said.
            "timestamp": min(int(row["recorded_at"].timestamp() * 1000), time.time_ns() // 1_000_000),
            "headers": fact.kafka_headers(),
        }
        if batch.append(**record) is None:
            futures.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**record)
    futures.append(await producer.send_batch(batch, topic, partition=partition))
    return futures
