"""Webhooks over HTTP: an agency's system registers where it is sent what it may see, and looks after it."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.errors import BadCursor, CursorExpired, Forbidden, Malformed, NotFound, Refusal
from carejourney.feed.entitlement import Entitlement, entitlement_of
from carejourney.feed.reading import START, Place
from carejourney.feed.serving import LATEST
from carejourney.http import command_id
from carejourney.ids import derived_id, new_id
from carejourney.membership import check_membership
from carejourney.openapi import problems
from carejourney.webhooks import lanes, message, signing, subscriptions
from carejourney.webhooks.addresses import LONGEST_URL, check_target
from carejourney.webhooks.operating import Hands, place_of
from carejourney.webhooks.sending import Target
from carejourney.webhooks.subscriptions import ACTIVE, Webhook

if TYPE_CHECKING:
    from carejourney.service import Running

SYSTEM: Final = "agency-system"
OPERATOR: Final = "operations"
MOST: Final = 200
MOST_OF_ONE: Final = 20
LISTED: Final = 200
# For so long the answer to a registration that is sent again holds the secret once more.
TOLD_AGAIN: Final = timedelta(hours=1)
LONGEST_OVERLAP: Final = 30 * 86_400

# Who has neither role is told so before the rest of the request is judged.
System = Annotated[Caller, Security(caller, scopes=[SYSTEM])]
Who = Annotated[Caller, Security(caller, scopes=[SYSTEM, OPERATOR])]
Name = Annotated[str, Field(max_length=100)]


class Registration(BaseModel):
    """Where to send which facts, from when on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://agency.example/facts", "start": "now"}]},
    )

    url: Annotated[str, Field(max_length=LONGEST_URL, description="An https address; every fact is a POST to it.")]
    topics: Annotated[
        list[Name] | None,
        Field(min_length=1, max_length=20, description="Topics of this service; all it may see where left out."),
    ] = None
    types: Annotated[
        list[Name], Field(max_length=300, description="Types of facts; all it may see where left out.")
    ] = []
    start: Annotated[
        Literal["now", "beginning"], Field(description="With the facts recorded from now on, or with the first.")
    ] = "now"
    after: Annotated[
        dict[str, Annotated[str, Field(max_length=300)]],
        Field(description="By topic, a cursor of the feed after which to begin, in place of `start`."),
    ] = {}


class State(BaseModel):
    """Whether to send or to wait."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "paused"}]})

    state: Literal["active", "paused"]


class Rotation(BaseModel):
    """For how long both secrets sign."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_seconds": 86_400}]})

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = 86_400


class Ping(BaseModel):
    """A word to find again in what is sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "hello"}]})

    note: Annotated[str, Field(max_length=200)] = ""


class Redrive(BaseModel):
    """Which parked lanes to try again: one child's, or all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"all": True}]})

    child: UUID | None = None
    all: bool = False


def webhooks_router(topics: Sequence[str]) -> APIRouter:
    """Routes of a service that publishes on these topics."""
    router = APIRouter(tags=["webhooks"])

    @router.post(
        "/webhooks",
        status_code=201,
        summary="Register where facts are sent.",
        responses=problems(Refusal, BadCursor, CursorExpired),
    )
    async def register(
        request: Request, body: Registration, who: System, command: Annotated[UUID, Depends(command_id)]
    ) -> dict[str, Any]:
        running = request.app.state.running
        asked = sha256(body.model_dump_json().encode()).hexdigest()
        webhook = derived_id("webhook", running.parts.name, who.actor, command)
        found = await _find(running, webhook)
        if found is None:
            found = await _register(running, who, topics, body, webhook, asked)
        if found.asked != asked:
            raise Refusal("this Idempotency-Key was used for another request; send a new one")
        return await _registered(running, found)

    @router.get("/webhooks", summary="The caller's webhooks; for an operator all of them.")
    async def listed(request: Request, who: Who) -> dict[str, Any]:
        running = request.app.state.running
        async with running.pool.acquire() as connection:
            found = [one for one in await subscriptions.every(connection) if _may(who, one)]
            counts = await lanes.counted(connection)
        return {"service": running.parts.name, "webhooks": [_told(one, counts.get(one.id), who) for one in found]}

    @router.get("/webhooks/{webhook}", summary="One webhook.", responses=problems(NotFound))
    async def shown(request: Request, webhook: UUID, who: Who) -> dict[str, Any]:
        running = request.app.state.running
        found = await _known(running, webhook, who)
        async with running.pool.acquire() as connection:
            counts = await lanes.counted(connection)
        return _told(found, counts.get(webhook), who)

    @router.delete("/webhooks/{webhook}", status_code=204, summary="Send nothing more.", responses=problems(NotFound))
    async def removed(request: Request, webhook: UUID, who: Who) -> Response:
        running = request.app.state.running
        await _known(running, webhook, who)
        await _hands(running, who).remove(webhook)
        return Response(status_code=204)

    _add_care(router)
    _add_parked(router)
    return router


