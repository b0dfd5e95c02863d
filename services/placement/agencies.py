"""Who works in an area: the agencies of a children's trust and the providers, each a subject of the register."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Request, Security
from pydantic import ConfigDict

from carejourney.access import Caller, caller
from carejourney.commands import Command, Decided, State, carry_out, context_of
from carejourney.envelope import Draft
from carejourney.errors import NotFound, Refusal
from carejourney.ids import new_id
from carejourney.openapi import problems
from carejourney.service import Running
from carejourney.standing import Standing
from events.codes import AGENCY, SECTOR, SERVICE
from events.event import Coded
from events.placement import AgencyJoinedTrust, AgencyLeftTrust, ProviderRegistered
from events.strictness import Strict
from services.placement.register import Authority, LocalId, Resolve, resolve_all
from services.placement.tables import AGENCIES, PROVIDERS

KEEPERS: Final = ("operations",)
READERS: Final = ("operations", "strategic", "social-work", "review")
Keeper = Annotated[Caller, Security(caller, scopes=KEEPERS)]
Reader = Annotated[Caller, Security(caller, scopes=READERS)]
AREA: Final = "E08000025"

router = APIRouter(tags=["agencies"])


class Join(Strict):
    """An agency joins the trust of an area, under the name its own systems go by."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authority": AREA, "system": "school-health", "agency": "health", "joined_on": "2026-05-11"}]
        },
    )

    authority: Authority
    system: LocalId
    agency: Annotated[str, Coded(AGENCY)]
    joined_on: date


class Leave(Strict):
    """An agency leaves the trust of an area."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"authority": AREA, "system": "school-health", "left_on": "2027-03-31"}]},
    )

    authority: Authority
    system: LocalId
    left_on: date


class Register(Strict):
    """A provider of an area, with one service of its own; others are registered one by one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "authority": AREA, "system": "north-mentors", "sector": "voluntary", "service": "mentoring",
                    "from_day": "2026-05-11",
                }
            ]
        },
    )  # fmt: skip

    authority: Authority
    system: LocalId
    sector: Annotated[str, Coded(SECTOR)]
    service: Annotated[str, Coded(SERVICE)]
    from_day: date


@router.post("/agencies", status_code=201, summary="An agency joins the trust.", responses=problems(Refusal))
async def join(asked: Join, request: Request, who: Keeper) -> dict[str, Any]:
    body = AgencyJoinedTrust(agency=asked.agency, area=asked.authority)
    return await _answer(request, who, "agency", asked, partial(decide_join, body, asked.joined_on.isoformat()))


@router.post("/agencies/departures", status_code=201, summary="An agency leaves it.", responses=problems(Refusal))
async def leave(asked: Leave, request: Request, who: Keeper) -> dict[str, Any]:
    body = AgencyLeftTrust(area=asked.authority)
    return await _answer(request, who, "agency", asked, partial(decide_leave, body, asked.left_on.isoformat()))


@router.post("/providers", status_code=201, summary="A provider is registered.", responses=problems(Refusal))
async def register(asked: Register, request: Request, who: Keeper) -> dict[str, Any]:
    body = ProviderRegistered(sector=asked.sector, service=asked.service)
    return await _answer(request, who, "provider", asked, partial(decide_provider, body, asked.from_day.isoformat()))


def decide_join(body: AgencyJoinedTrust, day: str, state: State) -> Decided:
    """An agency is a member once; joining again after it left is another time."""
    latest = _latest(state, AgencyJoinedTrust.wire, AgencyLeftTrust.wire)
    if latest and latest.type == AgencyJoinedTrust.wire:
        if latest.data == body.model_dump(mode="json"):
            return Decided()
        raise Refusal("it is a member already, as another kind of agency")
    if latest and day < (latest.effective or ""):
        raise Refusal(f"it left on {latest.effective}; it cannot have joined again before")
    return Decided([Draft(state.subject, body, day, body.destination())])


def decide_leave(body: AgencyLeftTrust, day: str, state: State) -> Decided:
    """Only a member leaves, and not before it joined."""
    latest = _latest(state, AgencyJoinedTrust.wire, AgencyLeftTrust.wire)
    if latest is None or (latest.type == AgencyLeftTrust.wire and latest.effective != day):
        raise Refusal("it is no member")
    if latest.type == AgencyLeftTrust.wire:
        return Decided()
    if day < (latest.effective or ""):
        raise Refusal(f"it joined on {latest.effective}; it cannot have left before")
    return Decided([Draft(state.subject, body, day, body.destination())])


def decide_provider(body: ProviderRegistered, day: str, state: State) -> Decided:
    """A provider is registered once for each service, always in the same sector."""
    known = [fact for fact in state.own if fact.type == ProviderRegistered.wire and not fact.retracted]
    if any(fact.data["sector"] != body.sector for fact in known):
        raise Refusal("it is registered already, in another sector")
    if any(fact.data["service"] == body.service for fact in known):
        return Decided()
    return Decided([Draft(state.subject, body, day, body.destination())])


def _latest(state: State, *types: str) -> Standing | None:
    found = [fact for fact in state.own if fact.type in types and not fact.retracted]
    return max(found, key=lambda fact: (fact.effective or "", fact.version), default=None)


async def _answer(
    request: Request, who: Caller, kind: str, asked: Join | Leave | Register, decide: Callable[[State], Decided]
) -> dict[str, Any]:
    who.may_for(asked.authority, *KEEPERS)
    running: Running = request.app.state.running
    context = context_of(who, running.store.source, asked.authority, new_id())
    known = {"authority": asked.authority, "kind": kind, "local_ids": [asked.system]}
    wanted = Resolve.model_validate({**known, "create": not isinstance(asked, Leave)})
    subject = (await resolve_all(running.store, wanted, context)).subjects.get(asked.system)
    if subject is None:
        raise NotFound("no agency of that name is registered")
    (answer,) = await carry_out(running.store, [Command(new_id(), subject, decide, context)])
    return {kind: subject, "facts": answer["facts"]}


@router.get("/agencies", summary="The agencies of an area; `on` a day, or all that ever were.")
async def agencies(authority: Authority, request: Request, who: Reader, on: date | None = None) -> list[dict[str, Any]]:
    who.may_for(authority, *READERS)
    c = AGENCIES.c
    query = sa.select(c.subject, c.agency, c.joined_on, c.left_on).where(c.authority == authority)
    if on is not None:
        query = query.where(c.joined_on <= on, sa.or_(c.left_on.is_(None), c.left_on > on))
    return await _rows(request, query.order_by(c.joined_on, c.subject))


@router.get("/providers", summary="The providers of an area, with their services.")
async def providers(authority: Authority, request: Request, who: Reader) -> list[dict[str, Any]]:
    who.may_for(authority, *READERS)
    c = PROVIDERS.c
    query = sa.select(c.subject, c.sector, c.services).where(c.authority == authority)
    rows = await _rows(request, query.order_by(c.subject))
    return [{**row, "services": row["services"].split(", ")} for row in rows]


async def _rows(request: Request, query: sa.Select[Any]) -> list[dict[str, Any]]:
    running: Running = request.app.state.running
    async with running.engine.connect() as connection:
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    return [await _named(running, row) for row in rows]


async def _named(running: Running, row: dict[str, Any]) -> dict[str, Any]:
    """With the name its systems go by, which the register keeps sealed."""
    subject: UUID = row.pop("subject")
    sealed = await running.pool.fetchval("select local_id from subject_register where subject = $1", subject)
    key = (await running.keys.of([subject])).get(subject)
    return {"id": subject, "system": key.open("local_id", sealed) if key and sealed else None, **row}
