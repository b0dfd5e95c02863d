"""A small installation to be hurt: PostgreSQL, Kafka and service processes, with bad networks between them."""

import asyncio
import importlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from carejourney.access import ROLES, mint, write_development_issuer
from carejourney.embedded.kafka import KafkaBroker
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.postgres import PostgresServer
from carejourney.embedded.processes import ProcessMark, free_port
from carejourney.embedded.secret_files import ensure_master_key
from carejourney.provisioning import provision
from carejourney.service import Parts
from tests.faults.brokers import Cluster, proxied
from tests.faults.nursery import Nursery
from tests.faults.proxy import Proxy
from tests.faults.replica import Replica
from tests.faults.waiting import ended, until

# Those that run, and all that an installation has: the others have a database and nothing in it.
SERVICES: Final = ("placement", "health", "leaving_care")
ALL_SERVICES: Final = ("placement", "planning", "education", "health", "leaving_care", "journey")
PARTITIONS: Final = 4
# Shorter than in production, so that what a dead session holds is free within a case.
ABANDONED: Final = "4s"
MIGRATE: Final = "carejourney.cli.provisioning:migrate_service"
_PASSWORD: Final = "throw-away"


class World:
    """Everything of one installation. Each service has replica 0; a case may start others."""

    def __init__(
        self, services: tuple[str, ...] = SERVICES, cluster: Cluster | None = None, *, durable: bool = False
    ) -> None:
        self.services = services
        self.cluster = cluster
        self.folder = Path(tempfile.mkdtemp(prefix="carejourney-faults-"))
        # The account PostgreSQL runs as has to reach its data folder.
        self.folder.chmod(0o711)
        self.nursery = Nursery(self.folder)
        self.password = _PASSWORD
        self.postgres = self._server(free_port(), durable=durable)
        advertised = free_port()
        self.broker: KafkaBroker = proxied(self.folder / "kafka", advertised)
        self.kafka = Proxy(self.broker.port, advertised)
        self.bootstrap = cluster.address if cluster else f"{LOOPBACK}:{advertised}"
        self.replication = 3 if cluster else 1
        self.replicas: dict[tuple[str, int], Replica] = {}
        # Records put into Kafka past every store, by topic, partition and offset; subjects known only from such
        # records; and by service, how many records less than it took in now lie before its checkpoints.
        self.planted: set[tuple[str, int, int]] = set()
        self.strangers: set[UUID] = set()
        self.gone: dict[str, int] = {}
        self.numbers = count(1)

    @property
    def key_file(self) -> Path:
        return self.folder / "master.key"

    def parts(self, service: str) -> Parts:
        found: Parts = importlib.import_module(f"services.{service}.app").PARTS
        return found

    def token(self, *roles: str, authorities: Sequence[str] = ("*",)) -> str:
        return mint(self.folder / "issuer.json", "tester", roles or tuple(ROLES), authorities)

    def dsn(self, role: str, database: str, port: int | None = None) -> str:
        return f"postgresql://{role}:{role}-pw@{LOOPBACK}:{port or self.postgres.port}/{database}"

    @asynccontextmanager
    async def admin(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection, past every proxy."""
        dsn = self.postgres.dsn.rpartition("/")[0]
        connection = await asyncpg.connect(f"{dsn}/{database}", timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    async def make(self) -> None:
        """Start the database and the broker, provision, and start replica 0 of each service."""
        write_development_issuer(self.folder / "issuer.json", self.folder / "jwks.json")
        ensure_master_key(self.key_file)
        kafka = self.cluster or self.broker
        await asyncio.gather(asyncio.to_thread(self.postgres.start), asyncio.to_thread(kafka.start))
        await self.kafka.start()
        await provision(self.postgres.dsn, passwords=lambda role: f"{role}-pw", services=ALL_SERVICES)
        async with self.admin("postgres") as admin:
            for service in self.services:
                await admin.execute(f"alter role {service} set idle_in_transaction_session_timeout = '{ABANDONED}'")
        for service in self.services:
            (await self.replica(service)).start()
        idle = [service for service in ALL_SERVICES if service not in self.services]
        await asyncio.gather(*map(self._migrate, idle), *(one.ready() for one in self.replicas.values()))

    async def _migrate(self, service: str) -> None:
        environment = self.environment(service, 0, self.postgres.port)
        process = self.nursery.fork(service, environment, self.folder / "migrate.log", MIGRATE)
        await ended(f"the migration of {service}", 80, lambda: process.poll() is None)
        assert process.poll() == 0

    def _server(self, port: int, *, durable: bool) -> PostgresServer:
        log = self.folder / "postgres.log"
        return PostgresServer(self.folder / "postgres", port=port, password=_PASSWORD, log=log, durable=durable)

    @asynccontextmanager
    async def durable(self) -> AsyncIterator[None]:
        """The database waits for its disk with each commit, as in production, for as long as the block lasts."""
        for durable in (True, False):
            await asyncio.to_thread(self.postgres.stop)
            self.postgres = self._server(self.postgres.port, durable=durable)
            await asyncio.to_thread(self.postgres.start)
            if durable:
                yield

    async def close(self) -> None:
        """End every process, and forget everything."""
        for replica in self.replicas.values():
            replica.signal(signal.SIGCONT)
            await replica.kill()
            await replica.http.aclose()
            await replica.postgres.stop()
        self.nursery.close()
        await self.kafka.stop()
        await asyncio.to_thread(self.cluster.stop if self.cluster else self.broker.kill)
        await asyncio.to_thread(self.postgres.kill)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def replica(self, service: str, number: int = 0) -> Replica:
        """A replica by its stable name, made where it is new; it is not started."""
        known = self.replicas.get((service, number))
        if known is None:
            proxy = Proxy(self.postgres.port)
            await proxy.start()
            log = self.folder / f"{service}-{number}.log"
            known = Replica(service, number, self.environment(service, number, proxy.port), log, proxy, self.nursery)
            self.replicas[service, number] = known
        return known

    async def restarted(self, service: str, crash_at: str | None = None, **changes: str) -> Replica:
        """Replica 0, stopped and started again; ready unless it is to die at a named point."""
        replica = await self.replica(service)
        await replica.stop()
        replica.start(crash_at, **changes)
        if crash_at is None:
            await replica.ready()
        return replica

    async def answers(self, replica: Replica, seconds: float = 80) -> None:
        """Wait until a replica takes requests, ready or not."""

        async def speaks() -> bool:
            return bool(await replica.state())

        await until(speaks, f"{replica.service} answering", seconds)

    async def second(self, service: str = "health") -> Replica:
        """Another replica of a service, started; not waited for."""
        replica = await self.replica(service, 1)
        replica.start()
        return replica

    async def assignments(self, service: str = "health") -> int:
        """How often the partitions of a service were given to somebody: the highest epoch."""
        async with self.admin(service) as admin:
            found: int = await admin.fetchval("select coalesce(max(epoch), 0) from checkpoint")
        return found

    async def waiting(self, database: str) -> int:
        """How many sessions of a database wait for a lock."""
        async with self.admin(database) as admin:
            found: int = await admin.fetchval(
                "select count(*) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'", database
            )
        return found

    async def count_anew(self) -> None:
        """Take the records that a log has lost out of the books: what each service took in, less what it passed."""
        for service in self.services:
            async with self.admin(service) as admin:
                self.gone[service] = await admin.fetchval("select sum(applied) - sum(next_offset) from checkpoint")

    async def heal(self) -> None:
        """Undo every fault: good networks, living servers, replica 0 of each service and no other."""
        for proxy in self.proxies():
            proxy.heal()
        if not self.postgres.alive():
            await asyncio.to_thread(self.postgres.start)
        if not self.cluster and not self.broker.alive():
            await asyncio.to_thread(self.broker.start)
        for process in (*self._postgres_processes(), self.broker.mark()):
            if process is not None:
                process.send(signal.SIGCONT)
        for (_, number), replica in self.replicas.items():
            replica.signal(signal.SIGCONT)
            if number and replica.alive():
                await replica.stop()
            elif not number and not replica.alive():
                replica.start()

    def proxies(self) -> Iterator[Proxy]:
        yield self.kafka
        for replica in self.replicas.values():
            yield replica.postgres

    def freeze_postgres(self) -> None:
        """Stop every process of the database server where it is."""
        for process in self._postgres_processes():
            process.send(signal.SIGSTOP)

    def _postgres_processes(self) -> list[ProcessMark]:
        root = self.postgres.mark()
        if root is None:
            return []
        children = Path(f"/proc/{root.pid}/task/{root.pid}/children").read_text().split()
        marks = (ProcessMark.of(int(number)) for number in children)
        return [root, *(mark for mark in marks if mark is not None)]

    def environment(self, service: str, number: int, port: int) -> dict[str, str]:
        """What a service is told, in place of which part of the database's network it has."""
        return {
            "CAREJOURNEY_ENVIRONMENT": "development",
            "CAREJOURNEY_DATABASE_URL": self.dsn(service, service, port),
            "CAREJOURNEY_OWNER_DATABASE_URL": self.dsn(f"{service}_owner", service, port),
            "CAREJOURNEY_KEYS_DATABASE_URL": self.dsn(service, "keys", port),
            "CAREJOURNEY_KEY_FILE": str(self.key_file),
            "CAREJOURNEY_KAFKA": self.bootstrap,
            "CAREJOURNEY_JWKS_FILE": str(self.folder / "jwks.json"),
            "CAREJOURNEY_TOPIC_REPLICATION": str(self.replication),
            "CAREJOURNEY_TOPIC_PARTITIONS": str(PARTITIONS),
            "CAREJOURNEY_INSTANCE": str(number),
        }
