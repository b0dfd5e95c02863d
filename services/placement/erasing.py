"""Erasing a child for good: asked for, then confirmed with the draft in hand; placement owns the register.

The key is destroyed first, with its entry in the ledger. Only then the register forgets the local id and the fact is
recorded, in one transaction; where the service ends in between, it goes on from the ledger when it starts again.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import asyncpg
import structlog
from fastapi import APIRouter, FastAPI, Request, Security
from pydantic import ConfigDict, Field

from carejourney.access import EVERY_AUTHORITY, Caller, caller
from carejourney.envelope import Context, Draft
from carejourney.erasure.ledger import Entry, destroy, entries
from carejourney.erasure.receipt import STAYS
from carejourney.errors import Gone, NotFound, Refusal, Unavailable
from carejourney.ids import derived_id, new_id
from carejourney.openapi import problems
from carejourney.service import Running
from carejourney.store import DATABASE_AWAY
from events.catalogue import TOPICS
from events.placement import SubjectErased
from events.strictness import Strict

log = structlog.get_logger()

ROLE: Final = "erasure"
LOOK_SECONDS: Final = 5.0
Reason = Literal["retention_ended", "right_to_erasure", "registered_in_error", "court_order"]
Who = Annotated[Caller, Security(caller, scopes=[ROLE])]

_WAITING: Final = """
select subject from subject_register where subject = any($1) and local_id is not null
"""
_FORGET_BROUGHT: Final = """
delete from child_brought b using subject_register s
where s.subject = $1 and s.authority = b.authority and s.local_id_digest = b.local_id_digest
"""


class Ask(Strict):
    """Ask for a child to be erased; nothing happens yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"child": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05", "reason": "retention_ended"}]
        },
    )

    child: UUID
    reason: Reason


class Confirm(Strict):
    """Confirm what was read: `draft` is the digest that was answered when it was asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"draft": "0f" * 32}]})

    draft: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@asynccontextmanager
async def _finishing(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(_finish_always(app))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


router = APIRouter(tags=["erasure"], lifespan=_finishing)


@router.post(
    "/erasures",
    status_code=201,
    summary="Ask for a child to be erased; nothing happens yet.",
    responses=problems(NotFound, Gone),
)
async def ask(asked: Ask, request: Request, who: Who) -> dict[str, Any]:
    running: Running = request.app.state.running
    child = asked.child
    authority = await _authority(running, child, who)
    draft = json.dumps(await _draft(running, child, authority, asked.reason), sort_keys=True)
    row = (new_id(), child, authority, asked.reason, draft, who.actor, datetime.now(UTC))
    await running.pool.execute(
        "insert into erasure (id, subject, authority, reason, draft, asked_by, asked_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        *row,
    )
    return await _state(running, row[0])


@router.post(
    "/erasures/{erasure}/confirmation",
    summary="Confirm an erasure: the child's key is destroyed.",
    responses=problems(NotFound, Refusal),
)
async def confirm(erasure: UUID, confirmed: Confirm, request: Request, who: Who) -> dict[str, Any]:
    running: Running = request.app.state.running
    row = await _found(running, erasure, who)
    if _digest(row["draft"]) != confirmed.draft:
        raise Refusal("this is not the digest of the draft; read the draft, and confirm that one")
    await running.pool.execute(
        "update erasure set confirmed_by = $2, confirmed_at = $3 where id = $1 and confirmed_at is null",
        erasure, who.actor, datetime.now(UTC),
    )  # fmt: skip
    entry = _entry(await _found(running, erasure, who))
    await destroy(running.keys_pool, entry)
    await forget(running, entry)
    return await _state(running, erasure)


@router.get("/erasures/{erasure}", summary="How far an erasure has come.", responses=problems(NotFound))
async def erasure_state(erasure: UUID, request: Request, who: Who) -> dict[str, Any]:
    await _found(request.app.state.running, erasure, who)
    return await _state(request.app.state.running, erasure)


@router.post("/erasures/ledger", summary="Forget again whoever stands in the ledger: after a restore.")
async def apply_ledger(request: Request, who: Who) -> dict[str, int]:
    who.may_for(EVERY_AUTHORITY, ROLE)
    return {"forgotten": await finish(request.app.state.running)}


async def _authority(running: Running, child: UUID, who: Caller) -> str:
    row = await running.pool.fetchrow(
        "select authority, local_id is null as erased from subject_register where subject = $1 and kind = 'child'",
        child,
    )
    if row is None or not who.sees(row["authority"]):
        raise NotFound("no child of that pseudonym is registered")
    if row["erased"]:
        raise Gone("the child was erased already; the receipt says when and by whom")
    return str(row["authority"])


async def _draft(running: Running, child: UUID, authority: str, reason: str) -> dict[str, Any]:
    """What is to be erased, as far as placement can say it: the facts of the topics it hears, and what stays of them.

    Facts of every other topic are erased with these; only the receipt counts them.
    """
    heard = dict(await running.pool.fetch("select topic, version from lane where subject = $1", child))
    return {
        "child": str(child),
        "authority": authority,
        "reason": reason,
        "facts_heard_by_placement": heard,
        "erased_too_but_not_counted_here": sorted(set(TOPICS) - set(running.parts.listens)),
        "stays": STAYS,
    }


async def _found(running: Running, erasure: UUID, who: Caller) -> asyncpg.Record:
    row = await running.pool.fetchrow("select * from erasure where id = $1", erasure)
    if row is None or not who.sees(row["authority"]):
        raise NotFound("no erasure of that id was asked for")
    return row


def _digest(draft: str) -> str:
    return sha256(draft.encode()).hexdigest()


def _entry(row: asyncpg.Record) -> Entry:
    """The ledger's entry; who confirmed first stands in it, however often it is sent."""
    return Entry(
        subject=row["subject"], erasure=row["id"], authority=row["authority"], reason=row["reason"],
        asked_by=row["asked_by"], asked_at=row["asked_at"], confirmed_by=row["confirmed_by"],
        erased_at=row["confirmed_at"],
    )  # fmt: skip


