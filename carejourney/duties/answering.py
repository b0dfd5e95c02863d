"""What a service answers when asked for one child's duties: out of its own copy, on any day, as known on any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Security

from carejourney import owncopy
from carejourney.access import Caller, caller
from carejourney.answering import authority_of
from carejourney.duties.evaluation import DutyState, duties
from carejourney.duties.policy import Policy
from carejourney.duties.recorded import Looking, today_in_london
from carejourney.envelope import instant
from carejourney.errors import Malformed
from carejourney.keys import FORGOTTEN, open_fields
from carejourney.projection import ordered
from carejourney.standing import Standing

_LONDON = ZoneInfo("Europe/London")

EXAMPLE: dict[str, Any] = {
    "child": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
    "on": "2026-03-03",
    "known_on": "2026-03-03",
    "duties": [
        {
            "duty": "planning.first_review",
            "state": "overdue",
            "arose": "2026-01-05",
            "due": "2026-02-02",
            "due_on_or_before": False,
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The day asked about (None: today), and the instant, exclusive, up to which facts count as known."""

    on: date | None
    known_on: str | None
    known_before: str | None


def asked(
    on: Annotated[date | None, Query(description="The day asked about; today where absent.")] = None,
    known_on: Annotated[
        str | None, Query(max_length=40, description="A day (to its end in London) or an instant; now where absent.")
    ] = None,
) -> Asked:
    """The question's two times. FastAPI dependency; raises `Malformed` naming the field."""
    return Asked(on, known_on, _known_before(known_on) if known_on else None)


def _known_before(text: str) -> str:
    try:
        if len(text) == len("2026-03-03"):
            after = date.fromisoformat(text) + timedelta(days=1)
            return instant(datetime.combine(after, time(), _LONDON))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Malformed("known_on: must be an ISO day or instant", field="known_on") from error
    return instant((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) + timedelta(microseconds=1))


def today(running: Any) -> date:
    """The day it is for a running service, by its own clock."""
    clock = running.parts.clock
    return today_in_london(clock() if clock else None)


async def standing_facts(running: Any, child: UUID, known_before: str | None = None) -> list[Standing]:
    """The child's standing facts in the service's own copy, as known before an instant."""
    async with running.pool.acquire() as connection:
        facts = (await owncopy.facts_of(connection, [child]))[child]
    return ordered((f for f in facts if known_before is None or f.known < known_before), running.kinds)


def duty_router(policy: Policy, roles: Sequence[str], *, born_in: str | None = None) -> APIRouter:
    """`GET /children/{child}/duties`. `born_in` is the fact type that holds the date of birth, where terms need it."""
    router = APIRouter(tags=["duties"])
    looking = Looking(policy)

    @router.get(
        "/children/{child}/duties",
        summary="What should have happened for one child, and why then.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
    )
    async def of_child(
        child: UUID,
        request: Request,
        question: Annotated[Asked, Depends(asked)],
        who: Annotated[Caller, Security(caller, scopes=roles)],
    ) -> dict[str, Any]:
        running = request.app.state.running
        await authority_of(running, child, who)
        facts = await standing_facts(running, child, question.known_before)
        on = question.on or today(running)
        born = await _born(running, child, facts, born_in)
        states = duties(looking.all_said(facts), policy, on, born=born)
        return {
            "child": str(child), "on": on.isoformat(), "known_on": question.known_on,
            "duties": [described(state) for state in states],
        }  # fmt: skip

    return router


async def _born(running: Any, child: UUID, facts: Sequence[Standing], born_in: str | None) -> date | None:
    details = next((f for f in reversed(facts) if f.type == born_in), None)
    if details is None:
        return None
    keys = await running.keys.of([child])
    text = open_fields(details.data, keys.get(child)).get("date_of_birth")
    return date.fromisoformat(text) if text and text != FORGOTTEN else None


def described(state: DutyState) -> dict[str, Any]:
    """A duty state as JSON has it."""
    return {
        **{name: msgspec.to_builtins(getattr(state, name)) for name in _DESCRIBED},
        "evidence": list(state.evidence),
    }


_DESCRIBED = (
    "occurrence", "duty", "version", "title", "state", "arose", "due", "due_on_or_before", "root", "settled_by",
    "settled_on", "fell_overdue", "certainly_overdue", "owner", "escalates_to", "explanation",
)  # fmt: skip
