"""What operators ask of a service: is it ready, how far behind is it, and the facts it owns from a version on.

Every question has its time, so that the answer comes while a database hangs or a broker dies: what did not answer is
reported as unknown.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Query, Response, Security

from carejourney import telemetry
from carejourney.access import Caller, caller
from carejourney.checkpoints import Place
from carejourney.errors import Unavailable
from carejourney.openapi import LINES, PUBLISHES, of_lines
from carejourney.store import DATABASE_AWAY

if TYPE_CHECKING:
    from carejourney.service import Running
    from carejourney.starting import Starting

log = structlog.get_logger()

STUCK_SECONDS: Final = 60
HELD_SECONDS: Final = 30
# Readiness asks the database and Kafka at the same time: it answers within two seconds.
PROBE_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 0.4
LAG_SECONDS: Final = 20.0
PENDING_SHOWN: Final = 100_000

Ends = Mapping[TopicPartition, int]
_STARTING: Final = {"ready": False, "database": "starting"}

FULL: Final = asyncpg.DiskFullError.__name__
# About a megabyte of rows, which a disk that is full has no room for.
_ROOM: Final = """
create temporary table room on commit drop as select repeat(md5(n::text), 50) as row from generate_series(1, 640) as n
"""

# The oldest of the pending facts come first in the index, so a long backlog costs no more than its limit.
_STATE: Final = """
select p.waiting + again.waiting as unpublished, p.age, m.relayed, m.again::text as again,
    current_setting('transaction_read_only') = 'on' as read_only,
    pg_snapshot_xmin(pg_current_snapshot())::text as oldest, pg_snapshot_xmax(pg_current_snapshot())::text as newest,
    (select coalesce(extract(epoch from now() - min(due_at)), 0)::float8 from timer where due_at < now()) as timer_age,
    array(select row(topic, partition, next_offset) from checkpoint) as checkpoints,
    (select count(*) from unreadable) as unreadable,
    array(select row(topic, partition, first_offset, until_offset) from damage order by 1 limit 20) as damaged,
    array(select row(projection, count(*)) from parked group by projection) as parked,
    array(select row(topic, reason) from republication where ended_at is null order by topic) as republishing
