"""Dismissing strangers over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from carejourney.dismissing import Dismissal
from carejourney.errors import Malformed, NotFound, Unavailable
from carejourney.openapi import problems
from carejourney.parked_api import ROLE, Who

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class Dismiss(BaseModel):
    """A fact, or a child all of whose strangers are meant; and why, in words that name nobody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "fact": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
                    "reason": "written by hand in a trial",
                    "dry_run": True,
                }
            ]
        },
    )

    fact: UUID | None = None
    child: UUID | None = None
    reason: Annotated[Words, Field(description="Why; it is kept for ever, so it must name nobody.")]
    dry_run: bool = False


def dismissing_router() -> APIRouter:
    """Routes every service has."""
    router = APIRouter(tags=["operations"])

    @router.post(
        "/operations/dismiss",
        summary="Take facts out of the service's copy that their owner never recorded; `dry_run` only names them.",
        responses=problems(NotFound, Unavailable),
    )
    async def dismiss(request: Request, who: Who, body: Dismiss) -> dict[str, Any]:
        if (body.fact is None) == (body.child is None):
            raise Malformed("name a fact or a child, and not both")
        wanted = Dismissal(body.fact, body.child, who.actor, ROLE, body.reason, body.dry_run)
        facts = await request.app.state.running.dismissing.dismiss(wanted)
        return {"dry_run": body.dry_run, "dismissed": facts}

    @router.get("/operations/dismissals", summary="The last facts dismissed: which, by whom, when and why.")
    async def dismissals(request: Request, _: Who) -> dict[str, Any]:
        return {"dismissals": await request.app.state.running.dismissing.latest()}

    return router
