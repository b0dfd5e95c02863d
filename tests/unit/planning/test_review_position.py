from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from carejourney.projection import fold
from events.missing import ChildReturned, ChildWentMissing
from events.placement import ChildEnteredCare, ChildLeftCare, LegalStatusChanged, PlacementMoved
from events.planning import ReviewHeld, SocialWorkerAssigned, SocialWorkerEnded
from services.planning.projections import KEEPS, POLICY, POSITION
from tests.unit.planning.made_record import KINDS, Record, after_arriving, interleavings, row_of

ANNA = "01980000-0000-7000-8000-00000000a001"
BERT = "01980000-0000-7000-8000-00000000b002"
STARTED = "01980000-0000-7000-8000-00000000d004"
LAST_EPISODE = "01980000-0000-7000-8000-00000000e005"


def entered(record: Record, day: str = "2024-01-08", **details: Any) -> str:
    return record.says(ChildEnteredCare(legal_status="C2", category_of_need="N1", **details), day)


def moved(record: Record, day: str) -> str:
    return record.says(PlacementMoved(started=STARTED, from_type="U6", to_type="K2"), day)


def shown(record: Record, *columns: str) -> tuple[Any, ...]:
    row = row_of(POSITION, record.facts)
    return tuple(row[column] for column in columns)


def first_review(record: Record) -> tuple[Any, ...]:
    return shown(record, "first_review_state", "first_review_due_on", "first_review_met_on")


DUE = date(2024, 2, 5)


def test_a_child_who_entered_care_has_a_first_review_due_in_twenty_working_days() -> None:
    record = Record()
    entered(record)

    assert first_review(record) == ("open", DUE, None)
    assert shown(record, "in_care", "open_duty", "open_due_on") == (True, "planning.first_review", DUE)


def test_a_review_held_meets_the_first_and_makes_the_second_due() -> None:
    record = Record()
    entered(record)
    record.says(ReviewHeld(participation="PN1"), "2024-01-31")

    assert first_review(record) == ("met", DUE, date(2024, 1, 31))
    assert shown(record, "last_review_on", "participation") == (date(2024, 1, 31), "PN1")
    assert shown(record, "open_duty", "open_due_on") == ("planning.second_review", date(2024, 4, 30))


def test_a_review_corrected_to_a_day_after_the_due_date_was_held_late() -> None:
    record = Record()
    entered(record)
    held = record.says(ReviewHeld(participation="PN1"), "2024-01-31")
    record.corrects(held, ReviewHeld(participation="PN1"), "2024-02-06")

    assert first_review(record) == ("met_late", DUE, date(2024, 2, 6))


def test_care_known_on_or_before_a_day_has_a_due_date_on_or_before() -> None:
    record = Record()
    entered(record, on_or_before=True)

    assert shown(record, "on_or_before", "first_review_due_on_or_before", "open_due_on_or_before") == (True,) * 3


def test_a_child_who_left_care_is_owed_no_review() -> None:
    record = Record()
    entered(record)
    record.says(ChildLeftCare(reason="E4A"), "2024-01-19")

    assert shown(record, "in_care", "first_review_state", "open_duty") == (False, "ended", None)


def test_a_period_of_care_that_ends_on_the_day_it_began_is_over() -> None:
    record = Record()
    entered(record, episode=LAST_EPISODE)
    record.says(ChildLeftCare(episode=LAST_EPISODE, reason="E4A"), "2024-01-08")

    assert shown(record, "in_care", "entered_on") == (False, date(2024, 1, 8))


def test_visits_start_anew_with_a_move_and_a_move_of_an_earlier_period_counts_no_more() -> None:
    record = Record()
    entered(record)
    moved(record, "2024-02-10")
    assert shown(record, "visits_from") == (date(2024, 2, 10),)

    record.says(ChildLeftCare(reason="E4A"), "2024-03-01")
    entered(record, "2024-06-01")
    assert shown(record, "visits_from") == (None,)


def test_a_child_is_missing_until_every_absence_has_its_return() -> None:
    record = Record()
    first = record.says(ChildWentMissing(kind="M"), "2024-02-01")
    record.says(ChildWentMissing(kind="A"), "2024-02-03")
    record.says(ChildReturned(incident=first), "2024-02-02")

    assert shown(record, "missing_now", "missing_since") == (True, date(2024, 2, 3))


def test_a_child_who_returned_on_the_day_it_went_missing_is_not_missing() -> None:
    record = Record()
    gone = record.says(ChildWentMissing(kind="M"), "2024-02-01")
    record.says(ChildReturned(incident=gone), "2024-02-01")

    assert shown(record, "missing_now", "missing_since") == (False, None)


