"""Stretches of a log that nobody can read: how far one reaches, and that the owner of its facts is told of it.

Whoever comes upon one goes past it and notes it down. Its facts are lost from the log, not from their store: the owner
publishes the topic again, once for each stretch, however many tell of it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import asyncpg
import httpx
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, RecordTooLargeError, UnsupportedCodecError
from fastapi import APIRouter, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from carejourney import republish
from carejourney.access import Caller, caller
from carejourney.errors import NotFound
from carejourney.faults import is_transient
from carejourney.openapi import problems

if TYPE_CHECKING:
    from carejourney.healing import Credential

log = structlog.get_logger()

# What a client raises for bytes that are no records, or none that it can open.
DAMAGE: Final = (CorruptRecordException, RecordTooLargeError, UnsupportedCodecError)
ROUND_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 30.0
SHOWN: Final = 20

_NOTE: Final = """
insert into damage (topic, partition, until_offset, first_offset, found_by, told_at)
values ($1, $2, $3, $4, $5, case when $6 then now() end) on conflict do nothing
"""
_UNTOLD: Final = """
select topic, partition, first_offset, until_offset from damage where told_at is null
order by topic, partition, until_offset limit 100
"""
_TOLD: Final = "update damage set told_at = now() where topic = $1 and partition = $2 and until_offset = $3"

Stretch = tuple[str, int, int, int]


async def readable_from(consumer: AIOKafkaConsumer, tp: TopicPartition, damaged: int, end: int, wait: int) -> int:
    """The first offset behind a damaged one that can be read, or `end` where none is; the consumer's place moves."""
    step = 1
    while damaged + step < end and not await opens(consumer, tp, damaged + step, wait):
        damaged, step = damaged + step, step * 2
    readable = min(damaged + step, end)
    while readable - damaged > 1:
        middle = (damaged + readable) // 2
        if await opens(consumer, tp, middle, wait):
            readable = middle
        else:
            damaged = middle
    return readable


async def opens(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, wait: int) -> bool:
    """Whether a record can be read there; one that does not come within `wait` milliseconds cannot."""
    consumer.seek(tp, offset)
    try:
        return bool(await consumer.getmany(tp, timeout_ms=wait, max_records=1))
    except DAMAGE:
        return False


def reason_of(first: int, until: int) -> str:
    """What operators are told of a stretch."""
    return f"damaged: from offset {first} on nothing can be read before offset {until}"


async def note(connection: asyncpg.Connection, stretch: Stretch, found_by: str, *, told: bool = False) -> None:
    """Keep a stretch (topic, partition, first offset, offset behind it); `told` where its owner knows already."""
    topic, partition, first, until = stretch
    await connection.execute(_NOTE, topic, partition, until, first, found_by, told)


class Damages:
    """Tells owners of damaged stretches; where the facts are our own, has them published again."""

    def __init__(
        self, pool: asyncpg.Pool, service: str, topics: Sequence[str], owners: Mapping[str, str],
        credential: "Credential | None", asked: Callable[[], None],
    ) -> None:  # fmt: skip
        self._pool = pool
        self._service = service
        self._topics = frozenset(topics)
        self._owners = owners
        self._credential = credential
        self._asked = asked

    async def run(self) -> None:
        """Tell for ever; waits out what is away. What else is raised is a bug: it is let through, and seen."""
        async with httpx.AsyncClient(timeout=httpx.Timeout(10, connect=2)) as client:
            while True:
                left = 0
                try:
                    left = await self.round(client)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("damage.waiting", service=self._service, fault=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS if left else ROUND_SECONDS)

    async def round(self, client: httpx.AsyncClient) -> int:
        """Tell of every stretch that nobody was told of; how many are left untold."""
        rows = [tuple(row) for row in await self._pool.fetch(_UNTOLD)]
        own = [row for row in rows if row[0] in self._topics]
        if own:
            await self._publish(own)
        others = [row for row in rows if row[0] not in self._topics]
        left = [row for row in others if not await self._tell(client, row)]
        if left:
            places = sorted({f"{topic}/{partition}" for topic, partition, *_ in left})
            log.error("damage.untold", service=self._service, partitions=places)
        return len(left)

    async def _publish(self, stretches: Sequence[Stretch]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for topic in sorted({topic for topic, *_ in stretches}):
                reasons = (f"partition {p} {reason_of(f, u)}" for name, p, f, u in stretches if name == topic)
                await republish.ask(connection, [topic], republish.BY_RELAY, "; ".join(reasons))
            await connection.executemany(_TOLD, [(topic, p, until) for topic, p, _, until in stretches])
        self._asked()

    async def _tell(self, client: httpx.AsyncClient, stretch: Stretch) -> bool:
        """Whether the service that publishes on the topic has taken note; the others answer that they do not."""
        topic, partition, first, until = stretch
        token = self._credential.token() if self._credential else None
        body = {"topic": topic, "partition": partition, "first": first, "until": until}
        for address in self._owners.values() if token else ():
            try:
                answer = await client.post(
                    f"{address.rstrip('/')}/operations/damage", json=body, headers={"authorization": f"Bearer {token}"}
                )
            except (httpx.HTTPError, httpx.InvalidURL):
                continue
            if answer.is_success:
                await self._pool.execute(_TOLD, topic, partition, until)
                return True
        return False


class Damage(BaseModel):
    """A stretch of a partition that nobody can read: from `first` on, and before `until`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"topic": "care.health", "partition": 3, "first": 1204, "until": 1210}]},
    )

    topic: Annotated[str, Field(max_length=200)]
    partition: Annotated[int, Field(ge=0, le=2**31 - 1)]
    first: Annotated[int, Field(ge=0, le=2**63 - 1)]
    until: Annotated[int, Field(ge=0, le=2**63 - 1)]


def damage_router(topics: Sequence[str]) -> APIRouter:
    """The route by which others tell of a log that they cannot read; `topics` are the service's own."""
    router = APIRouter(tags=["operations"])

    @router.post(
        "/operations/damage",
        status_code=202,
        summary="Take note of a stretch of a log that cannot be read: its facts are published again.",
        responses=problems(NotFound),
    )
    async def damaged(
        told: Damage, request: Request, who: Annotated[Caller, Security(caller, scopes=("service",))]
    ) -> dict[str, Any]:
        if told.topic not in topics:
            raise NotFound(f"this service does not publish on {told.topic}")
        async with request.app.state.running.pool.acquire() as connection:
            await note(connection, (told.topic, told.partition, told.first, told.until), who.actor)
        return told.model_dump()

    return router
