"""Records put into Kafka past every store: repeated, reordered, forged, unreadable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer

from carejourney.relay import LOCK
from tests.faults.evidence import read_topics
from tests.faults.world import World

TOPIC = "care.health"


@dataclass(frozen=True)
class Plant:
    """One record: its key, headers and value as they are to travel."""

    key: bytes
    headers: Mapping[str, str]
    value: bytes | None = field(repr=False)

    def said(self, **headers: str) -> Self:
        """The same record with other headers."""
        return replace(self, headers={**self.headers, **headers})


async def facts_of(world: World, child: UUID) -> list[Plant]:
    """What health's store holds of a child, in order, ready to be sent."""
    async with world.admin("health") as admin:
        rows = await admin.fetch(
            "select headers, payload from fact where subject = $1 and topic = $2 order by topic_version", child, TOPIC
        )
    return [Plant(str(child).encode(), msgspec.json.decode(r["headers"]), r["payload"]) for r in rows]


def stranger(world: World, like: Plant, subject: UUID, **headers: str) -> Plant:
    """A record of somebody no store knows, otherwise like another."""
    world.strangers.add(subject)
    said = {**like.headers, "ce_subject": str(subject), "ce_streamversion": "1", **headers}
    return Plant(str(subject).encode(), said, like.value)


async def plant(world: World, records: Iterable[Plant]) -> None:
    """Send these records in this order, past every relay; the judge is told of their places."""
    producer: Any = AIOKafkaProducer(bootstrap_servers=world.bootstrap)
    await producer.start()
    try:
        for record in records:
            headers = [(name, value.encode()) for name, value in record.headers.items()]
            sent = await producer.send_and_wait(TOPIC, record.value, key=record.key, headers=headers)
            world.planted.add((sent.topic, sent.partition, sent.offset))
    finally:
        await producer.stop()


async def published(world: World, child: UUID) -> int:
    """How many records of a child are in the topic."""
    records, _ = await read_topics(world.bootstrap, [TOPIC])
    return sum(record.key == str(child).encode() for record in records)


class Silenced:
    """Health's relay, kept from publishing: somebody else holds the lock by which a relay leads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> None:
        dsn = self._world.postgres.dsn.rpartition("/")[0]
        self._connection = await asyncpg.connect(f"{dsn}/health", timeout=10)
        leader = (
            "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database"
            " where d.datname = 'health' and l.objid = $1::bigint::oid and l.granted and l.pid <> pg_backend_pid()"
        )
        while not await self._connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            await self._connection.execute(leader, LOCK)

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()