def test_the_worker_shown_is_the_last_one_assigned_whose_allocation_has_not_ended() -> None:
    record = Record()
    first = record.says(SocialWorkerAssigned(worker=ANNA), "2024-01-08")
    record.says(SocialWorkerEnded(assignment=first), "2024-03-01")
    second = record.says(SocialWorkerAssigned(worker=BERT), "2024-03-01")
    assert shown(record, "worker", "worker_since") == (UUID(BERT), date(2024, 3, 1))

    record.says(SocialWorkerEnded(assignment=second), "2024-03-01")
    assert shown(record, "worker") == (None,)


def test_a_retracted_entry_leaves_nothing_due() -> None:
    record = Record()
    record.retracts(entered(record), ChildEnteredCare)

    assert shown(record, "in_care", "first_review_state", "open_duty") == (False, None, None)


def busy_record() -> Record:
    record = Record()
    entered(record, on_or_before=True)
    record.says(LegalStatusChanged(legal_status="V2"), "2024-01-08")
    gone = record.says(ChildWentMissing(kind="M"), "2024-02-01T21:00:00.000000Z")
    record.says(ReviewHeld(participation="PN1"), "2024-02-01")
    record.says(ReviewHeld(participation="PN4"), "2024-01-30")
    worker = record.says(SocialWorkerAssigned(worker=ANNA), "2024-01-09")
    moved(record, "2024-02-20")
    moved(record, "2024-01-20")
    record.says(SocialWorkerEnded(assignment=worker), "2024-01-09")
    record.says(ChildReturned(incident=gone), "2024-02-02T07:30:00.000000Z")
    record.says(ChildLeftCare(reason="E4A"), "2024-03-01")
    record.corrects(worker, SocialWorkerAssigned(worker=BERT), "2024-01-08")
    entered(record, "2024-06-01")
    record.says(SocialWorkerAssigned(worker=BERT), "2024-06-01")
    return record


BUSY = busy_record()


@given(interleavings(BUSY.facts))
def test_the_position_does_not_depend_on_the_order_of_arrival(arrivals: list[Any]) -> None:
    arrived = after_arriving(POSITION, arrivals)

    assert arrived == fold(POSITION, BUSY.facts, KINDS)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record of one child: what is begun may be ended, what was said corrected or retracted."""
    record, gone, assigned = Record(), [STARTED], [STARTED]
    acts: list[Callable[[str], object]] = [
        lambda day: entered(record, day, on_or_before=draw(st.booleans()), episode=LAST_EPISODE),
        lambda day: record.says(ChildLeftCare(reason="E4A", episode=LAST_EPISODE), day),
        lambda day: record.says(LegalStatusChanged(legal_status=draw(st.sampled_from(["C2", "V4"]))), day),
        lambda day: moved(record, day),
        lambda day: record.says(ReviewHeld(participation=draw(st.sampled_from(["PN1", "PN4"]))), day),
        lambda day: gone.append(record.says(ChildWentMissing(kind="M"), day)),
        lambda day: record.says(ChildReturned(incident=draw(st.sampled_from(gone))), day),
        lambda day: assigned.append(record.says(SocialWorkerAssigned(worker=ANNA), day)),
        lambda day: record.says(SocialWorkerEnded(assignment=draw(st.sampled_from(assigned))), day),
        lambda day: record.corrects(draw(st.sampled_from(assigned)), SocialWorkerAssigned(worker=BERT), day),
        lambda _: record.retracts(draw(st.sampled_from(gone)), ChildWentMissing),
    ]
    for act, days in draw(st.lists(st.tuples(st.sampled_from(acts), st.integers(0, 9)), max_size=14)):
        act((date(2024, 1, 8) + timedelta(days=days)).isoformat())
    return record


@given(records(), st.data())
def test_no_position_of_any_record_depends_on_the_order_of_arrival(record: Record, data: st.DataObject) -> None:
    arrivals = data.draw(interleavings(record.facts))

    assert after_arriving(POSITION, arrivals) == fold(POSITION, record.facts, KINDS)


@given(st.integers(0, len(BUSY.facts)))
def test_after_any_number_of_facts_the_position_is_the_fold_of_them(number: int) -> None:
    so_far = BUSY.facts[:number]

    assert after_arriving(POSITION, so_far) == fold(POSITION, so_far, KINDS)


def test_the_copy_keeps_all_the_position_and_the_policy_look_at_and_corrections() -> None:
    assert POSITION.handles | POLICY.fact_types() <= KEEPS
    assert {"correction.fact_corrected", "correction.fact_retracted"} <= KEEPS