def _add_care(router: APIRouter) -> None:
    """What is done with a webhook while it lives."""

    @router.post("/webhooks/{webhook}/state", summary="Pause or resume.", responses=problems(NotFound))
    async def changed(request: Request, webhook: UUID, body: State, who: Who) -> dict[str, Any]:
        running = request.app.state.running
        await _known(running, webhook, who)
        hands = _hands(running, who)
        await (hands.resume(webhook) if body.state == ACTIVE else hands.pause(webhook))
        return _told(await _known(running, webhook, who), None, who)

    @router.post(
        "/webhooks/{webhook}/secret",
        summary="A new secret; for a while requests are signed with both.",
        responses=problems(NotFound),
    )
    async def rotated(
        request: Request, webhook: UUID, body: Rotation, who: Who, command: Annotated[UUID, Depends(command_id)]
    ) -> dict[str, Any]:
        running = request.app.state.running
        known = await _known(running, webhook, who, owner=True)
        now = running.webhooks.means.clock()
        if known.secret != _next_secret(known.earlier_secret, command):
            async with running.pool.acquire() as connection:
                until = now + timedelta(seconds=body.overlap_seconds)
                await subscriptions.rotate(connection, webhook, _next_secret(known.secret, command), until, now)
        running.webhooks.wake()
        return await _registered(running, await _known(running, webhook, who), again=True)

    @router.post("/webhooks/{webhook}/ping", summary="Send a try-out, signed as ever.", responses=problems(NotFound))
    async def pinged(request: Request, webhook: UUID, body: Ping, who: Who) -> dict[str, Any]:
        running = request.app.state.running
        return await _ping(running, await _known(running, webhook, who, owner=True), body.note)


