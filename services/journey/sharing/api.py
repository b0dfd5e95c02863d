"""What of a child's record is shown to whom, over HTTP. Who may not see a part is told so; each reading is recorded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, Security

from carejourney.access import ROLES, Caller, caller
from carejourney.answering import authority_of
from carejourney.errors import Forbidden
from carejourney.service import Running
from events.journey import AGENCIES, RecordViewed
from services.journey.asking import WHOLE_RECORD, Asked, facts_shown, found_child, history_of
from services.journey.days import LONDON
from services.journey.sharing import views
from services.journey.sharing.chain import assessment_chains
from services.journey.sharing.viewing import (
    CARER_VIEW,
    EDUCATION,
    HEALTH_SUMMARY,
    Lanes,
    note_view,
    reader_of,
    reads_disclosures,
)
from services.journey.story import KINDS
from services.journey.values import Opening

router = APIRouter(tags=["sharing"])

Person = Annotated[Caller, Security(caller, scopes=("social-work", "review", "virtual-school", "carer", "school"))]
# To whom a part was granted, whatever else the role is for.
Anyone = Annotated[Caller, Security(caller, scopes=tuple(ROLES))]
Whole = Annotated[Caller, Security(caller, scopes=("social-work", "review"))]
Working = Annotated[Caller, Security(caller, scopes=AGENCIES)]
Deciding = Annotated[Caller, Security(caller, scopes=("social-work", "review", "carer"))]
Clinical = Annotated[Caller, Security(caller, scopes=("social-work", "review", "health"))]
On = Annotated[date | None, Query(description="The day asked about; today where left out.")]

SOURCES: Final = {
    "placement": "social_care", "planning": "social_care", "leaving_care": "social_care", "education": "education",
    "health": "health",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One child as somebody asks: what is so on the day, and all there is, the restricted lanes left out."""

    running: Running
    child: UUID
    today: date
    now: Lanes
    ever: Lanes


async def _seen(request: Request, who: Caller, child: str, on: date | None = None, *, withhold: bool = True) -> Seen:
    running: Running = request.app.state.running
    today = datetime.now(UTC).astimezone(LONDON).date()
    subject = await found_child(running, who, child)
    now = await history_of(running, subject, Asked(on or today, None, withhold))
    ever = await history_of(running, subject, Asked(None, None, withhold))
    return Seen(running, subject, today, now["lanes"], ever["lanes"])


async def _shown(seen: Seen, who: Caller, response: Response, scope: str) -> str:
    """In which role the caller reads this part; that it was read is recorded before it is shown."""
    reader = reader_of(seen.now, who, scope, seen.today)
    authority = await authority_of(seen.running, seen.child, who)
    body = RecordViewed(scope=scope, viewer=reader)
    await note_view(seen.running, who, seen.child, authority, body, reader=reader)
    response.headers["Cache-Control"] = "no-store"
    return reader


@router.get("/children/{child}/team", summary="The team around the child on a day.")
async def team(child: str, request: Request, response: Response, who: Person, on: On = None) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    seen = await _seen(request, who, child, on)
    if who.roles.isdisjoint(WHOLE_RECORD | {"virtual-school"}):
        today = seen if on is None else await _seen(request, who, child)
        reader_of(today.now, who, CARER_VIEW if "carer" in who.roles else EDUCATION, seen.today)
    return views.team(seen.now)


@router.get("/children/{child}/carer-view", summary="What a carer needs to know today.")
async def carer_view(child: str, request: Request, response: Response, who: Anyone) -> dict[str, Any]:
    seen = await _seen(request, who, child)
    await _shown(seen, who, response, CARER_VIEW)
    return views.carer_view(seen.now, seen.ever)


@router.get("/children/{child}/education-record", summary="Plans, attendance, schools and work, for who has the child.")
async def education_record(child: str, request: Request, response: Response, who: Anyone) -> dict[str, Any]:
    seen = await _seen(request, who, child)
    await _shown(seen, who, response, EDUCATION)
    return views.education_record(seen.ever)


@router.get("/children/{child}/school-view", summary="What the child's designated teacher needs.")
async def school_view(child: str, request: Request, response: Response, who: Anyone) -> dict[str, Any]:
    seen = await _seen(request, who, child)
    await _shown(seen, who, response, EDUCATION)
    return views.school_view(seen.now, seen.ever)


@router.get("/children/{child}/health-summary", summary="The health needs in plain words, as written for the reader.")
async def health_summary(child: str, request: Request, response: Response, who: Anyone) -> list[dict[str, Any]]:
    seen = await _seen(request, who, child)
    reader = await _shown(seen, who, response, HEALTH_SUMMARY)
    return views.health_summaries(seen.ever, "social_care" if reader == "social_work" else "education")


@router.get("/children/{child}/disclosures", summary="Who was told of the child, and who looked at the record.")
async def disclosures(child: str, request: Request, response: Response, who: Anyone) -> dict[str, Any]:
    response.headers["Cache-Control"] = "no-store"
    seen = await _seen(request, who, child)
    reads_disclosures(seen.now, who, seen.today)
    return views.disclosures(seen.ever)


@router.get("/children/{child}/agencies", summary="What each agency did, in one order.")
async def agencies(child: str, request: Request, response: Response, who: Working) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    seen = await _seen(request, who, child)
    return views.agencies(seen.ever, SOURCES)


@router.get("/children/{child}/identities", summary="By which identifiers the systems of agencies know the child.")
async def identities(child: str, request: Request, response: Response, who: Whole) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    return views.identities((await _seen(request, who, child)).ever)


@router.get("/children/{child}/assessments", summary="Assessments and referrals, each with what it led to.")
async def assessments(child: str, request: Request, response: Response, who: Whole) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    running: Running = request.app.state.running
    subject = await found_child(running, who, child)
    facts = (await facts_shown(running, [subject])).get(subject, [])
    opening = Opening((await running.keys.of([subject])).get(subject))
    return assessment_chains(KINDS.versions.newest(facts), opening, withhold=False)


@router.get("/children/{child}/early-years", summary="The early-adversity chapter: restricted.")
async def early_years(child: str, request: Request, response: Response, who: Clinical) -> dict[str, Any]:
    response.headers["Cache-Control"] = "no-store"
    return views.early_chapter((await _seen(request, who, child, withhold=False)).ever)


@router.get("/children/{child}/decisions", summary="Decisions about the child, of the levels the reader works at.")
async def decisions(child: str, request: Request, response: Response, who: Deciding) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    seen = await _seen(request, who, child)
    mine = {one["role"] for one in views.team(seen.now) if one["worker"] == who.actor}
    if not mine or (who.roles.isdisjoint(WHOLE_RECORD) and "carer" not in mine):
        raise Forbidden("decisions about a child are for the carer and the workers the child has today")
    return views.decisions(seen.ever, "casework" if who.roles & WHOLE_RECORD else "carer")


@router.get("/children/{child}/care-experience", summary="Whether the child was ever in care: it never expires.")
async def care_experience(
    child: str, request: Request, response: Response, who: Whole, on: On = None
) -> dict[str, Any]:
    response.headers["Cache-Control"] = "no-store"
    seen = await _seen(request, who, child)
    day = (on or seen.today).isoformat()
    return {"child": seen.child, "on": day, "care_experienced": views.care_experienced(seen.ever, day)}
