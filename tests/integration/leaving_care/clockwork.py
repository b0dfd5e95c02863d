"""Leaving care on a clock of its own: with a database and topics that no other test's services look at."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from carejourney.envelope import Context, Draft, Recorded, headers_of, instant
from carejourney.ids import new_id
from carejourney.keys import Keys, seal_fields
from carejourney.provisioning import provision
from carejourney.reactions import Outcome, Situation
from carejourney.service import Parts, Running, build
from carejourney.settings import Settings
from events.correction import FactCorrected
from events.event import Fact
from events.placement import ChildDetailsRecorded, ChildEnteredCare
from services.leaving_care.app import PARTS
from services.leaving_care.birthdays import BIRTHDAY_REACTION, decide
from tests.fixtures.system import AUTHORITY, Surroundings

DATABASE = "leaving_care_clock"
PLACEMENT, OWN = "clock.placement", "clock.leaving-care"

T = TypeVar("T")


async def eventually(awaited: str, look: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """The first answer that is not empty, within a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {awaited}")
        await asyncio.sleep(0.05)
    return found


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def set(self, day: str) -> None:
        self.now = datetime.fromisoformat(f"{day}T12:00:00+00:00")


def _privately(situation: Situation) -> Outcome:
    outcome = decide(situation)
    return replace(outcome, drafts=[replace(draft, topic=OWN) for draft in outcome.drafts])


def parts(clock: Clock) -> Parts:
    reaction = replace(BIRTHDAY_REACTION, decide=_privately)
    return replace(
        PARTS, name=DATABASE, topics=(OWN,), listens=(PLACEMENT, OWN), reactions=(reaction,), clock=clock
    )  # fmt: skip


@dataclass
class Clockwork:
    """The service's surroundings; it may be started, stopped and started again, also twice at once."""

    surroundings: Surroundings
    clock: Clock
    producer: AIOKafkaProducer
    database: asyncpg.Pool

    def settings(self, instance: str) -> Settings:
        settings = self.surroundings.settings("leaving_care")
        changes = {
            "instance": instance,
            "database_url": SecretStr(self.surroundings.dsn("leaving_care", DATABASE)),
            "owner_database_url": SecretStr(self.surroundings.dsn(f"{DATABASE}_owner", DATABASE)),
        }
        return settings.model_copy(update=changes)

    @asynccontextmanager
    async def running(self, instance: str = "0") -> AsyncIterator[Running]:
        app = build(parts(self.clock), self.settings(instance))
        async with app.router.lifespan_context(app):
            yield app.state.running

    async def turned(self, child: UUID) -> list[tuple[str, str | None]]:
        """All that was ever recorded of a child: type and effective day, in order."""
        rows = await self.database.fetch("select headers from fact where subject = $1 order by version", child)
        headers = [msgspec.json.decode(row["headers"]) for row in rows]
        return [(one["ce_type"].partition(".")[2], one.get("ce_effectivefrom")) for one in headers]

    async def waits(self, child: UUID) -> datetime | None:
        """The moment of the child's timer."""
        moment: datetime | None = await self.database.fetchval("select due_at from timer where subject = $1", child)
        return moment

    async def heard(self) -> int:
        """How many records of the placement topic have been applied."""
        return int(await self.database.fetchval("select sum(next_offset) from checkpoint where topic = $1", PLACEMENT))


@dataclass
class Child:
    """A child whom the register knows, and what placement has published of it."""

    clockwork: Clockwork
    subject: UUID = field(default_factory=new_id)
    published: list[Recorded] = field(default_factory=list)

    async def is_registered(self, running: Running) -> "Child":
        await running.keys.of([self.subject], create=True)
        return self

    async def publishes(self, keys: Keys, body: Fact, on: str | None = None) -> str:
        """Publish one fact as placement would; its id."""
        draft = Draft(self.subject, body, on, PLACEMENT)
        context = Context("placement", AUTHORITY, "tester", "import", "import", str(self.subject))
        headers = headers_of(draft, context, time=instant(datetime.now(UTC)), stream_version=len(self.published) + 1)
        data: dict[str, Any] = body.model_dump(mode="json")
        key = (await keys.of([self.subject]))[self.subject]
        personal = data["replacement"] if isinstance(body, FactCorrected) else data
        seal_fields(personal, ChildDetailsRecorded.personal_fields(), key)
        fact = Recorded(headers, msgspec.json.encode(data), PLACEMENT)
        self.published.append(fact)
        await self.is_delivered([fact])
        return fact.id

    async def is_delivered(self, facts: Sequence[Recorded]) -> None:
        """Send facts, for the first time or again."""
        for fact in facts:
            await self.clockwork.producer.send_and_wait(
                PLACEMENT, fact.payload, key=str(self.subject).encode(), headers=fact.kafka_headers()
            )

    async def enters_care(self, running: Running, born: date, entered: str = "2022-05-01") -> str:
        """Publish the child's details and its entry into care; the id of the details."""
        details = await self.publishes(running.keys, ChildDetailsRecorded(sex="F", date_of_birth=born))
        await self.publishes(running.keys, ChildEnteredCare(legal_status="C2", category_of_need="N1"), entered)
        return details


@asynccontextmanager
async def clockwork(surroundings: Surroundings) -> AsyncIterator[Clockwork]:
    """A database of its own on the run's server, owned and used by the roles the migrations expect."""
    await provision(surroundings.admin_dsn, passwords=lambda role: f"{role}-pw", services=[DATABASE])
    admin = await asyncpg.connect(surroundings.admin_dsn)
    await admin.execute(f"grant connect on database {DATABASE} to leaving_care")
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=surroundings.kafka)
    await producer.start()
    pool = await asyncpg.create_pool(surroundings.dsn(f"{DATABASE}_owner", DATABASE), min_size=1, max_size=2)
    try:
        yield Clockwork(surroundings, Clock(datetime(2024, 1, 1, 12, tzinfo=UTC)), producer, pool)
    finally:
        await pool.close()
        await producer.stop()
