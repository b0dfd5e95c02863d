"""The sealed record of an adopted child, for the one role that may read it."""

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response, Security
from pydantic import ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.errors import NotFound
from carejourney.openapi import problems
from carejourney.sealed_records import sealed_among
from carejourney.service import Running
from events.codes import SHARED_FOR
from events.event import Coded
from events.journey import SealedRecordViewed
from events.strictness import Strict
from services.journey.asking import UNKNOWN, Asked, day_asked, history_of, moment_asked
from services.journey.samples import CHILD, HISTORY_SAMPLE
from services.journey.sharing.viewing import note_view

ROLE: Final = "adoption-records"
Keeper = Annotated[Caller, Security(caller, scopes=(ROLE,))]

router = APIRouter(tags=["sealed records"])


class Read(Strict):
    """Read a sealed record, for this purpose."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"child": CHILD, "purpose": "origins"}]})

    child: UUID
    purpose: Annotated[str, Coded(SHARED_FOR), Field(description="What it is read for.")]
    true_on: str | None = None
    known_on: str | None = None


@router.post(
    "/sealed-records/readings",
    summary="A sealed record; the reading is recorded before it is shown.",
    responses={**problems(NotFound), 200: {"content": {"application/json": {"example": HISTORY_SAMPLE}}}},
)
async def sealed_history(asked: Read, request: Request, response: Response, who: Keeper) -> dict[str, Any]:
    running: Running = request.app.state.running
    child = asked.child
    question = Asked(*_days(asked), withhold=False, sealed_too=True)
    authority = await running.pool.fetchval("select authority from lane where subject = $1 limit 1", child)
    if authority is None or not who.sees(authority) or not await sealed_among(running.pool, [child]):
        raise NotFound(UNKNOWN)
    await note_view(running, who, child, authority, SealedRecordViewed(purpose=asked.purpose))
    response.headers["Cache-Control"] = "no-store"
    return await history_of(running, child, question)


def _days(asked: Read) -> tuple[date | None, date | datetime | None]:
    return day_asked("true_on", asked.true_on), moment_asked("known_on", asked.known_on)