async def _state(running: Running, erasure: UUID) -> dict[str, Any]:
    row = await running.pool.fetchrow("select * from erasure where id = $1", erasure)
    left = await running.pool.fetch(_WAITING, [row["subject"]])
    state = "asked" if row["confirmed_at"] is None else "destroying" if left else "erased"
    shown = {name: row[name] for name in ("asked_by", "asked_at", "confirmed_by", "confirmed_at", "reason")}
    told = {"erasure": erasure, "child": row["subject"], "authority": row["authority"], "state": state, **shown}
    return {**told, "draft": json.loads(row["draft"]), "draft_digest": _digest(row["draft"])}


async def forget(running: Running, entry: Entry) -> bool:
    """The register loses the local id and its digest, and the fact is recorded; whether there was anything to do."""
    context = Context(
        source=running.store.source, authority=entry.authority, actor=entry.confirmed_by, actor_role=ROLE,
        origin="person", correlation=str(entry.erasure),
    )  # fmt: skip
    body = SubjectErased.model_validate({"reason": entry.reason})
    draft = Draft(entry.subject, body, None, body.destination())
    async with running.store.unit([entry.subject]) as unit:
        await unit.connection.execute(_FORGET_BROUGHT, entry.subject)
        changed = await unit.connection.execute(
            "update subject_register set local_id = null, local_id_digest = null"
            " where subject = $1 and local_id is not null",
            entry.subject,
        )
        if changed.endswith(" 0"):
            return False
        identity = derived_id("erased", entry.erasure)
        if not any(fact.id == str(identity) for fact in (await unit.facts([entry.subject]))[entry.subject]):
            unit.append([replace(draft, id=identity)], context)
    return True


async def finish(running: Running, after: int = 0) -> int:
    """Forget whoever stands in the ledger and not yet here: after a crash, or a restore; how many there were."""
    ledger = {entry.subject: entry for _, entry in await entries(running.keys_pool, after)}
    rows = await running.pool.fetch(_WAITING, list(ledger))
    return sum([await forget(running, ledger[row["subject"]]) for row in rows])


async def _finish_always(app: FastAPI) -> None:
    await app.state.started.wait()
    while True:
        try:
            forgotten = await finish(app.state.running)
            if forgotten:
                log.info("erasure.finished", children=forgotten)
        except (*DATABASE_AWAY, Unavailable) as error:
            log.warning("erasure.waiting", fault=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)
