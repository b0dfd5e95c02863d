"""What operators ask and do about parked lanes, over HTTP."""

from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from carejourney import parking
from carejourney.access import Caller, caller
from carejourney.errors import Malformed, NotFound
from carejourney.openapi import problems
from carejourney.parking import BEGIN, Key, Selection

if TYPE_CHECKING:
    from carejourney.service import Running

ROLE: Final = "operations"
LISTED: Final = 200

Name = Annotated[str, Field(max_length=100)]
Who = Annotated[Caller, Security(caller, scopes=(ROLE,))]


class Redrive(BaseModel):
    """Which parked lanes to try again: those that fit all that is named, or every one with `all`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"projection": "virtual_roll", "dry_run": True}]}
    )

    fact: UUID | None = None
    child: UUID | None = None
    reason: Name | None = None
    projection: Name | None = None
    all: bool = False
    dry_run: bool = False

    def selection(self) -> Selection:
        """Raise `Malformed` where neither a lane is named nor all are meant."""
        chosen = Selection(self.fact, self.child, self.reason, self.projection)
        if bool(chosen.named) == self.all:
            raise Malformed("name a fact, child, reason or projection; or say that all are meant, and nothing else")
        return chosen


class Seen(BaseModel):
    """The place of a record that somebody has seen to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"topic": "care.health", "partition": 3, "offset": 1204}]}
    )

    topic: Name
    partition: Annotated[int, Field(ge=0, le=2**31 - 1)]
    offset: Annotated[int, Field(ge=0, le=2**63 - 1)]


async def listed(
    running: "Running", selection: Selection, *, after: Key, limit: int, acknowledged: bool = False
) -> dict[str, Any]:
    """Parked lanes of one service in pages, and records that took no effect.

    `{service, total, reasons: {reason: lanes}, lanes: [...], next, unreadable: [...], conflicts: [...],
    unknown: [...]}`; `next` is what to ask `after` for the next page, None at the end.
    """
    async with running.pool.acquire() as connection:
        rows = await parking.page(connection, selection, after=after, limit=limit + 1)
        reasons = await parking.counted(connection, selection)
        lanes = await parking.described(connection, rows[:limit])
        odd = await parking.oddities(connection, acknowledged=acknowledged, limit=LISTED)
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "service": running.parts.name,
        "total": sum(reasons.values()),
        "reasons": reasons,
        "lanes": [{"service": running.parts.name, **lane} for lane in lanes],
        "next": f"{last['projection']}/{last['subject']}/{last['topic']}" if last else None,
        **odd,
    }


def key_of(after: str | None) -> Key:
    """The key that `next` names. Raises `Malformed` for anything else."""
    if not after:
        return BEGIN
    try:
        projection, subject, topic = after.split("/")
        return projection, UUID(subject), topic
    except ValueError as error:
        raise Malformed("`after` must be the `next` of the page before") from error


def parked_router() -> APIRouter:
    """Routes every service has."""
    router = APIRouter(tags=["operations"])

    @router.get("/operations/parked", summary="Lanes that wait, with the fault and its place; records without effect.")
    async def parked(
        request: Request, _: Who, fact: UUID | None = None, child: UUID | None = None,
        reason: Annotated[str | None, Query(max_length=100)] = None,
        projection: Annotated[str | None, Query(max_length=100)] = None,
        after: Annotated[str | None, Query(max_length=300)] = None,
        limit: Annotated[int, Query(ge=1, le=LISTED)] = 50,
        *, acknowledged: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        selection = Selection(fact, child, reason, projection)
        running = request.app.state.running
        return await listed(running, selection, after=key_of(after), limit=limit, acknowledged=acknowledged)

    @router.post("/operations/redrive", summary="Try parked lanes again; with `dry_run` say what would happen.")
    async def redrive(request: Request, who: Who, body: Redrive) -> dict[str, Any]:
        redriving = request.app.state.running.redriving
        result = await redriving.redrive(body.selection(), actor=who.actor, role=ROLE, dry_run=body.dry_run)
        told: dict[str, Any] = result.told()
        return told

    @router.get("/operations/redrives", summary="The last redrives: by whom, when, of what, with what result.")
    async def redrives(request: Request, _: Who) -> dict[str, Any]:
        return {"redrives": await request.app.state.running.redriving.latest()}

    @router.post(
        "/operations/acknowledge",
        summary="Note that somebody has seen to a record that took no effect.",
        responses=problems(NotFound),
    )
    async def acknowledge(request: Request, who: Who, body: Seen) -> dict[str, str]:
        async with request.app.state.running.pool.acquire() as connection:
            if not await parking.acknowledge(connection, body.topic, body.partition, body.offset, who.actor):
                raise NotFound("no record of that place waits to be acknowledged")
        return {"acknowledged_by": who.actor}

    return router
