"""Journey over HTTP."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.responses import StreamingResponse

from carejourney.access import EVERY_AUTHORITY, Caller, caller
from carejourney.errors import Malformed
from carejourney.openapi import LINES, of_lines
from services.journey.asking import READERS, asked, found_child, histories_of, history_of
from services.journey.listing import listed
from services.journey.samples import CHILDREN_SAMPLE, HISTORY_SAMPLE

router = APIRouter(tags=["journey"])

Who = Annotated[Caller, Security(caller, scopes=READERS)]
TrueOn = Annotated[str | None, Query(description="What was so on this day (ISO date).", examples=["2025-03-31"])]
KnownOn = Annotated[
    str | None,
    Query(
        description="What was known by the end of this day in England (ISO date), or at this instant.",
        examples=["2025-06-30", "2025-06-30T12:00:00Z"],
    ),
]
Authority = Annotated[str | None, Query(description="ONS code; may be left out where the token covers one only.")]
NOT_KEPT: Final = {"Cache-Control": "no-store"}


def _example(value: object) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": value}}}}


@router.get(
    "/children/{child:path}/history",
    summary="One child's journey; `child` is the pseudonym, or the authority and its local id with a colon between.",
    responses=_example(HISTORY_SAMPLE),
)
async def child_history(
    child: str, request: Request, who: Who, true_on: TrueOn = None, known_on: KnownOn = None
) -> Response:
    question = asked(true_on, known_on, who)
    running = request.app.state.running
    told = await history_of(running, await found_child(running, who, child), question)
    return Response(msgspec.json.encode(told), media_type="application/json", headers=NOT_KEPT)


@router.get(
    "/histories",
    summary="The journeys of every child of an authority, one JSON object a line.",
    response_class=Response,
    responses={200: {"content": of_lines(HISTORY_SAMPLE)}},
)
async def histories(
    request: Request, who: Who, authority: Authority = None, true_on: TrueOn = None, known_on: KnownOn = None
) -> Response:
    question = asked(true_on, known_on, who)
    lines = histories_of(request.app.state.running, authority_asked(who, authority), question)
    return StreamingResponse(lines, media_type=LINES, headers=NOT_KEPT)


@router.get(
    "/children",
    summary="An authority's children, a page at a time: those in care first.",
    responses=_example(CHILDREN_SAMPLE),
)
async def children(
    request: Request, response: Response, who: Who, authority: Authority = None, page: Annotated[int, Query(ge=1)] = 1
) -> dict[str, Any]:
    response.headers.update(NOT_KEPT)
    return await listed(request.app.state.running, authority_asked(who, authority), page)


def authority_asked(who: Caller, authority: str | None, *roles: str) -> str:
    """The authority a list is asked for; refused where the token does not cover it, or none can be told.

    `roles` are those that may ask: the readers of whole records, unless others are named.
    """
    if not authority and len(who.authorities) == 1 and EVERY_AUTHORITY not in who.authorities:
        (authority,) = who.authorities
    if not authority:
        reason = "name the authority by its ONS code, such as E08000025"
        raise Malformed(f"authority: {reason}", fields=[{"field": "authority", "reason": reason}])
    who.may_for(authority, *(roles or READERS))
    return authority
