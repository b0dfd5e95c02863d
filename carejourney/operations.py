"""What operators ask of a service: is it ready, how far behind is it, and the facts it owns from a version on.

Every question has its time, so that the answer comes while a database hangs or a broker dies: what did not answer is
reported as unknown.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, Query, Response

from carejourney import telemetry
from carejourney.access import Caller, caller
from carejourney.errors import Unavailable
from carejourney.openapi import LINES, of_lines
from carejourney.store import DATABASE_AWAY

if TYPE_CHECKING:
    from carejourney.service import Running

STUCK_SECONDS: Final = 60
HELD_SECONDS: Final = 30
# Readiness asks the database and Kafka at the same time: it answers within two seconds.
PROBE_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 0.4
LAG_SECONDS: Final = 20.0
PENDING_SHOWN: Final = 100_000

# The oldest of the pending facts come first in the index, so a long backlog costs no more than its limit.
_STATE: Final = """
select p.unpublished, p.age, m.relayed, (select count(*) from unreadable) as unreadable,
    array(select row(projection, count(*)) from parked group by projection) as parked
from relay_mark m, lateral (
    select count(*) as unpublished, coalesce(extract(epoch from now() - min(recorded_at)), 0)::float8 as age from (
        select f.recorded_at from fact f where (f.transaction_id, f.position) > (m.transaction_id, m.position)
        order by f.transaction_id, f.position limit $1
    ) as oldest
) as p
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
        async with asyncio.timeout(seconds), self._asked:
            answered = False
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._dsn, timeout=seconds)
                found = await self._connection.fetchrow(_STATE, limit)
                answered = True
                return found
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
    relayed: Stall = field(default_factory=Stall)
    applied: Stall = field(default_factory=Stall)

    def _known(self) -> "Running":
        if self.running is None:
            raise Unavailable("the service is starting")
        return self.running

    def faults(self) -> Mapping[str, str]:
        """Kind and place of the bugs that ended background work, by its name."""
        return self.running.background.faults if self.running else {}

    async def readiness(self) -> dict[str, Any]:
        """Ready: the database answers, no bug ended the background work, nothing is stuck though Kafka answers.

        Kafka may be away: commands are taken all the same. Answers within two seconds.
        """
        if self.running is None:
            return {"ready": False, "database": "starting"}
        (database, row), (kafka, unapplied) = await asyncio.gather(self._database(), self._kafka())
        lag = self._lag(row, unapplied) if row else {}
        relay, projector = self._relay_state(kafka, row), self._projector_state(kafka, unapplied)
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
            "faults": dict(self.faults()), "lost": self.running.projector.progress.lost, **lag,
        }  # fmt: skip

    async def _database(self) -> tuple[str, asyncpg.Record | None]:
        try:
            return "up", await self._known().books.state(PROBE_SECONDS, PENDING_SHOWN)
        except TimeoutError:
            return "unknown", None
        except DATABASE_AWAY:
            return "away", None

    async def _kafka(self) -> tuple[str, int | None]:
        """Whether Kafka answers, and the records not applied yet (None: unknown)."""
        projector = self._known().projector
        consumer, assigned = projector.consumer, projector.progress.assigned
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                if consumer is not None and assigned:
                    return "up", await self._unapplied(consumer, sorted(assigned))
                if consumer is not None:
                    await consumer.topics()
                    return "up", None
        except (KafkaError, OSError):
            consumer = None
        return "unknown" if await _takes_connections(self._known().settings.kafka) else "away", None

    async def _unapplied(self, consumer: AIOKafkaConsumer, places: list[tuple[str, int]]) -> int:
        running = self._known()
        ends = await consumer.end_offsets([TopicPartition(*place) for place in places])
        behind: dict[str, int] = {}
        for tp, end in ends.items():
            left = max(0, end - running.projector.next_offset(tp))
            behind[tp.topic] = behind.get(tp.topic, 0) + left
        for topic, left in behind.items():
            telemetry.LAG.labels(running.parts.name, topic).set(left)
        return sum(behind.values())

    def _relay_state(self, kafka: str, row: asyncpg.Record | None) -> str:
        running = self._known()
        if not running.parts.topics:
            return "not_needed"
        if "relay" in self.faults():
            return "ended"
        relay = running.relay
        leading = relay is not None and relay.leading and relay.fault is None and kafka == "up"
        behind = leading and row is not None and row["unpublished"] > 0
        stalled = self.relayed.seconds(row["relayed"] if row else None, behind=behind)
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
            row, (_, unapplied) = await asyncio.gather(self._known().books.state(LAG_SECONDS), self._kafka())
        except DATABASE_AWAY as error:
            raise Unavailable("the database does not answer") from error
        return self._lag(row, unapplied)

    def _lag(self, row: asyncpg.Record, unapplied: int | None) -> dict[str, Any]:
        running = self._known()
        waiting = dict(row["parked"])
        telemetry.RELAY_AGE.labels(running.parts.name).set(row["age"])
        telemetry.PARKED.labels(running.parts.name).set(sum(waiting.values()))
        idle = time.monotonic() - running.projector.progress.moved_at
        return {
            "unpublished": row["unpublished"],
            "relay_seconds": row["age"],
            "unapplied": unapplied,
            "unapplied_seconds": idle if unapplied else 0.0,
            "parked": waiting,
            "unreadable": row["unreadable"],
        }

    async def facts_after(self, subject: UUID, topic: str, after: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._known().pool.fetch(
            "select headers, payload from fact where subject = $1 and topic = $2 and topic_version > $3"
            " order by topic_version limit 1000",
            subject, topic, after,
        )  # fmt: skip
        return rows


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


FACTS_EXAMPLE: Final = {"headers": {"ce_type": "education.school_changed"}, "value": {"urn": "990001"}}


def operations_router(operations: Operations) -> APIRouter:
    """Routes every service has."""
    router = APIRouter(tags=["operations"])

    @router.get("/operations/lag", summary="Facts recorded here or elsewhere that are not in every projection yet.")
    async def lag(who: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        who.may("operations")
        state = await operations.lag()
        names = [p.name for p in operations._known().parts.projections]  # noqa: SLF001
        return {**state, "projections": names}

    @router.get(
        "/facts/{subject}",
        summary="The facts this service owns about a subject, after a version; one object a line.",
        response_class=Response,
        responses={200: {"content": of_lines(FACTS_EXAMPLE)}},
    )
    async def facts(
        subject: UUID, topic: str, who: Annotated[Caller, Depends(caller)], after: Annotated[int, Query(ge=0)] = 0
    ) -> Response:
        who.may("service", "operations")
        rows = await operations.facts_after(subject, topic, after)
        lines = b"".join(b'{"headers":' + r["headers"] + b',"value":' + r["payload"] + b"}\n" for r in rows)
        return Response(lines, media_type=LINES)

    return router
