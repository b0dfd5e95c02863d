"""The feed over HTTP: pages by cursor, long poll and Server-Sent Events, and the report of what was given to whom."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response, Security

from carejourney.access import Caller, caller
from carejourney.envelope import CORRECTIONS
from carejourney.errors import BadCursor, CursorExpired, Forbidden, Malformed, NotFound, Unavailable
from carejourney.feed.cursors import LONGEST
from carejourney.feed.delivered import deliveries
from carejourney.feed.entitlement import Entitlement, entitlement_of
from carejourney.feed.serving import Asked, Feed, Page
from carejourney.feed.streaming import MEDIA_TYPE, STREAMS, Stream, events
from carejourney.membership import check_membership
from carejourney.openapi import problems

MOST: Final = 1_000
USUAL: Final = 100
LONGEST_WAIT: Final = 30
A_STREAMS_PAGE: Final = 100

PAGE_EXAMPLE: Final = {
    "facts": [
        {
            "specversion": "1.0",
            "id": "01980000-0000-7000-8000-00000000000a",
            "source": "education",
            "type": "education.school_changed",
            "subject": "01980000-0000-7000-8000-000000000001",
            "time": "2026-05-04T09:30:00.000000Z",
            "dataschema": "urn:carejourney:education.school_changed:1",
            "datacontenttype": "application/json",
            "effectivefrom": "2026-05-04",
            "authority": "E09000027",
            "data": {"urn": "990001"},
        }
    ],
    "next": "1cursor",
    "more": False,
}
DELIVERIES_EXAMPLE: Final = {
    "deliveries": [
        {
            "consumer": "school-system",
            "topic": "care.education",
            "first_at": "2026-05-04T09:31:00Z",
            "last_at": "2026-05-04T09:31:00Z",
            "facts": 1,
            "greatest_seconds": 60.2,
            "median_seconds": 64.0,
            "median_seconds_since_effective": 34_262.4,
            "types": [],
        }
    ]
}
PAGE_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page, or with `Accept: text/event-stream` events that go on.",
        "content": {
            "application/json": {"example": PAGE_EXAMPLE},
            MEDIA_TYPE: {"schema": {"type": "string"}, "example": 'id: 1cursor\nevent: fact\ndata: {"type": ...}\n\n'},
        },
    }
}
_After = Annotated[
    str | None,
    Query(max_length=LONGEST, description="A cursor, or `latest`; from the first fact on where it is left out."),
]
_Types = Annotated[
    str | None, Query(max_length=5_000, description="Wire names, with commas between; corrections of them come too.")
]
_LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=LONGEST, description="The last id of a stream; it goes before `after`."),
]


def feed_router(topics: Iterable[str], catalogue: Mapping[str, Any]) -> APIRouter:
    """Routes of every service; `topics` are those it publishes on."""
    router = APIRouter(tags=["subscribe"])
    own = tuple(topics)
    readers = sorted({role for kind in catalogue.values() for role in kind.subscribers()})

    @router.get("/feed", summary="The topics of this service that the token may subscribe to.")
    async def subscribable(who: Annotated[Caller, Security(caller, scopes=readers)]) -> dict[str, list[str]]:
        return {"topics": list(entitlement_of(who).topics(own, catalogue))}

    @router.get(
        "/feed/{topic}",
        summary="The facts of a topic that the token may see, in order: a page after a cursor, or a stream.",
        response_class=Response,
        responses={**PAGE_CONTENT, **problems(BadCursor, NotFound, CursorExpired)},
    )
    async def feed(
        topic: str,
        request: Request,
        who: Annotated[Caller, Security(caller, scopes=readers)],
        after: _After = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a fact.")] = 0,
        types: _Types = None,
        last_event_id: _LastEvent = None,
    ) -> Response:
        asked = _asked(topic, types, who, own, catalogue)
        served: Feed = request.app.state.running.feed
        await check_membership(request.app.state.running.pool, who, datetime.now(UTC).date())
        if MEDIA_TYPE in request.headers.get("accept", ""):
            return await _stream(served, asked, last_event_id or after, who)
        place = await served.begin(topic, after)
        page = await served.awaited(asked, place, limit, wait)
        return await _page(served, asked, page)

    @router.get(
        "/operations/deliveries",
        tags=["operations"],
        summary="Which subscriber was given what by this service, when, and how long after it was recorded.",
        responses={200: {"content": {"application/json": {"example": DELIVERIES_EXAMPLE}}}},
    )
    async def report(request: Request, _: Annotated[Caller, Security(caller, scopes=["operations"])]) -> dict[str, Any]:
        async with request.app.state.running.pool.acquire() as connection:
            return {"deliveries": await deliveries(connection)}

    return router


def _asked(topic: str, types: str | None, who: Caller, own: tuple[str, ...], catalogue: Mapping[str, Any]) -> Asked:
    """What is asked for, with the right to it. Nothing was read of the store yet."""
    if topic not in own:
        raise NotFound(f"this service does not publish on {topic}; it publishes on: {', '.join(own)}")
    entitlement = entitlement_of(who)
    entitlement.check(topic, catalogue)
    wanted = frozenset(one.strip() for one in (types or "").split(",") if one.strip())
    _check_types(wanted, topic, entitlement, catalogue)
    return Asked(who.actor, topic, entitlement, wanted)


def _check_types(wanted: frozenset[str], topic: str, entitlement: Entitlement, catalogue: Mapping[str, Any]) -> None:
    base = topic.removesuffix(".restricted")
    here = {wire for wire, kind in catalogue.items() if kind.topic == base}
    if unknown := sorted(wanted - here - CORRECTIONS):
        raise Malformed(f"{unknown[0]} is no type of {topic}; there are: {', '.join(sorted(here))}")
    hidden = sorted(wire for wire in wanted & here if not entitlement.may_see_type(wire, topic, catalogue))
    if hidden:
        raise Forbidden(f"the token may not see {hidden[0]}; leave it out, or ask for a token with the right")


async def _page(served: Feed, asked: Asked, page: Page) -> Response:
    body = {
        "facts": await served.events(asked, page),
        "next": served.cursors.of(asked.topic, page.reached),
        "more": page.more,
    }
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(body), media_type="application/json", headers=headers)


async def _stream(served: Feed, asked: Asked, after: str | None, who: Caller) -> Response:
    if served.streams >= STREAMS or served.watch.ended:
        raise Unavailable("too many streams are open here; come back in a moment, or ask for pages")
    place = await served.begin(asked.topic, after)
    expires_in = who.expires - time.time()
    return Stream(served, events(served, asked, place, A_STREAMS_PAGE, expires_in), expires_in)
