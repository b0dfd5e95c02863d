"""Health over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from sqlalchemy import RowMapping

from carejourney.access import Caller, caller
from carejourney.answering import answer_command
from carejourney.duties.answering import duty_router, today
from carejourney.http import command_id, expected_version
from carejourney.statements import statement_router
from services.health.domain import HoldAssessment, hold_assessment, state_return
from services.health.projections import DETAILS, POLICY
from services.health.tables import assessments_of

ROLES = ("health", "social-work")

EXAMPLE: dict[str, Any] = {
    "authority": "E08000025",
    "on": "2026-03-03",
    "children": [
        {
            "subject": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
            "in_care": True,
            "entered_on": "2026-01-05",
            "due_on": "2026-02-02",
            "due_on_or_before": False,
            "met_on": None,
            "due_state": "open",
            "overdue": True,
            "registration_to_check_since": "2026-02-19",
        }
    ],
}

OC2: dict[str, Any] = {
    "oc2": [
        {
            "ref": 4, "sdq_score": 12, "sdq_reason": None, "health_check": "1", "immunisations": "1",
            "teeth_check": "1", "health_assessment": "1", "substance_misuse": "0", "intervention_received": None,
            "intervention_offered": None,
        }
    ]
}  # fmt: skip

router = APIRouter(tags=["health"])
router.include_router(statement_router("/returns/ssda903", "ssda903", state_return, OC2, year=2026))
router.include_router(duty_router(POLICY, ROLES, born_in=DETAILS))


@router.post("/children/{child}/assessments", status_code=201, summary="Record that a health assessment was held.")
async def hold(
    child: UUID,
    command: HoldAssessment,
    request: Request,
    response: Response,
    who: Annotated[Caller, Security(caller, scopes=ROLES)],
    command_id: Annotated[UUID, Depends(command_id)],
    expected: Annotated[int | None, Depends(expected_version)],
) -> dict[str, Any]:
    return await answer_command(
        request, response, child, who, command_id, expected, lambda state: hold_assessment(command, state)
    )


@router.get(
    "/assessments",
    summary="An authority's children in care: first assessment due or met, registration to check, latest outcomes.",
    responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
)
async def assessments(
    authority: Annotated[str, Query(max_length=40)],
    request: Request,
    who: Annotated[Caller, Security(caller, scopes=ROLES)],
    *,
    overdue: bool = False,
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> dict[str, Any]:
    who.may_for(authority, *ROLES)
    running = request.app.state.running
    on = today(running)
    rows = await assessments_of(running.engine, authority, on, overdue=overdue, limit=limit)
    return {"authority": authority, "on": on, "children": [_assessment(row, on) for row in rows]}


def _assessment(row: RowMapping, on: date) -> dict[str, Any]:
    return {**row, "overdue": row["due_state"] == "open" and row["due_on"] < on}
