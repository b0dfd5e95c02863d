"""What operators ask of a service: is it ready, how far behind is it, and the facts it owns from a version on."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, Query, Response

from carejourney import telemetry
from carejourney.access import Caller, caller
from carejourney.errors import Unavailable
from carejourney.store import DATABASE_AWAY

if TYPE_CHECKING:
    from carejourney.service import Running

STUCK_SECONDS: Final = 60
HELD_SECONDS: Final = 30

_PENDING = """
select count(*), extract(epoch from now() - min(f.recorded_at)) from fact f, relay_mark m
where (f.transaction_id, f.position) > (m.transaction_id, m.position)
"""


@dataclass
class Operations:
    """The state of a running service, as its operators see it."""

    running: "Running | None" = None

    def _known(self) -> "Running":
        if self.running is None:
            raise Unavailable("the service is starting")
        return self.running

    async def readiness(self) -> dict[str, Any]:
        """Ready: the database answers, the relay moves, the projector is assigned and moves or has nothing to do."""
        if self.running is None:
            return {"ready": False, "database": "starting"}
        try:
            lag = await self.lag()
        except DATABASE_AWAY:
            return {"ready": False, "database": "away"}
        progress = self.running.projector.progress
        relay = "not_needed" if not self.running.parts.topics else self._relay_state(lag)
        projector = self._projector_state(lag)
        return {
            "ready": relay in {"moving", "standby", "not_needed"} and projector == "moving",
            "database": "up",
            "relay": relay,
            "projector": projector,
            "lost": progress.lost,
            **lag,
        }

    def _relay_state(self, lag: dict[str, Any]) -> str:
        relay = self._known().relay
        if relay is None or relay.fault:
            return "waiting"
        if lag["relay_seconds"] > HELD_SECONDS:
            return "held"
        return "moving" if relay.leading else "standby"

    def _projector_state(self, lag: dict[str, Any]) -> str:
        progress = self._known().projector.progress
        if progress.fault or lag["unapplied"] is None:
            return "waiting"
        idle = time.monotonic() - progress.moved_at
        if lag["unapplied"] > 0 and idle > STUCK_SECONDS:
            return "stuck"
        return "moving"

    async def lag(self) -> dict[str, Any]:
        """Facts not yet published, records not yet applied (None: unknown), and parked lanes."""
        running = self._known()
        row = await running.pool.fetchrow(_PENDING)
        parked = await running.pool.fetch("select projection, count(*) from parked group by projection")
        unreadable = await running.pool.fetchval("select count(*) from unreadable")
        waiting = dict(parked)
        telemetry.RELAY_AGE.labels(running.parts.name).set(float(row[1] or 0))
        telemetry.PARKED.labels(running.parts.name).set(sum(waiting.values()))
        unapplied = await self._unapplied()
        idle = time.monotonic() - running.projector.progress.moved_at
        return {
            "unpublished": row[0],
            "relay_seconds": float(row[1] or 0),
            "unapplied": unapplied,
            "unapplied_seconds": idle if unapplied else 0.0,
            "parked": waiting,
            "unreadable": unreadable,
        }

    async def _unapplied(self) -> int | None:
        running = self._known()
        projector = running.projector
        consumer = projector.consumer
        if consumer is None or not projector.progress.assigned:
            return None
        partitions = [TopicPartition(*key) for key in projector.progress.assigned]
        try:
            ends = await consumer.end_offsets(partitions)
        except (KafkaError, OSError):
            return None
        behind: dict[str, int] = {}
        for tp, end in ends.items():
            left = max(0, end - projector.next_offset(tp))
            behind[tp.topic] = behind.get(tp.topic, 0) + left
        for topic, left in behind.items():
            telemetry.LAG.labels(running.parts.name, topic).set(left)
        return sum(behind.values())

    async def facts_after(self, subject: UUID, topic: str, after: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._known().pool.fetch(
            "select headers, payload from fact where subject = $1 and topic = $2 and topic_version > $3"
            " order by topic_version limit 1000",
            subject, topic, after,
        )  # fmt: skip
        return rows


def operations_router(operations: Operations) -> APIRouter:
    """Routes every service has."""
    router = APIRouter(tags=["operations"])

    @router.get("/operations/lag", summary="Facts recorded here or elsewhere that are not in every projection yet.")
    async def lag(who: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        who.may("operations")
        state = await operations.lag()
        names = [p.name for p in operations._known().parts.projections]  # noqa: SLF001
        return {**state, "projections": names}

    @router.get("/facts/{subject}", summary="The facts this service owns about a subject, after a version.")
    async def facts(
        subject: UUID, topic: str, who: Annotated[Caller, Depends(caller)], after: Annotated[int, Query(ge=0)] = 0
    ) -> Response:
        who.may("service", "operations")
        rows = await operations.facts_after(subject, topic, after)
        lines = b"".join(b'{"headers":' + r["headers"] + b',"value":' + r["payload"] + b"}\n" for r in rows)
        return Response(lines, media_type="application/x-ndjson")

    return router
