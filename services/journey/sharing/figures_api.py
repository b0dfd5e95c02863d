"""Figures over an authority's children, over HTTP. They name no child."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Security

from carejourney.access import Caller, caller
from carejourney.envelope import Recorded
from carejourney.keys import SubjectKey
from carejourney.owncopy import facts_of
from carejourney.service import Running
from services.journey.api import authority_asked
from services.journey.days import LONDON
from services.journey.history import history
from services.journey.sharing import views
from services.journey.sharing.figures import Quality, currency
from services.journey.sharing.viewing import Lanes
from services.journey.tables import in_batches

router = APIRouter(tags=["figures"])

ROLES: Final = ("strategic", "operations")
Overseer = Annotated[Caller, Security(caller, scopes=ROLES)]
Authority = Annotated[str | None, Query(description="ONS code; may be left out where the token covers one only.")]


@router.get("/figures/data-quality", summary="Completeness, timeliness and validity by producer, in an authority.")
async def data_quality(request: Request, who: Overseer, authority: Authority = None) -> dict[str, Any]:
    asked = authority_asked(who, authority, *ROLES)
    quality = Quality()
    async for facts in _facts(request.app.state.running, asked):
        quality.add(facts)
    return {"authority": asked, "producers": quality.shown()}


@router.get("/figures/decisions", summary="How many decisions there were at each level, in an authority.")
async def decisions(request: Request, who: Overseer, authority: Authority = None) -> dict[str, Any]:
    asked = authority_asked(who, authority, *ROLES)
    counted: Counter[str] = Counter()
    async for facts in _facts(request.app.state.running, asked):
        counted.update(views.levels(_lanes(facts)))
    return {"authority": asked, "levels": dict(sorted(counted.items()))}


@router.get("/figures/schools", summary="Whether each school knows what it must of its children in care.")
async def schools(request: Request, who: Overseer, authority: Authority = None) -> dict[str, Any]:
    asked = authority_asked(who, authority, *ROLES)
    today = datetime.now(UTC).astimezone(LONDON).date().isoformat()
    counted: dict[str, Counter[str]] = {}
    running: Running = request.app.state.running
    async for batch in _batches(running, asked):
        keys = await running.keys.of(batch)
        for child, facts in batch.items():
            key = keys.get(child)
            found = currency(_lanes(facts, today, key=key), _lanes(facts, key=key), today)
            if found is not None:
                counted.setdefault(found[0], Counter(current=0, due=0, overdue=0))[found[1]] += 1
    return {"authority": asked, "schools": {urn: dict(counts) for urn, counts in sorted(counted.items())}}


async def _facts(running: Running, authority: str) -> AsyncIterator[list[Recorded]]:
    """What is held of each child of an authority."""
    async for batch in _batches(running, authority):
        for facts in batch.values():
            yield facts


async def _batches(running: Running, authority: str) -> AsyncIterator[dict[UUID, list[Recorded]]]:
    """What is held of an authority's children, a batch at a time; memory holds one."""
    async for children in in_batches(running.engine, authority):
        async with running.pool.acquire() as connection:
            yield await facts_of(connection, children)


def _lanes(facts: list[Recorded], on: str | None = None, *, key: SubjectKey | None = None) -> Lanes:
    """The lanes, with everything personal left closed where no key is given."""
    day = datetime.fromisoformat(on).date() if on else None
    lanes: Lanes = history(facts, key=key, child="", local_id=None, true_on=day, withhold=True)["lanes"]
    return lanes
