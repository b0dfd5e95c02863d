"""A PostgreSQL and an Apache Kafka of the benchmarks' own, on loopback, flushing as they do in production."""

import asyncio
import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from carejourney.embedded.kafka import KafkaBroker
from carejourney.embedded.postgres import PostgresServer
from carejourney.embedded.processes import free_port
from carejourney.keys import FileKey, Keys
from carejourney.migrate import migrate
from carejourney.provisioning import provision
from carejourney.service import Parts, connected
from carejourney.settings import Settings
from carejourney.store import Store
from services.journey.app import PARTS as JOURNEY
from services.placement.app import PARTS as PLACEMENT
from tests.bench.measuring import until

SERVICES: Final = ("placement", "planning", "education", "health", "leaving_care", "journey")
PARTITIONS: Final = 12
HEAP: Final = 512


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the databases, the broker and the keys are."""

    folder: Path
    admin_dsn: str
    kafka: str

    def dsn(self, role: str, database: str) -> str:
        """The address of a database for a role; the application's role has its service's name."""
        place = self.admin_dsn.rpartition("@")[2].partition("/")[0]
        return f"postgresql://{role}:{role}-pw@{place}/{database}"

    def owner(self, service: str) -> str:
        return self.dsn(f"{service}_owner", service)

    @property
    def master(self) -> Path:
        return self.folder / "master.key"


@dataclass(frozen=True, slots=True)
class Kit:
    """One service's store over its own database."""

    pool: asyncpg.Pool
    keys: Keys
    wrapper: FileKey
    store: Store

    async def make_keys(self, subjects: Iterable[UUID]) -> None:
        """Keys of children who were just registered."""
        wanted = list(subjects)
        for at in range(0, len(wanted), 5_000):
            await self.keys.of(wanted[at : at + 5_000], create=True)


@contextmanager
def standing_on(base: Path | None = None) -> Iterator[Ground]:
    """Start both, with every service's database migrated; they are stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="carejourney-bench-", dir=base))
    folder.chmod(0o711)
    password = secrets.token_urlsafe(16)
    server = PostgresServer(folder / "pg", port=free_port(), password=password, log=folder / "postgres.log")
    broker = KafkaBroker(folder / "kafka", port=free_port(), controller_port=free_port(), heap=HEAP)
    try:
        server.start()
        broker.start()
        ground = Ground(folder, server.dsn, broker.address)
        ground.master.write_text(base64.b64encode(os.urandom(32)).decode())
        asyncio.run(_prepare(ground))
        yield ground
    finally:
        broker.kill()
        broker.stop()
        server.stop(5)
        shutil.rmtree(folder, ignore_errors=True)


async def _prepare(ground: Ground) -> None:
    await provision(ground.admin_dsn, passwords=lambda role: f"{role}-pw", services=SERVICES)
    for parts in (PLACEMENT, JOURNEY):
        await migrate(parts.name, parts.migrations, ground.owner(parts.name))


@asynccontextmanager
async def kit(ground: Ground, parts: Parts = PLACEMENT, size: int = 4) -> AsyncIterator[Kit]:
    """The store of a service as the application's role sees it."""
    pool = await connected(ground.dsn(parts.name, parts.name), size)
    keys_pool = await connected(ground.dsn(parts.name, "keys"), 1)
    wrapper = FileKey(ground.master)
    keys = Keys(keys_pool, wrapper, remember=200_000)
    try:
        yield Kit(pool, keys, wrapper, Store(pool, keys, parts.catalogue, parts.name))
    finally:
        await pool.close()
        await keys_pool.close()


def settings_of(ground: Ground, service: str, port: int = 8000) -> Settings:
    """What a service of the ground is told."""
    jwks = ground.folder / "jwks.json"
    jwks.write_text('{"keys": []}')
    return Settings(
        environment="development",
        database_url=SecretStr(ground.dsn(service, service)),
        keys_database_url=SecretStr(ground.dsn(service, "keys")),
        key_file=ground.master,
        kafka=ground.kafka,
        jwks_file=jwks,
        topic_replication=1,
        port=port,
    )


async def emptied(ground: Ground, service: str) -> None:
    """Forget what earlier rounds left in a service's database."""
    connection = await asyncpg.connect(ground.owner(service))
    try:
        tables = "stream, fact, command, received, lane, parked, checkpoint, unreadable, timer, relayed, republication"
        own = await connection.fetchval("select to_regclass('children') is not null")
        await connection.execute(f"truncate {tables}{', children' if own else ''}")
        await connection.execute("update relay_mark set transaction_id = '0', position = 0, relayed = 0")
    finally:
        await connection.close()


@asynccontextmanager
async def topics(ground: Ground, *names: str) -> AsyncIterator[None]:
    """Empty topics, with the settings that services give theirs, for as long as they are needed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        await _led(admin, names)
        yield
        await admin.delete_topics(list(names))
        await until(partial(_gone, admin, names), 30, "topics are gone")
    finally:
        await admin.close()


async def _led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """A new topic has its leaders a moment after it was made."""

    async def led() -> bool:
        described: list[dict[str, Any]] = await admin.describe_topics(list(names))
        found = [p for t in described for p in t["partitions"] if p["leader"] >= 0]
        return len(found) == PARTITIONS * len(names)

    await until(led, 30, "every partition has its leader")


async def _gone(admin: AIOKafkaAdminClient, names: Sequence[str]) -> bool:
    left: set[str] = set(names).intersection(await admin.list_topics())
    return not left
