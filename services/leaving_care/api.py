"""Leaving care over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Security

from carejourney.access import Caller, caller
from carejourney.answering import authority_of
from carejourney.errors import NotFound
from carejourney.statements import statement_router
from services.leaving_care.domain import state_return
from services.leaving_care.tables import birthdays_of, leavers_of

ROLES = ("leaving-care", "social-work")

EXAMPLE: dict[str, Any] = {
    "subject": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
    "authority": "E08000025",
    "in_care": False,
    "left_on": "2025-09-02",
    "died": False,
    "in_care_at_sixteen_or_after": True,
    "care_leaver": True,
    "turned_sixteen_on": "2023-09-02",
    "turned_eighteen_on": "2025-09-02",
    "turned_twenty_one_on": None,
    "turned_twenty_five_on": None,
    "outcomes_year": 2026,
    "in_touch": "YES",
    "activity": "F2",
    "accommodation": "Z1",
}

OC3: dict[str, Any] = {"oc3": [{"ref": 5, "in_touch": "YES", "activ": "F2", "accom": "Z1"}]}

router = APIRouter(tags=["leaving care"])
router.include_router(statement_router("/returns/ssda903", "ssda903", state_return, OC3, year=2026))


@router.get(
    "/children/{child}/birthdays",
    summary="Which birthdays have been recorded for one young person, and what is known of how they fare.",
    responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
)
async def birthdays(
    child: UUID, request: Request, who: Annotated[Caller, Security(caller, scopes=ROLES)]
) -> dict[str, Any]:
    running = request.app.state.running
    await authority_of(running, child, who)
    found = await birthdays_of(running.engine, child)
    if found is None:
        raise NotFound("no child of that pseudonym is known here")
    return dict(found)


@router.get(
    "/leavers",
    summary="An authority's care leavers.",
    responses={200: {"content": {"application/json": {"example": {"authority": "E08000025", "leavers": [EXAMPLE]}}}}},
)
async def leavers(
    authority: Annotated[str, Query(max_length=40)],
    request: Request,
    who: Annotated[Caller, Security(caller, scopes=ROLES)],
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> dict[str, Any]:
    who.may_for(authority, *ROLES)
    rows = await leavers_of(request.app.state.running.engine, authority, limit)
    return {"authority": authority, "leavers": [dict(row) for row in rows]}
