"""Sealing the record of an adopted child: closed to all but one role, and without a trace of who the child is now.

An adopted child who is known again is a new subject. What leads from there to the earlier record is one row of the
register, sealed with the new identity's own key: it is in no fact and so on no topic, where even the moment of two
facts would tell. Whoever follows it says what for, and that is kept.
"""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request, Security
from pydantic import ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.commands import context_of
from carejourney.envelope import SEALED, Context, Draft
from carejourney.errors import Gone, NotFound, Refusal
from carejourney.ids import new_id
from carejourney.openapi import problems
from carejourney.service import Running
from carejourney.standing import standing
from carejourney.store import Unit
from events.codes import SHARED_FOR
from events.event import Coded
from events.placement import EpisodeEnded, RecordSealed
from events.strictness import Strict

ROLE: Final = "adoption-records"
ADOPTED: Final = frozenset({"E11", "E12"})
EARLIER: Final = "earlier"
CHILD: Final = "01980000-0000-7000-8000-000000000001"
Keeper = Annotated[Caller, Security(caller, scopes=(ROLE,))]
Purpose = Annotated[str, Coded(SHARED_FOR), Field(description="What it is opened for.")]

router = APIRouter(tags=["sealed records"])


class Seal(Strict):
    """Seal a child's record from the day of the adoption; `present` is who the child is now, once registered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"child": CHILD, "adopted_on": "2026-05-11"}]})

    child: UUID
    adopted_on: date
    present: UUID | None = None


class Open(Strict):
    """Follow the link to the earlier record, for this purpose."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"child": CHILD, "purpose": "origins"}]})

    child: UUID
    purpose: Purpose


@router.post(
    "/sealed-records",
    status_code=201,
    summary="Seal an adopted child's record; nothing is erased.",
    responses=problems(NotFound, Refusal, Gone),
)
async def seal(asked: Seal, request: Request, who: Keeper) -> dict[str, Any]:
    running: Running = request.app.state.running
    child = asked.child
    authority = await _registered(running, child, who)
    if asked.present is not None:
        await _registered(running, asked.present, who)
    context = context_of(who, running.store.source, authority, new_id(), role=(ROLE,))
    async with running.store.unit([child]) as unit:
        await _seal(unit, child, asked.adopted_on, context)
        if asked.present is not None:
            await _link(running, unit.connection, asked.present, child)
    return {"child": child, "sealed": True, "linked": asked.present is not None}


@router.post(
    "/earlier-records/openings",
    status_code=201,
    summary="Whose the sealed earlier record of a child is; who asks, and what for, is kept.",
    responses=problems(NotFound, Gone),
)
async def open_earlier(asked: Open, request: Request, who: Keeper) -> dict[str, Any]:
    running: Running = request.app.state.running
    child = asked.child
    await _registered(running, child, who)
    async with running.pool.acquire() as connection, connection.transaction():
        linked = await connection.fetchval("select earlier from earlier_record where subject = $1", child)
        if linked is None:
            raise NotFound("no sealed record is linked to this child")
        await connection.execute(
            "insert into earlier_record_opening (id, subject, purpose, opened_by) values ($1, $2, $3, $4)",
            new_id(), child, asked.purpose, who.actor,
        )  # fmt: skip
    key = (await running.keys.of([child]))[child]
    return {"child": child, "earlier": UUID(key.open(EARLIER, linked))}


@router.get("/children/{child}/earlier-record", summary="Who followed the link to the earlier record.")
async def openings(child: UUID, request: Request, who: Keeper) -> list[dict[str, Any]]:
    running: Running = request.app.state.running
    await _registered(running, child, who)
    rows = await running.pool.fetch(
        "select purpose, opened_by, opened_at from earlier_record_opening where subject = $1 order by opened_at, id",
        child,
    )
    return [dict(row) for row in rows]


async def _registered(running: Running, child: UUID, who: Caller) -> str:
    """The authority of a child; a child of another authority than the caller's looks unknown."""
    row = await running.pool.fetchrow(
        "select authority, local_id is null as erased from subject_register where subject = $1 and kind = 'child'",
        child,
    )
    if row is None or not who.sees(row["authority"]):
        raise NotFound("no child of that pseudonym is known here")
    if row["erased"]:
        raise Gone("the child was erased")
    return str(row["authority"])


async def _seal(unit: Unit, child: UUID, adopted_on: date, context: Context) -> None:
    """Record that it is sealed, once. Raises `Refusal` where no adoption is recorded by that day."""
    own = standing((await unit.facts([child]))[child])
    if any(fact.type == SEALED for fact in own):
        return
    adopted = [
        fact.effective or ""
        for fact in own
        if fact.type == EpisodeEnded.wire and not fact.retracted and fact.data.get("reason_ceased") in ADOPTED
    ]
    day = adopted_on.isoformat()
    if not any(ended <= day for ended in adopted):
        raise Refusal("no episode of this child ended by adoption (E11 or E12) by that day; state that first")
    body = RecordSealed()
    unit.append([Draft(child, body, day, body.destination())], context)


async def _link(running: Running, connection: asyncpg.Connection, present: UUID, earlier: UUID) -> None:
    """Keep the way from a child to the earlier record. Raises `Refusal` for a second one, or one that cannot be."""
    sealed = await connection.fetchval("select true from received where subject = $1 and type = $2", present, SEALED)
    if present == earlier or sealed:
        raise Refusal("present: this is a sealed record itself; register the child as who they are now")
    key = (await running.keys.of([present]))[present]
    known = await connection.fetchval("select earlier from earlier_record where subject = $1", present)
    if known is None:
        await connection.execute(
            "insert into earlier_record (subject, earlier) values ($1, $2)", present, key.seal(EARLIER, str(earlier))
        )
    elif key.open(EARLIER, known) != str(earlier):
        raise Refusal("present: another sealed record is linked to this child already")
