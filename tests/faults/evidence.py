"""What stores, topics and copies hold, read by SQL and a plain consumer: nothing here is code that is judged by it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.faults.world import World

Lane = tuple[UUID, str]
Place = tuple[str, int]

_FACTS: Final = "select id, subject, topic, topic_version, headers, payload from fact order by topic_version"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as a store or a copy holds it."""

    id: str
    subject: UUID
    topic: str
    version: int
    headers: bytes
    payload: bytes

    @property
    def envelope(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.headers)
        return found


@dataclass(frozen=True, slots=True)
class Record:
    """A record as Kafka holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    envelope: Mapping[str, bytes]
    value: bytes | None

    @property
    def place(self) -> tuple[str, int, int]:
        return (self.topic, self.partition, self.offset)

    @property
    def id(self) -> str:
        return self.envelope.get("ce_id", b"").decode(errors="replace")

    @property
    def lane(self) -> tuple[str, str]:
        return (self.envelope["ce_subject"].decode(), self.topic)

    @property
    def version(self) -> int:
        return int(self.envelope["ce_streamversion"])


@dataclass
class Listener:
    """What one service took in, and how far it says it has come."""

    received: list[Fact]
    lanes: dict[Lane, int]
    checkpoints: dict[Place, asyncpg.Record]
    parked: list[asyncpg.Record]
    unreadable: set[tuple[str, int, int]]
    rows: dict[str, dict[UUID, dict[str, Any]]] = field(default_factory=dict)


@dataclass
class Evidence:
    """Everything there is, at one moment of quiet."""

    stores: dict[str, list[Fact]]
    records: list[Record]
    ends: dict[Place, int]
    listeners: dict[str, Listener]
    keys: dict[UUID, bytes]

    def facts(self) -> Iterable[Fact]:
        for held in self.stores.values():
            yield from held


async def gather(world: World) -> Evidence:
    """Read all of it, past every proxy but the broker's own."""
    stores, listeners = {}, {}
    for service in world.services:
        async with world.admin(service) as admin:
            stores[service] = [Fact(str(row[0]), *row[1:]) for row in await admin.fetch(_FACTS)]
            listeners[service] = await _listener(admin, world, service)
    topics = sorted({topic for service in world.services for topic in world.parts(service).topics})
    records, ends = await read_topics(world.bootstrap, topics)
    async with world.admin("keys") as admin:
        keys = dict(await admin.fetch("select subject, wrapped from subject_key where wrapped is not null"))
    return Evidence(stores, records, ends, listeners, keys)


async def _listener(admin: asyncpg.Connection, world: World, service: str) -> Listener:
    received = await admin.fetch("select id, subject, topic, topic_version, headers, payload from received")
    lanes = await admin.fetch("select subject, topic, version from lane")
    checkpoints = await admin.fetch("select * from checkpoint")
    unreadable = await admin.fetch("select topic, partition, record_offset from unreadable")
    listener = Listener(
        received=[Fact(str(row[0]), *row[1:]) for row in received],
        lanes={(subject, topic): version for subject, topic, version in lanes},
        checkpoints={(row["topic"], row["partition"]): row for row in checkpoints},
        parked=await admin.fetch("select projection, subject, topic, reason from parked"),
        unreadable={tuple(row) for row in unreadable},
    )
    for projection in world.parts(service).projections:
        rows = await admin.fetch(f'select * from "{projection.table.name}"')
        listener.rows[projection.name] = {row["subject"]: dict(row) for row in rows}
    return listener


async def log_ends(world: World, topics: Iterable[str]) -> dict[Place, int]:
    """Where each partition of these topics ends."""
    wanted = sorted(topics)
    consumer = AIOKafkaConsumer(bootstrap_servers=world.bootstrap)
    await consumer.start()
    try:
        await consumer._client.set_topics(wanted)
        partitions = [TopicPartition(topic, p) for topic in wanted for p in consumer.partitions_for_topic(topic) or ()]
        return {(tp.topic, tp.partition): end for tp, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()


async def read_topics(bootstrap: str, topics: Iterable[str]) -> tuple[list[Record], dict[Place, int]]:
    """Every record of these topics, each partition in its order, and where each partition ends."""
    wanted = list(topics)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.set_topics(wanted)
        partitions = [TopicPartition(topic, p) for topic in wanted for p in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, begins[tp])
        found: list[Record] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [Record(r.topic, r.partition, r.offset, r.key, dict(r.headers), r.value) for r in batch]
    finally:
        await consumer.stop()
    return found, {(tp.topic, tp.partition): end for tp, end in ends.items()}