from relay_mark m, lateral (
    select count(*) as waiting, coalesce(extract(epoch from now() - min(recorded_at)), 0)::float8 as age from (
        select f.recorded_at from fact f where (f.transaction_id, f.position) > (m.transaction_id, m.position)
        order by f.transaction_id, f.position limit $1
    ) as oldest
) as p, lateral (
    select count(*) as waiting from (
        select from jsonb_each(m.again) a, fact f where f.topic = a.key
        and (f.transaction_id, f.position) > ((a.value ->> 0)::xid8, (a.value ->> 1)::bigint)
        and (f.transaction_id, f.position) <= (m.transaction_id, m.position) limit $1
    ) as left_over
) as again
"""


class Books:
    """The service's database, asked over a connection of its own: a full pool or a hung query does not delay it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._asked = asyncio.Lock()

    async def state(self, seconds: float, limit: int | None = None) -> asyncpg.Record:
        """What is unpublished (counted up to `limit`), parked and unreadable.

        Raises TimeoutError where no answer comes within `seconds`, and what `DATABASE_AWAY` names.
        """
        async with self._connected(seconds) as connection:
            return await connection.fetchrow(_STATE, limit)

    async def has_room(self, seconds: float) -> bool:
        """Whether the database can still write a megabyte: it is tried, and not kept. Raises as `state` does."""
        try:
            async with self._connected(seconds) as connection:
                await connection.execute(_ROOM)
        except asyncpg.DiskFullError:
            return False
        return True

    @asynccontextmanager
    async def _connected(self, seconds: float) -> AsyncIterator[asyncpg.Connection]:
        async with asyncio.timeout(seconds), self._asked:
            answered = False
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._dsn, timeout=seconds)
                yield self._connection
                answered = True
            finally:
                if not answered:
                    self.close()

    def close(self) -> None:
        """Let the connection go without a word: the other side may not listen."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@dataclass(slots=True)
class Stall:
    """For how long something has been behind and not moved, seen as often as one looks."""

    mark: object = None
    since: float | None = None

    def seconds(self, mark: object, *, behind: bool) -> float:
        """Look again: `mark` is how far it has come."""
        now = time.monotonic()
        if not behind:
            self.since = None
        elif self.since is None or mark != self.mark:
            self.since = now
        self.mark = mark
        return 0.0 if self.since is None else now - self.since


@dataclass
class Operations:
    """The state of a running service, as its operators see it."""

    running: "Running | None" = None
    starting: "Starting | None" = None
    relayed: Stall = field(default_factory=Stall)
    applied: Stall = field(default_factory=Stall)
    held: Stall = field(default_factory=Stall)
    behind: dict[Place, Stall] = field(default_factory=dict)
    full: bool = False

    def _known(self) -> "Running":
        if self.running is None:
            raise Unavailable("the service is starting")
        return self.running

    def is_starting(self) -> bool:
        """Whether the service is not put together yet, since its database is away."""
        return self.starting is not None and not self.starting.over

    def faults(self) -> Mapping[str, str]:
        """Kind and place of the bugs that ended background work, by its name."""
        return self.running.background.faults if self.running else {}

    def unable(self, error: BaseException) -> None:
        """Hear of what a database could not do: of a full disk is told until there is room again."""
        if isinstance(error, asyncpg.DiskFullError) and not self.full:
            self.full = True
            log.error("database.full", service=self.running.parts.name if self.running else None)

    async def readiness(self) -> dict[str, Any]:
        """Ready: the database answers, no bug ended the background work, nothing is stuck though Kafka answers.

        Kafka may be away: commands are taken all the same. Answers within two seconds.
        """
        if self.running is None:
            fault = self.starting.fault if self.starting else None
            return {"ready": False, "database": "away", "fault": fault} if fault else _STARTING
        (database, row), (kafka, ends) = await asyncio.gather(self._database(), self._kafka())
        waiting = self._waiting(row, ends)
        lag = self._lag(row, waiting) if row else {}
        relay = self._relay_state(kafka, row)
        projector = self._projector_state(kafka, None if waiting is None else sum(waiting.values()))
        works = {
            "database": database == "up",
            "kafka": kafka == "up",
            "relay": relay in {"moving", "standby", "not_needed"},
            "projector": projector == "moving",
        }
        for part, well in works.items():
            telemetry.PART_WORKS.labels(self.running.parts.name, part).set(well)
        ready = database == "up" and not self.faults() and relay != "held" and projector != "stuck"
        return {
            "ready": ready, "database": database, "kafka": kafka, "relay": relay, "projector": projector,
            "faults": dict(self.faults()), "lost": self.running.projector.progress.lost,
            "unheld": self.running.relay.unheld if self.running.relay else [], **lag,
        }  # fmt: skip

    async def _database(self) -> tuple[str, asyncpg.Record | None]:
        try:
            row = await self._known().books.state(PROBE_SECONDS, PENDING_SHOWN)
        except TimeoutError:
            return "unknown", None
        except DATABASE_AWAY:
            return "away", None
        if row["read_only"]:
            return "read-only", row
        return "full" if await self._is_full() else "up", row

    async def _is_full(self) -> bool:
        """Whether a write has failed for want of room, and would still fail; it is tried only after one has."""
        running = self._known()
        faults = {running.projector.progress.fault, running.relay.fault if running.relay else None}
        self.full = self.full or FULL in faults
        if self.full:
            try:
                self.full = not await running.books.has_room(PROBE_SECONDS)
            except DATABASE_AWAY:
                return True
        return self.full

    async def _kafka(self) -> tuple[str, Ends | None]:
        """Whether Kafka answers, and where the logs end that the service hears (None: unknown)."""
        projector = self._known().projector
        consumer, assigned = projector.consumer, projector.progress.assigned
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                if consumer is not None and assigned:
                    return "up", await consumer.end_offsets(_heard(consumer, self._known().parts.listens))
                if consumer is not None:
                    await consumer.topics()
                    return "up", None
        except (KafkaError, OSError):
            consumer = None
        return "unknown" if await _takes_connections(self._known().settings.kafka) else "away", None

    def _waiting(self, row: asyncpg.Record | None, ends: Ends | None) -> dict[Place, int] | None:
        """Records not applied yet, also those of partitions that nobody owns just now; None where that is not known."""
        if ends is None:
            return None
        reached = {(topic, n): offset for topic, n, offset in row["checkpoints"]} if row else {}
        owned = self._known().projector.checkpoints.owned
        reached |= {place: one.next_offset for place, one in owned.items()}
        waiting = {(tp.topic, tp.partition): end for tp, end in ends.items() if row or tp in owned}
        return {place: max(0, end - reached.get(place, 0)) for place, end in waiting.items()}

    def _oldest(self, waiting: Mapping[Place, int]) -> float:
        """The age in seconds of the oldest record not applied; the gauges of each partition of ours are set."""
        running = self._known()
        progress, now = running.projector.progress, time.time()
        oldest = 0.0
        for place, left in waiting.items():
            seconds = self.behind.setdefault(place, Stall()).seconds(None, behind=left > 0)
            if left and place in progress.in_hand:
                seconds = max(seconds, now - progress.in_hand[place] / 1_000)
            oldest = max(oldest, seconds)
            if place in progress.assigned:
                labels = (running.parts.name, place[0], str(place[1]))
                telemetry.LAG.labels(*labels).set(left)
                telemetry.LAG_SECONDS.labels(*labels).set(seconds)
        return oldest

    def _relay_state(self, kafka: str, row: asyncpg.Record | None) -> str:
        running = self._known()
        if not running.parts.topics:
            return "not_needed"
        if "relay" in self.faults():
            return "ended"
        relay = running.relay
        leading = relay is not None and relay.leading and relay.fault is None and kafka == "up"
        behind = leading and row is not None and row["unpublished"] > 0
        stalled = self.relayed.seconds((row["relayed"], row["again"]) if row else None, behind=behind)
        if stalled > HELD_SECONDS:
            return "held"
        if relay is None or relay.fault or kafka != "up":
            return "waiting"
        return "moving" if leading else "standby"

    def _projector_state(self, kafka: str, unapplied: int | None) -> str:
        if "subscription" in self.faults():
            return "ended"
        progress = self._known().projector.progress
        if self.applied.seconds(progress.moved_at, behind=kafka == "up" and bool(unapplied)) > STUCK_SECONDS:
            return "stuck"
        return "waiting" if progress.fault or unapplied is None else "moving"

    async def lag(self) -> dict[str, Any]:
        """Facts not yet published, records not yet applied (None: unknown), and parked lanes.

        Raises `Unavailable` where the database does not answer.
        """
        try:
            # The log's ends afterwards: what is published by then is in them, so nothing is in neither.
            row = await self._known().books.state(LAG_SECONDS)
            _, ends = await self._kafka()
        except DATABASE_AWAY as error:
            raise Unavailable("the database does not answer") from error
        return self._lag(row, self._waiting(row, ends))

    def _lag(self, row: asyncpg.Record, unapplied: Mapping[Place, int] | None) -> dict[str, Any]:
        running = self._known()
        waiting = dict(row["parked"])
        telemetry.RELAY_AGE.labels(running.parts.name).set(row["age"])
        telemetry.PARKED.labels(running.parts.name).set(sum(waiting.values()))
        telemetry.TIMER_AGE.labels(running.parts.name).set(row["timer_age"])
        held = self.held.seconds(row["oldest"], behind=row["oldest"] != row["newest"])
        telemetry.HELD_BACK.labels(running.parts.name).set(held)
        return {
            "unpublished": row["unpublished"],
            "relay_seconds": row["age"],
            "unapplied": None if unapplied is None else sum(unapplied.values()),
            "unapplied_seconds": 0.0 if unapplied is None else self._oldest(unapplied),
            "partitions": _by_partition(unapplied),
            "parked": waiting,
            "unreadable": row["unreadable"],
            "damaged": sorted(f"{topic}/{n} from {first} to {until}" for topic, n, first, until in row["damaged"]),
            "republishing": dict(row["republishing"]),
        }

    async def facts_after(self, subject: UUID, topic: str, after: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._known().pool.fetch(
            "select headers, payload from fact where subject = $1 and topic = $2 and topic_version > $3"
            " order by topic_version limit 1000",
            subject, topic, after,
        )  # fmt: skip
        return rows


def _heard(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, n) for topic in topics for n in sorted(consumer.partitions_for_topic(topic) or ())]


def _by_partition(waiting: Mapping[Place, int] | None) -> dict[str, int]:
    """Records not applied yet by `topic/partition`, where there are any."""
    return {f"{topic}/{n}": left for (topic, n), left in sorted((waiting or {}).items()) if left}


async def _takes_connections(kafka: str) -> bool:
    """Whether any of the brokers takes a connection: then it is there, and only slow or not asked yet."""
    with suppress(OSError):
        async with asyncio.timeout(CONNECT_SECONDS):
            for host, port, _ in collect_hosts(kafka):
                with suppress(ConnectionError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    return True
    return False


FACTS_EXAMPLE: Final = {"headers": {"ce_type": "education.school_changed"}, "value": {"reason": "placement_move"}}

_PUBLISHES: Final = {
    PUBLISHES: {
        "description": "`true` where this service publishes on the topic: what it does not have was never recorded.",
        "schema": {"type": "string", "enum": ["true", "false"]},
        "example": "true",
    }
}


def operations_router(operations: Operations) -> APIRouter:
    """Routes every service has."""
    router = APIRouter(tags=["operations"])

    @router.get("/operations/lag", summary="Facts recorded here or elsewhere that are not in every projection yet.")
    async def lag(_: Annotated[Caller, Security(caller, scopes=("operations",))]) -> dict[str, Any]:
        state = await operations.lag()
        names = [p.name for p in operations._known().parts.projections]  # noqa: SLF001
        return {**state, "projections": names}

    @router.get(
        "/facts/{subject}",
        summary="The facts this service owns about a subject, after a version; one object a line.",
        response_class=Response,
        responses={200: {"content": of_lines(FACTS_EXAMPLE), "headers": _PUBLISHES}},
    )
    async def facts(
        subject: UUID,
        topic: str,
        _: Annotated[Caller, Security(caller, scopes=("service",))],
        after: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        rows = await operations.facts_after(subject, topic, after)
        lines = b"".join(b'{"headers":' + r["headers"] + b',"value":' + r["payload"] + b"}\n" for r in rows)
        publishes = topic in operations._known().parts.topics  # noqa: SLF001
        return Response(lines, media_type=LINES, headers={PUBLISHES: str(publishes).lower()})

    return router
