"""A small service over the real chassis: one topic, one projection, a database of its own for each test."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from pydantic import SecretStr

from carejourney.chassis_schema import upgrade_v1, upgrade_v2, upgrade_v3, upgrade_v4, upgrade_v5
from carejourney.envelope import Draft, Recorded
from carejourney.operations import Operations
from carejourney.projection import Projection, Secrets
from carejourney.provisioning import provision
from carejourney.service import Parts, Running, assemble, start, stop
from carejourney.settings import Settings
from carejourney.standing import Standing
from carejourney.subscription import ensure_topics
from carejourney.webhooks.schema import upgrade_webhooks
from events.catalogue import CATALOGUE
from events.event import Fact
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.builders import a_context
from tests.fixtures.system import Surroundings

ODD_YEAR: Final = 2000


class Tally(msgspec.Struct, frozen=True):
    """How many facts were heard of one child, and the last day among them."""

    count: int = 0
    latest: str = ""


def evolve(tally: Tally, fact: Standing) -> Tally:
    """Has a fault on purpose: it cannot take the outcomes of one year."""
    if fact.data.get("year") == ODD_YEAR:
        raise ZeroDivisionError
    return Tally(tally.count + 1, max(tally.latest, fact.effective or ""))


def row(tally: Tally, _: Secrets) -> dict[str, Any]:
    return {"count": tally.count, "latest": tally.latest}


TALLY: Final = sa.Table(
    "tally",
    sa.MetaData(),
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("latest", sa.Text, nullable=False),
)
HANDLES: Final = frozenset({HealthAssessmentHeld.wire, HealthOutcomesReported.wire})
TALLIES: Final = Projection("tally", 1, TALLY, Tally, HANDLES, evolve, row)
OWN_TABLES: Final = (
    "create table tally (subject uuid primary key, state bytea not null, count integer not null, latest text not null)",
    "grant select, insert, update, delete on tally to {role}",
)


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 12) -> None:
    """Wait until a condition holds; the deadline names what was awaited."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Probe:
    """One test's service: its settings, its topic, and ways to look at what it did."""

    name: str
    settings: Settings
    admin_dsn: str
    owner_dsn: str

    @property
    def topic(self) -> str:
        return f"care.{self.name}"

    @property
    def database(self) -> str:
        return self.settings.database_url.get_secret_value()

    def parts(self, **changes: Any) -> Parts:
        made: dict[str, Any] = {
            "name": self.name, "title": self.name, "catalogue": CATALOGUE, "topics": (self.topic,),
            "listens": (self.topic,), "keeps": None, "migrations": Path("none"), "routers": (),
            "projections": (TALLIES,),
        }  # fmt: skip
        return Parts(**{**made, **changes})

    @asynccontextmanager
    async def running(self, *, instance: str | None = None, **changes: Any) -> AsyncIterator[Running]:
        """The whole service, in this process."""
        settings = self.settings.model_copy(update={"instance": instance or uuid4().hex[:8]})
        running = await assemble(self.parts(**changes), settings)
        await start(running)
        try:
            yield running
        finally:
            await stop(running)

    @asynccontextmanager
    async def parts_only(self, **changes: Any) -> AsyncIterator[Running]:
        """Store, keys and projector without anything running: nothing is relayed and nothing heard."""
        running = await assemble(self.parts(**changes), self.settings)
        try:
            yield running
        finally:
            await stop(running)

    def draft(self, subject: UUID, body: Fact, on: str = "2026-05-04") -> Draft:
        return Draft(subject, body, on, self.topic)

    async def caught_up(self, running: Running, seconds: float = 12) -> None:
        """Wait until all that was recorded is in Kafka and in every projection."""
        operations = Operations(running)

        async def done() -> bool:
            state = await operations.lag()
            return state["unapplied"] == 0 and (state["unpublished"] == 0 or not running.parts.topics)

        await until(done, "lag back to zero", seconds)

    async def records(self) -> list[ConsumerRecord]:
        """Everything in the topic, each partition in its order."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, p) for p in range(self.settings.topic_partitions)]
            consumer.assign(partitions)
            found: list[ConsumerRecord] = []
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            left = sum(ends.values()) - sum(begins.values())
            while len(found) < left:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found.extend(batch)
            return found
        finally:
            await consumer.stop()

    async def produce(self, *facts: Recorded, **changes: Any) -> None:
        """Put records into the topic past the store, in this order; `changes` replace key, value or headers."""
        await ensure_topics((self.topic,), self.settings)
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka)
        await producer.start()
        try:
            for fact in facts:
                record = {"key": str(fact.subject).encode(), "value": fact.payload, "headers": fact.kafka_headers()}
                await producer.send_and_wait(self.topic, **{**record, **changes}, partition=0)
        finally:
            await producer.stop()


async def children(running: Running, count: int) -> list[UUID]:
    """New subjects with keys, as the register makes them."""
    subjects = [uuid4() for _ in range(count)]
    await running.keys.of(subjects, create=True)
    return subjects


async def says(running: Running, subject: UUID, *bodies: Fact, on: str = "2026-05-04") -> list[Recorded]:
    """Record facts in one transaction."""
    topic = running.parts.topics[0]
    async with running.store.unit([subject]) as unit:
        return unit.append([Draft(subject, body, on, topic) for body in bodies], a_context(source=running.parts.name))


async def tallies(running: Running) -> dict[UUID, int]:
    return dict(await running.pool.fetch("select subject, count from tally"))


async def parked(running: Running) -> set[tuple[str, UUID]]:
    return {(r["projection"], r["subject"]) for r in await running.pool.fetch("select projection, subject from parked")}


def versions(records: Iterable[ConsumerRecord]) -> dict[str, list[int]]:
    """The versions of each subject in the order of its partition."""
    found: dict[str, list[int]] = {}
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        found.setdefault(headers["ce_subject"], []).append(int(headers["ce_streamversion"]))
    return found


def first_seen(numbers: Sequence[int]) -> list[int]:
    """The numbers without repetitions, in the order of their first coming."""
    return list(dict.fromkeys(numbers))


async def make_probe(surroundings: Surroundings, name: str) -> Probe:
    """A database of its own, with the chassis's tables and one projection."""
    await provision(surroundings.admin_dsn, passwords=lambda role: f"{role}-pw", services=[name])
    owner_dsn = surroundings.dsn(f"{name}_owner", name)
    owner = await asyncpg.connect(owner_dsn)
    try:
        own = (statement.replace("{role}", name) for statement in OWN_TABLES)
        upgrades = (upgrade_v1, upgrade_v2, upgrade_v3, upgrade_v4, upgrade_v5)
        made = (statement for upgrade in upgrades for statement in upgrade(name))
        await owner.execute(";\n".join((*made, *upgrade_webhooks(name), *own)))
    finally:
        await owner.close()
    settings = surroundings.settings(name).model_copy(
        update={"owner_database_url": None, "database_url": SecretStr(surroundings.dsn(name, name)), "pool_size": 4}
    )
    return Probe(name, settings, surroundings.admin_dsn, owner_dsn)
