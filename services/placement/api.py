"""Placement over HTTP."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response, Security
from sqlalchemy import RowMapping

from carejourney.access import Caller, caller
from carejourney.answering import answer_command, authority_of
from carejourney.commands import Decided, State
from carejourney.errors import NotFound
from carejourney.http import command_id, etag, expected_version
from carejourney.keys import SubjectKey, open_fields
from carejourney.openapi import with_etag
from carejourney.postcodes import PostcodeDirectory
from carejourney.service import Running
from carejourney.statements import Findings, Line, statement_router
from services.placement import domain
from services.placement.places import DirectoryPlaces
from services.placement.returning import state_return
from services.placement.tables import PLACEMENT_RECORD

router = APIRouter(tags=["placement"])

WRITERS = ("social-work",)
READERS = ("social-work", "review")
Who = Annotated[Caller, Security(caller, scopes=WRITERS)]
Reader = Annotated[Caller, Security(caller, scopes=READERS)]
CommandId = Annotated[UUID, Depends(command_id)]
Expected = Annotated[int | None, Depends(expected_version)]


@cache
def places() -> DirectoryPlaces:
    """The postcode directory, opened once."""
    return DirectoryPlaces(PostcodeDirectory.load(None))


def _state_return(state: State, line: Line, findings: Findings) -> Decided:
    return state_return(state, line, findings, places())


TABLES: dict[str, Any] = {
    "header": [
        {
            "ref": 1, "dob": "2012-05-01", "sex": "2", "ethnic": "WBRI", "mother": None, "mc_dob": None,
        }
    ],
    "episodes": [
        {
            "ref": 2, "decom": "2025-09-22", "rne": "S", "ls": "C2", "cin": "N1", "place": "U4",
            "place_provider": "PR1", "dec": None, "rec": None, "reason_place_change": None, "home_post": None,
            "pl_post": None, "urn": None,
        }
    ],
}  # fmt: skip
router.include_router(statement_router("/returns/ssda903", "ssda903", _state_return, TABLES, year=2026, remembers=True))


async def _answer(
    request: Request, response: Response, child: UUID, who: Caller, command: UUID, expected: int | None,
    decide: Callable[[State], Decided],
) -> dict[str, Any]:  # fmt: skip
    return await answer_command(request, response, child, who, command, expected, decide)


@router.post("/children/{child}/care", status_code=201, summary="The child enters care.")
async def enter_care(
    child: UUID, command: domain.EnterCare, request: Request, response: Response, who: Who, key: CommandId, at: Expected
) -> dict[str, Any]:
    decide = partial(_with_places, domain.enter_care, command)
    return await _answer(request, response, child, who, key, at, decide)


@router.post("/children/{child}/moves", status_code=201, summary="The child moves to another placement.")
async def move_placement(
    child: UUID, command: domain.MovePlacement, request: Request, response: Response, who: Who, key: CommandId,
    at: Expected,
) -> dict[str, Any]:  # fmt: skip
    decide = partial(_with_places, domain.move_placement, command)
    return await _answer(request, response, child, who, key, at, decide)


@router.post("/children/{child}/legal-statuses", status_code=201, summary="The child's legal status changes.")
async def change_legal_status(
    child: UUID, command: domain.ChangeLegalStatus, request: Request, response: Response, who: Who, key: CommandId,
    at: Expected,
) -> dict[str, Any]:  # fmt: skip
    decide = partial(_with_places, domain.change_legal_status, command)
    return await _answer(request, response, child, who, key, at, decide)


@router.post("/children/{child}/care/end", status_code=201, summary="The child leaves care.")
async def leave_care(
    child: UUID, command: domain.LeaveCare, request: Request, response: Response, who: Who, key: CommandId, at: Expected
) -> dict[str, Any]:
    decide = partial(_with_places, domain.leave_care, command)
    return await _answer(request, response, child, who, key, at, decide)


@router.post("/children/{child}/missing", status_code=201, summary="The child went missing.")
async def go_missing(
    child: UUID, command: domain.GoMissing, request: Request, response: Response, who: Who, key: CommandId, at: Expected
) -> dict[str, Any]:
    return await _answer(request, response, child, who, key, at, partial(domain.go_missing, command))


@router.post("/children/{child}/missing/return", status_code=201, summary="The child came back.")
async def come_back(
    child: UUID, command: domain.ComeBack, request: Request, response: Response, who: Who, key: CommandId, at: Expected
) -> dict[str, Any]:
    return await _answer(request, response, child, who, key, at, partial(domain.come_back, command))


@router.post("/children/{child}/return-interviews", status_code=201, summary="A return interview was held or refused.")
async def hold_return_interview(
    child: UUID, command: domain.HoldReturnInterview, request: Request, response: Response, who: Who, key: CommandId,
    at: Expected,
) -> dict[str, Any]:  # fmt: skip
    return await _answer(request, response, child, who, key, at, partial(domain.hold_return_interview, command))


def _with_places(decide: Callable[..., Decided], command: Any, state: State) -> Decided:
    return decide(command, state, places())


@router.get(
    "/children/{child}/placement",
    summary="Where the child is now; the ETag is the record's version.",
    responses=with_etag(),
)
async def placement(child: UUID, request: Request, response: Response, who: Reader) -> dict[str, Any]:
    running = request.app.state.running
    await authority_of(running, child, who)
    columns = [c for c in PLACEMENT_RECORD.columns if c.name != "state"]
    async with running.engine.connect() as connection:
        found = (await connection.execute(sa.select(*columns).where(PLACEMENT_RECORD.c.subject == child))).mappings()
        row = found.first()
    if row is None:
        raise NotFound("no child of that pseudonym is known here")
    version = await running.pool.fetchval("select version from stream where subject = $1", child)
    response.headers.update(etag(version or 0))
    return (await _opened(running, [row]))[0]


async def _opened(running: Running, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Rows of the record with the number of the school in plain text, for a caller who may see them."""
    keys = await running.keys.of([row["subject"] for row in rows])
    return [_with_school(row, keys.get(row["subject"])) for row in rows]


def _with_school(row: RowMapping, key: SubjectKey | None) -> dict[str, Any]:
    return {**row, "school_urn": open_fields({"urn": row["school_urn"]}, key)["urn"]}


@router.get("/placements", summary="Children in care of one authority, and where they are.")
async def placements(
    authority: str, request: Request, who: Reader, *, missing: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200, after: UUID | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    who.may_for(authority, *READERS)
    table = PLACEMENT_RECORD
    query = sa.select(*(c for c in table.columns if c.name != "state")).where(table.c.authority == authority)
    query = query.where(table.c.in_care).order_by(table.c.subject).limit(limit)
    if missing:
        query = query.where(table.c.missing_since.is_not(None))
    if after is not None:
        query = query.where(table.c.subject > after)
    running = request.app.state.running
    async with running.engine.connect() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return await _opened(running, rows)
