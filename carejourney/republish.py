"""Publishing again from the store: asked for by a person, or by the relay where Kafka has lost what it acknowledged.

What is published again has a cursor of its own for each topic, in the relay's mark; live facts of such a topic come in
their turn behind it, so that the order of a child's facts stays. Subscribers drop what they have.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import asyncpg
from fastapi import APIRouter, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.errors import NotFound
from carejourney.openapi import problems

if TYPE_CHECKING:
    from carejourney.logwatch import Loss

FROM_ZERO: Final = (0, 0)
BY_RELAY: Final = "relay"
BY_HAND: Final = "asked for by an operator"

_ASK = "update relay_mark set again = again || $1::jsonb"
_NOTE = """
insert into republication (topic, asked_by, reason) select t, $2, $3 from unnest($1::text[]) as t
on conflict (topic) where ended_at is null do update set asked_at = now()
"""
_FORGET = "delete from relayed where topic = $1"
_FORGET_DAMAGE = "delete from damage where topic = $1"
_BEGINS = """
insert into relayed (topic, partition, begin_offset, record_offset)
select $1, p, b, b - 1 from unnest($2::int[], $3::bigint[]) as n(p, b)
"""
_SHOWN = "select topic, asked_by, reason, asked_at, ended_at from republication order by number desc limit 100"


async def ask(connection: asyncpg.Connection, topics: Iterable[str], by: str, reason: str) -> None:
    """Have every fact of these topics published again, from the first one on."""
    wanted = sorted(topics)
    async with connection.transaction():
        await connection.execute(_ASK, json.dumps(dict.fromkeys(wanted, FROM_ZERO)))
        await connection.execute(_NOTE, wanted, by, reason)


async def after_loss(connection: asyncpg.Connection, loss: "Loss") -> None:
    """The same, and remember the log as it is now."""
    async with connection.transaction():
        await ask(connection, [loss.topic], BY_RELAY, loss.reason)
        await connection.execute(_FORGET, loss.topic)
        if not loss.stretches:
            # Where the log is another one, what was known of its bytes no longer holds.
            await connection.execute(_FORGET_DAMAGE, loss.topic)
        await connection.execute(_BEGINS, loss.topic, list(loss.begins), list(loss.begins.values()))


async def shown(connection: asyncpg.Connection | asyncpg.Pool) -> list[dict[str, Any]]:
    """What was published again, or is being: `{topic, asked_by, reason, asked_at, ended_at}`, the latest first."""
    return [dict(row) for row in await connection.fetch(_SHOWN)]


class Republish(BaseModel):
    """Which topic to publish again; all that the service publishes on where none is named."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"topic": "care.placement"}]})

    topic: Annotated[str | None, Field(max_length=200)] = None


def republish_router(topics: Iterable[str]) -> APIRouter:
    """Routes of every service that publishes; `topics` are its own."""
    router = APIRouter(tags=["operations"])
    own = tuple(topics)

    @router.post(
        "/operations/republish",
        status_code=202,
        summary="Publish every fact of a topic again, or of all.",
        responses=problems(NotFound),
    )
    async def republish(
        asked: Republish, request: Request, who: Annotated[Caller, Security(caller, scopes=("operations",))]
    ) -> dict[str, Any]:
        if asked.topic is not None and asked.topic not in own:
            raise NotFound(f"this service does not publish on {asked.topic}; it publishes on: {', '.join(own)}")
        running = request.app.state.running
        chosen = [asked.topic] if asked.topic else list(own)
        async with running.pool.acquire() as connection:
            await ask(connection, chosen, who.actor, BY_HAND)
        running.store.appended()
        return {"topics": chosen}

    @router.get("/operations/republish", summary="What was published again: which topic, who asked, why, and when.")
    async def republications(
        request: Request, _: Annotated[Caller, Security(caller, scopes=("operations",))]
    ) -> list[dict[str, Any]]:
        return await shown(request.app.state.running.pool)

    return router