def _add_parked(router: APIRouter) -> None:
    """What waits for a person."""

    @router.get("/webhooks/{webhook}/parked", summary="Children whose facts wait.", responses=problems(NotFound))
    async def parked(
        request: Request, webhook: UUID, who: Who,
        after: Annotated[str | None, Query(max_length=200)] = None, limit: Annotated[int, Query(ge=1, le=LISTED)] = 50,
    ) -> dict[str, Any]:  # fmt: skip
        running = request.app.state.running
        await _known(running, webhook, who)
        async with running.pool.acquire() as connection:
            rows = await lanes.parked(connection, webhook, _key(after), limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return {
            "lanes": [{**row, "facts": row["until_version"] - row["version"] + 1} for row in rows[:limit]],
            "next": f"{last['topic']}/{last['subject']}" if last else None,
        }

    @router.post("/webhooks/{webhook}/redrive", summary="Try parked lanes again.", responses=problems(NotFound))
    async def redriven(request: Request, webhook: UUID, body: Redrive, who: Who) -> dict[str, int]:
        running = request.app.state.running
        await _known(running, webhook, who)
        if (body.child is None) != body.all:
            raise Malformed("name a child, or say that all are meant, and nothing else")
        _, count = await _hands(running, who).redrive(webhook, body.child)
        return {"lanes": count}


def _next_secret(before: UUID | None, command: UUID) -> UUID:
    """The name of the secret that a command puts in the place of another: the same however often it is sent."""
    return derived_id("webhook secret", before, command)


def _key(after: str | None) -> tuple[str, UUID]:
    if not after:
        return "", UUID(int=0)
    topic, _, subject = after.rpartition("/")
    try:
        return topic, UUID(subject)
    except ValueError as error:
        raise Malformed("`after` must be the `next` of the page before") from error


def _hands(running: "Running", who: Caller) -> Hands:
    return Hands(running.pool, running.webhooks, who.actor, OPERATOR if OPERATOR in who.roles else SYSTEM)


def _may(who: Caller, webhook: Webhook) -> bool:
    return OPERATOR in who.roles or (SYSTEM in who.roles and webhook.consumer == who.actor)


async def _find(running: "Running", webhook: UUID) -> Webhook | None:
    async with running.pool.acquire() as connection:
        return await subscriptions.one(connection, webhook)


async def _known(running: "Running", webhook: UUID, who: Caller, *, owner: bool = False) -> Webhook:
    """The webhook, if the caller may look after it; with `owner`, if it is the caller's own.

    Raises `Forbidden` and `NotFound`: that another agency has one is nobody's business.
    """
    found = await _find(running, webhook)
    if found is None or not _may(who, found):
        raise NotFound("no webhook of that id is known here")
    if owner and found.consumer != who.actor:
        raise Forbidden("only the system that registered a webhook may do this")
    return found


async def _register(
    running: "Running", who: Caller, topics: Sequence[str], body: Registration, webhook: UUID, asked: str
) -> Webhook:
    entitlement = entitlement_of(who)
    await check_membership(running.pool, who, running.webhooks.means.clock().date())
    chosen = _topics(entitlement, topics, body, running)
    url = await check_target(
        body.url, running.webhooks.means.addresses, development=running.settings.environment == "development"
    )
    places = {topic: await _place(running, topic, body) for topic in chosen}
    fresh = Webhook(
        id=webhook, consumer=who.actor, url=url, topics=chosen, types=frozenset(body.types), entitlement=entitlement,
        asked=asked, registered_at=running.webhooks.means.clock(), secret=_next_secret(None, new_id()),
    )  # fmt: skip
    async with running.pool.acquire() as connection:
        every = await subscriptions.every(connection)
        if len(every) >= MOST or sum(one.consumer == who.actor for one in every) >= MOST_OF_ONE:
            raise Refusal(f"a system has at most {MOST_OF_ONE} webhooks, a service {MOST}; remove one first")
        await subscriptions.register(connection, fresh, places)
        kept = await subscriptions.one(connection, webhook)
    running.webhooks.wake()
    assert kept is not None  # noqa: S101 - registered here, or by the same command at the same time
    return kept


def _topics(entitlement: Entitlement, topics: Sequence[str], body: Registration, running: "Running") -> tuple[str, ...]:
    """The topics that are meant. Raises `Forbidden` where there is nothing to see, `Malformed` for unknown names."""
    catalogue = running.parts.catalogue
    wrong = sorted({*(body.topics or ()), *body.after} - set(topics))
    if wrong:
        raise Malformed(f"topics: {wrong[0]} is not of this service, whose topics are {', '.join(topics)}")
    unknown = sorted(set(body.types) - catalogue.keys())
    if unknown:
        raise Malformed(f"types: there is no type {unknown[0]}; see the catalogue of facts")
    chosen = tuple(body.topics or entitlement.topics(topics, catalogue) or topics)
    for topic in chosen:
        entitlement.check(topic, catalogue)
    return chosen


async def _place(running: "Running", topic: str, body: Registration) -> Place:
    if topic in body.after:
        place: Place = await running.feed.begin(topic, body.after[topic])
        return place
    return await running.feed.begin(topic, LATEST) if body.start == "now" else START


async def _registered(running: "Running", webhook: Webhook, *, again: bool = False) -> dict[str, Any]:
    """A webhook with its secret, which is told once; again only where the answer may have been lost."""
    told = _told(webhook, None, None)
    if again or running.webhooks.means.clock() - webhook.registered_at < TOLD_AGAIN:
        told["secret"] = signing.written(await running.webhooks.means.secrets.of(webhook.secret))
    return told


async def _ping(running: "Running", webhook: Webhook, note: str) -> dict[str, Any]:
    means = running.webhooks.means
    now, identity = means.clock(), new_id()
    body = message.ping(identity, running.parts.name, webhook.id, note, now)
    secrets = [await means.secrets.of(name) for name in webhook.secrets(now)]
    target, begun = Target(webhook.url, means.addresses), time.monotonic()
    try:
        answer = await target.post(signing.headers(secrets, str(identity), int(now.timestamp()), body), body)
    finally:
        await target.close()
    return {
        "id": str(identity), "accepted": answer.accepted, "status": answer.status, "fault": answer.fault,
        "seconds": round(time.monotonic() - begun, 3),
    }  # fmt: skip


def _told(webhook: Webhook, count: lanes.Count | None, who: Caller | None) -> dict[str, Any]:
    """A webhook as it is told to its own system, or to somebody else: the address may hold a secret of the former's."""
    own = who is None or who.actor == webhook.consumer

    def written(moment: datetime | None) -> str | None:
        return moment.isoformat() if moment else None

    return {
        "id": str(webhook.id), "consumer": webhook.consumer,
        "url": webhook.url if own else place_of(webhook.url), "topics": list(webhook.topics),
        "types": sorted(webhook.types), **webhook.entitlement.packed(), "state": webhook.state, "why": webhook.why,
        "registered_at": written(webhook.registered_at), "failing_since": written(webhook.failing_since),
        "retry_at": written(webhook.retry_at), "both_secrets_until": written(webhook.earlier_until),
        "waiting": count.waiting if count else 0, "parked": count.parked if count else 0,
    }  # fmt: skip
