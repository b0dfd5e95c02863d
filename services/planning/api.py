"""Planning over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from sqlalchemy import RowMapping

from carejourney.access import Caller, caller
from carejourney.answering import answer_command, authority_of
from carejourney.duties.answering import duty_router, today
from carejourney.errors import NotFound
from carejourney.http import command_id, expected_version
from carejourney.statements import statement_router
from services.planning.domain import HoldReview, hold_review, state_return
from services.planning.projections import POLICY
from services.planning.tables import open_duties, position_of

ROLES = ("review", "social-work")

TABLES: dict[str, Any] = {
    "reviews": [{"ref": 3, "review": "2025-10-20", "review_code": "PN1"}],
    "sw_episodes": [
        {
            "ref": 6, "sw_decom": "2025-04-01", "sw_id": "0197a3c2-6f00-7d10-9c31-51c0b7e2a940", "sw_dec": None,
            "sw_reason": "FCONTA",
        }
    ],
}  # fmt: skip

router = APIRouter(tags=["planning"])
router.include_router(statement_router("/returns/ssda903", "ssda903", state_return, TABLES, year=2026, remembers=True))
router.include_router(duty_router(POLICY, ROLES))


@router.post("/children/{child}/reviews", status_code=201, summary="Record that a review was held.")
async def hold(
    child: UUID,
    command: HoldReview,
    request: Request,
    response: Response,
    who: Annotated[Caller, Security(caller, scopes=ROLES)],
    command_id: Annotated[UUID, Depends(command_id)],
    expected: Annotated[int | None, Depends(expected_version)],
) -> dict[str, Any]:
    return await answer_command(
        request, response, child, who, command_id, expected, lambda state: hold_review(command, state)
    )


@router.get(
    "/children/{child}/position",
    summary="Where one child's reviewing stands: duties, visits, the social worker.",
    responses={
        200: {
            "content": {
                "application/json": {
                    "example": {
                        "subject": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
                        "in_care": True,
                        "entered_on": "2026-01-05",
                        "first_review_due_on": "2026-02-02",
                        "first_review_state": "open",
                        "overdue": True,
                        "visits_from": "2026-02-19",
                        "missing_now": False,
                    }
                }
            }
        }
    },
)
async def position(
    child: UUID, request: Request, who: Annotated[Caller, Security(caller, scopes=ROLES)]
) -> dict[str, Any]:
    running = request.app.state.running
    await authority_of(running, child, who)
    found = await position_of(running.engine, child)
    if found is None:
        raise NotFound("no child of that pseudonym is known here")
    due_on = found["open_due_on"]
    return {**found, "overdue": due_on is not None and due_on < today(running)}


@router.get(
    "/duties",
    summary="An authority's reviews that are due and not yet held; with overdue, only those past their day.",
    responses={
        200: {
            "content": {
                "application/json": {
                    "example": {
                        "authority": "E08000025",
                        "on": "2026-03-03",
                        "duties": [
                            {
                                "child": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
                                "duty": "planning.first_review",
                                "arose": "2026-01-05",
                                "due": "2026-02-02",
                                "due_on_or_before": False,
                                "state": "overdue",
                                "certainly_overdue": True,
                                "missing_now": False,
                                "worker": None,
                            }
                        ],
                    }
                }
            }
        }
    },
)
async def due(
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
    rows = await open_duties(running.engine, authority, on, overdue=overdue, limit=limit)
    return {"authority": authority, "on": on, "duties": [_due(row, on) for row in rows]}


def _due(row: RowMapping, on: date) -> dict[str, Any]:
    late = row["open_due_on"] < on
    return {
        "child": row["subject"],
        "duty": row["open_duty"],
        "arose": row["open_since"],
        "due": row["open_due_on"],
        "due_on_or_before": row["open_due_on_or_before"],
        "state": "overdue" if late else "pending",
        "certainly_overdue": late and not row["open_due_on_or_before"],
        "missing_now": row["missing_now"],
        "worker": row["worker"],
    }
