"""Planning: what a return states of reviews and social workers, and the reviews that are held."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from carejourney.commands import Decided, State
from carejourney.duties.recorded import today_in_london
from carejourney.envelope import Draft
from carejourney.errors import Refusal
from carejourney.statements import Findings, Line
from events.codes import REVIEW_PARTICIPATION
from events.event import Coded
from events.planning import ReviewHeld
from events.strictness import Strict
from services.planning.returning import Statement, reconciliation
from services.planning.reviews import take_reviews
from services.planning.social_workers import take_allocations

_TABLES = {"reviews": take_reviews, "sw_episodes": take_allocations}


def state_return(state: State, line: Line, findings: Findings) -> Decided:
    """The child's reviews and allocations in one return (SSDA903 Reviews, SWEpisodes)."""
    statement = Statement(state, line, findings, reconciliation(state))
    for table, take in _TABLES.items():
        if table in line.tables:
            take(statement, line.tables[table])
    outcome = statement.record.settle()
    return Decided([statement.concerning(draft) for draft in outcome.drafts], outcome.corrections)


class HoldReview(Strict):
    """A review of the child's case took place."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"held_on": "2026-05-14", "participation": "PN1"}]})

    held_on: date
    participation: Annotated[str, Coded(REVIEW_PARTICIPATION), Field(description="How the child took part.")]


def hold_review(command: HoldReview, state: State) -> Decided:
    """Refused: a review in the future. Already so: one on the same day in which the child took part the same way."""
    if command.held_on > today_in_london(state.now):
        raise Refusal("a review cannot have been held in the future; record it when it has been")
    day = command.held_on.isoformat()
    body = ReviewHeld(participation=command.participation)
    for fact in state.own:
        held = fact.type == body.wire and not fact.retracted and fact.effective == day
        if held and fact.data["participation"] == command.participation:
            return Decided()
    return Decided([Draft(state.subject, body, day, body.destination())])
