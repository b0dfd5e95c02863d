"""Education over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, Security

from carejourney.access import Caller, caller
from carejourney.answering import answer_command, authority_of
from carejourney.http import command_id, etag, expected_version
from carejourney.openapi import with_etag
from carejourney.statements import statement_router
from services.education import domain
from services.education.answers import Education, Roll, education, roll_child
from services.education.asking import (
    PAGE_SIZE,
    READERS,
    InCare,
    Question,
    ask_roll,
    standing_facts,
    the_authority,
    today_of,
    version_of,
)
from services.education.roll import SORTS
from services.education.stating import state_enrolments, state_return

WRITERS = ("virtual-school", "social-work")
SORT = Query(pattern=f"^-?({'|'.join(SORTS)})$", description="A column; descending with a minus before it.")

HEADER = {"header": [{"ref": 1, "upn": "A990001123455"}]}
ENROLMENTS: dict[str, Any] = {
    "enrolments": [
        {
            "ref": 1, "from": "2023-09-04", "upn": "A990001123455", "urn": "990001", "school": "Elm Bank School",
            "until": None, "reason": "first_school",
        }
    ]
}  # fmt: skip

router = APIRouter(tags=["education"])
router.include_router(statement_router("/returns/ssda903", "ssda903", state_return, HEADER, year=2026, remembers=True))
router.include_router(statement_router("/returns/enrolments", "enrolments", state_enrolments, ENROLMENTS))


@router.post("/children/{child}/school-changes", status_code=201, summary="Record that the child begins at a school.")
async def change_school(
    child: UUID,
    command: domain.ChangeSchool,
    request: Request,
    response: Response,
    who: Annotated[Caller, Security(caller, scopes=WRITERS)],
    command_id: Annotated[UUID, Depends(command_id)],
    expected: Annotated[int | None, Depends(expected_version)],
) -> dict[str, Any]:
    return await answer_command(
        request, response, child, who, command_id, expected, lambda state: domain.change_school(command, state)
    )


@router.post("/children/{child}/school-leavings", status_code=201, summary="Record that the child leaves a school.")
async def leave_school(
    child: UUID,
    command: domain.LeaveSchool,
    request: Request,
    response: Response,
    who: Annotated[Caller, Security(caller, scopes=WRITERS)],
    command_id: Annotated[UUID, Depends(command_id)],
    expected: Annotated[int | None, Depends(expected_version)],
) -> dict[str, Any]:
    return await answer_command(
        request, response, child, who, command_id, expected, lambda state: domain.leave_school(command, state)
    )


@router.get("/roll", summary="The virtual roll of one authority, searched and sorted.")
async def roll(
    request: Request,
    who: Annotated[Caller, Security(caller, scopes=READERS)],
    authority: Annotated[str | None, Query(max_length=12, description="Needed unless the token covers one.")] = None,
    q: Annotated[str, Query(max_length=200, description="A whole local id or UPN, or part of a school's name.")] = "",
    in_care: InCare = InCare.NOW,
    sort: Annotated[str, SORT] = "local_id",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = PAGE_SIZE,
) -> Roll:
    running = request.app.state.running
    question = Question(the_authority(who, authority), q, in_care, sort, page, size)
    found = await ask_roll(running, question)
    return Roll(
        authority=question.authority,
        as_of=today_of(running),
        total=found.total,
        page=found.page,
        pages=found.pages,
        children=[roll_child(one) for one in found.entries],
    )


@router.get(
    "/children/{child}/education",
    summary="A child's schools and pupil number, with the facts behind them.",
    responses=with_etag(),
)
async def read_education(
    child: UUID,
    request: Request,
    response: Response,
    who: Annotated[Caller, Security(caller, scopes=READERS)],
    true_on: Annotated[date | None, Query(description="The day asked about; today where absent.")] = None,
) -> Education:
    running = request.app.state.running
    await authority_of(running, child, who)
    response.headers.update(etag(await version_of(running, child)))
    return education(child, await standing_facts(running, child), true_on or today_of(running))
