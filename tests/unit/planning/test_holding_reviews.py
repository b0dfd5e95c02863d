from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from carejourney.commands import State
from carejourney.errors import Refusal
from events.planning import ReviewHeld
from services.planning.domain import HoldReview, hold_review
from tests.unit.planning.made_record import CHILD, START, Record


def state(record: Record | None = None) -> State:
    return State(CHILD, record.own() if record else [], START)


def test_a_review_that_was_held_is_recorded_on_its_day() -> None:
    decided = hold_review(HoldReview(held_on=date(2026, 5, 14), participation="PN1"), state())

    assert [(draft.body, draft.effective) for draft in decided.drafts] == [
        (ReviewHeld(participation="PN1"), "2026-05-14")
    ]


def test_a_review_cannot_have_been_held_tomorrow() -> None:
    tomorrow = HoldReview(held_on=START.date() + timedelta(days=1), participation="PN1")

    with pytest.raises(Refusal, match="cannot have been held in the future"):
        hold_review(tomorrow, state())


def test_the_same_review_recorded_again_changes_nothing_and_another_of_the_day_does() -> None:
    record = Record()
    record.says(ReviewHeld(participation="PN1"), "2026-05-14")

    same, other = (HoldReview(held_on=date(2026, 5, 14), participation=code) for code in ("PN1", "PN3"))
    assert hold_review(same, state(record)).drafts == []
    assert len(hold_review(other, state(record)).drafts) == 1


def test_a_way_of_taking_part_that_no_code_names_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be one of PN0, PN1"):
        HoldReview(held_on=date(2026, 5, 14), participation="PN9")
