"""Reviews as a return states them (SSDA903 Reviews): several may be held on one day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carejourney.duties.recorded import today_in_london
from carejourney.reconcile import Wanted
from events.planning import ReviewHeld
from services.planning.returning import Statement, rejoin

TABLE = "reviews"


@dataclass(frozen=True, slots=True)
class Review:
    """One row: the day, and how the child took part."""

    day: str
    participation: str
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def cells(self) -> tuple[str, str]:
        return (self.day, self.participation)


def take_reviews(statement: Statement, rows: list[dict[str, Any]]) -> None:
    """Want a review for each row; a row that changed is the same review, corrected."""
    stood, withdrawn = _known(statement, retracted=False), _known(statement, retracted=True)
    stated = [Review(row["review"], row["review_code"], row) for row in rows]
    before = {fact.id for fact in statement.state.own if statement.of_this_return(TABLE, fact)}
    matched = rejoin(stood, stated, lambda i: statement.line.whole(TABLE) and i in before)
    for identity, review in matched.pairs:
        _want(statement, identity, review)
    for review in matched.new:
        again = next((i for i, one in withdrawn.items() if one.cells() == review.cells()), None)
        if again:
            del withdrawn[again]
        _want(statement, again, review)
    for identity in matched.gone:
        statement.vanished(TABLE, "REVIEW", (ReviewHeld.wire, identity))


def _known(statement: Statement, *, retracted: bool) -> dict[str, Review]:
    return {
        fact.id: Review(fact.effective or "", fact.data["participation"])
        for fact in statement.state.own
        if fact.type == ReviewHeld.wire and fact.retracted == retracted
    }


def _want(statement: Statement, identity: str | None, review: Review) -> None:
    if _refused(statement, review):
        return
    body = ReviewHeld(participation=review.participation)
    key = (body.wire, identity or statement.record.fresh(body.wire))
    statement.want(key, Wanted(body, review.day, stated=True), TABLE, review.row)


def _refused(statement: Statement, review: Review) -> bool:
    today = today_in_london(statement.state.now).isoformat()
    made = min(statement.line.known_from or today, today)
    if review.day <= made:
        return False
    statement.findings.refuse(
        TABLE, review.row, "REVIEW", "date in the future",
        "a review cannot have been held after the day the return was made",
        "correct REVIEW, or leave the row out until the review was held",
    )  # fmt: skip
    return True
