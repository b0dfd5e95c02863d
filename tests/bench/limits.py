"""The raw limits of an import, and a plain peer: the same rows and facts with nothing of ours in the way."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream.kafka import KafkaBroker, KafkaMessage
from sqlalchemy import LargeBinary
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from carejourney.envelope import stored
from carejourney.returns.children import ChildCheck, batches
from carejourney.returns.reading import read_return
from carejourney.returns.report import ImportReport

PEER_FACTS: Final = 1_000
PARTITIONS: Final = 12
Rows = Sequence[tuple[str, bytes, bytes]]

_FACTS: Final = "select subject::text, topic, headers, payload from fact where subject = any($1)"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it was recorded: the bytes a store holds and a record carries."""

    key: bytes
    headers: bytes
    payload: bytes


def seconds_to_read(folder: Path, day: date) -> float:
    """Read and check a return and put its rows together by child, in this process, and do nothing with them."""
    begun = time.perf_counter()
    with read_return(folder, day=day) as reading:
        for _ in batches(reading, ChildCheck(reading, ImportReport())):
            pass
    return time.perf_counter() - begun


async def facts_of(databases: Sequence[str], authority: str, register: str) -> list[Fact]:
    """Every fact the services recorded of an authority's subjects."""
    subjects = await _fetch(register, "select subject from subject_register where authority = $1", authority)
    wanted = [row["subject"] for row in subjects]
    found = [row for dsn in databases for row in await _fetch(dsn, _FACTS, wanted)]
    return [Fact(row["subject"].encode(), row["headers"], row["payload"]) for row in found]


async def _fetch(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


async def seconds_to_copy(owner: str, facts: Sequence[Fact]) -> float:
    """COPY the facts' bytes into a table without index or constraint, in one transaction."""
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute("create table bench_copy (key bytea, headers bytea, payload bytea)")
        rows = [(fact.key, fact.headers, fact.payload) for fact in facts]
        begun = time.perf_counter()
        await connection.copy_records_to_table("bench_copy", records=rows)
        return time.perf_counter() - begun
    finally:
        await connection.execute("drop table if exists bench_copy")
        await connection.close()


async def seconds_to_produce(kafka: str, facts: Sequence[Fact]) -> float:
    """Produce the facts' records with aiokafka, pipelined and acknowledged."""
    async with _Topic(kafka, "bench.produce"):
        producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=262_144)
        await producer.start()
        try:
            # A new topic has its leaders a moment after it was made.
            await asyncio.gather(
                *[producer.send_and_wait("bench.produce", b"", partition=p) for p in range(PARTITIONS)]
            )
            records = [stored(fact.headers, fact.payload, "").kafka_headers() for fact in facts]
            begun = time.perf_counter()
            sent = [
                await producer.send("bench.produce", fact.payload, key=fact.key, headers=headers)
                for fact, headers in zip(facts, records, strict=True)
            ]
            await asyncio.gather(*sent)
            return time.perf_counter() - begun
        finally:
            await producer.stop()


class _Topic:
    """A topic for as long as it is needed."""

    def __init__(self, kafka: str, name: str) -> None:
        self._name = name
        self._admin = AIOKafkaAdminClient(bootstrap_servers=kafka)

    async def __aenter__(self) -> None:
        await self._admin.start()
        await self._admin.create_topics([NewTopic(self._name, PARTITIONS, 1)])

    async def __aexit__(self, *_: object) -> None:
        await self._admin.delete_topics([self._name])
        await self._admin.close()


class _Tables(DeclarativeBase):
    pass


class _Stored(_Tables):
    __tablename__ = "bench_stored"
    number: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class _Heard(_Tables):
    __tablename__ = "bench_heard"
    number: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


async def seconds_a_fact_of_the_peer(kafka: str, owner: str, facts: Sequence[Fact]) -> float:
    """Store, publish and consume facts one by one: SQLAlchemy's ORM, FastStream's publish and a FastStream handler.

    One commit a fact on each side and one consumer (this system has six), measured on the first thousand facts, once
    the consumer has been given its partitions.
    """
    engine = create_async_engine(owner.replace("postgresql://", "postgresql+asyncpg://", 1))
    session = async_sessionmaker(engine)
    some = facts[:PEER_FACTS]
    ready, done, numbers = asyncio.Event(), asyncio.Event(), itertools.count()
    broker = KafkaBroker(kafka, logger=None)

    @broker.subscriber("bench.peer", auto_offset_reset="earliest", group_id="bench")
    async def handle(message: KafkaMessage) -> None:
        number = next(numbers)
        async with session.begin() as own:
            own.add(_Heard(number=number, payload=message.body))
        ready.set()
        if number == len(some):
            done.set()

    async def work() -> None:
        for number, fact in enumerate(some):
            async with session.begin() as own:
                own.add(_Stored(number=number, payload=fact.payload))
            await broker.publish(fact.payload, "bench.peer", key=fact.key)
        await asyncio.wait_for(done.wait(), 120)

    async with _Topic(kafka, "bench.peer"):
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_Tables.metadata.create_all)
            async with broker:
                await broker.start()
                await broker.publish(b"", "bench.peer")
                await asyncio.wait_for(ready.wait(), 60)
                return await _timed(work) / len(some)
        finally:
            async with engine.begin() as connection:
                await connection.run_sync(_Tables.metadata.drop_all)
            await engine.dispose()


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun
