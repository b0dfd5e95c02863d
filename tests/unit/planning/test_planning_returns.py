from itertools import permutations
from typing import Any

import pytest

from events.planning import ReviewHeld, SocialWorkerAssigned, SocialWorkerEnded
from services.planning.domain import state_return
from tests.unit.planning.made_record import Desk, counts

ANNA = "01980000-0000-7000-8000-00000000a001"
BERT = "01980000-0000-7000-8000-00000000b002"


def review(day: str, code: str = "PN1") -> dict[str, Any]:
    return {"review": day, "review_code": code}


def allocation(decom: str, dec: str | None = None, worker: str = ANNA, reason: str | None = "FCONTA") -> dict[str, Any]:
    return {"sw_decom": decom, "sw_dec": dec, "sw_id": worker, "sw_reason": reason}


def desk() -> Desk:
    return Desk(state_return)


def flagged(decided: Any) -> list[tuple[int | None, str, str]]:
    return [(one["ref"], one["column"], one["rule"]) for one in decided.notes["flagged"]]


REVIEWS = [review("2024-05-02"), review("2024-05-02", "PN3"), review("2024-10-30", "PN2")]
WORKERS = [
    allocation("2024-04-02", "2024-09-01"),
    allocation("2024-09-01", worker=BERT, reason="LEFTRL"),
]


def test_each_row_lands_as_its_facts_and_several_reviews_may_be_held_on_one_day() -> None:
    planning = desk()

    assert counts(planning.is_told(2025, reviews=REVIEWS, sw_episodes=WORKERS)) == (6, 0)
    held = [(day, data["participation"]) for day, data in planning.record.standing_of(ReviewHeld)]
    assert sorted(held) == [("2024-05-02", "PN1"), ("2024-05-02", "PN3"), ("2024-10-30", "PN2")]
    assigned = planning.record.standing_of(SocialWorkerAssigned)
    assert [(day, data["worker"], data["reason"]) for day, data in assigned] == [
        ("2024-04-02", ANNA, "FCONTA"),
        ("2024-09-01", BERT, "LEFTRL"),
    ]


def test_a_return_stated_again_adds_nothing_in_whatever_order_its_rows_come() -> None:
    planning = desk()
    planning.is_told(2025, reviews=REVIEWS, sw_episodes=WORKERS)

    for reviews in permutations(REVIEWS):
        for workers in permutations(WORKERS):
            assert counts(planning.is_told(2025, reviews=reviews, sw_episodes=workers)) == (0, 0)


@pytest.mark.parametrize("changed", [review("2024-10-30", "PN4"), review("2024-10-29", "PN2")], ids=["code", "day"])
def test_a_changed_cell_of_a_review_is_one_correction_and_changed_back_another(changed: dict[str, Any]) -> None:
    planning = desk()
    planning.is_told(2025, reviews=REVIEWS)

    assert counts(planning.is_told(2025, reviews=[*REVIEWS[:2], changed])) == (1, 1)
    assert counts(planning.is_told(2025, reviews=REVIEWS)) == (1, 1)
    assert len(planning.record.standing_of(ReviewHeld)) == 3


def test_a_changed_review_among_several_of_one_day_is_one_correction_whatever_the_order() -> None:
    for rows in permutations([review("2024-05-02", "PN3"), review("2024-05-02", "PN0")]):
        planning = desk()
        planning.is_told(2025, reviews=[review("2024-05-02", "PN1"), review("2024-05-02", "PN3")])

        assert counts(planning.is_told(2025, reviews=rows)) == (1, 1)


@pytest.mark.parametrize(
    "changed",
    [
        allocation("2024-04-03", "2024-09-01"),
        allocation("2024-04-02", "2024-08-31"),
        allocation("2024-04-02", "2024-09-01", worker=BERT),
        allocation("2024-04-02", "2024-09-01", reason="OTHERS"),
    ],
    ids=["sw_decom", "sw_dec", "sw_id", "sw_reason"],
)
def test_a_changed_cell_of_an_allocation_is_one_correction_and_changed_back_another(changed: dict[str, Any]) -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=WORKERS)

    assert counts(planning.is_told(2025, sw_episodes=[changed, WORKERS[1]])) == (1, 1)
    assert counts(planning.is_told(2025, sw_episodes=WORKERS)) == (1, 1)


def test_an_end_filled_in_is_a_new_fact_and_an_end_withdrawn_and_stated_again_two_corrections() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=[allocation("2024-04-02")])
    ended = allocation("2024-04-02", "2024-09-01")

    assert counts(planning.is_told(2025, sw_episodes=[ended])) == (1, 0)
    assert counts(planning.is_told(2025, sw_episodes=[allocation("2024-04-02")])) == (1, 1)
    assert planning.record.standing_of(SocialWorkerEnded) == []
    assert counts(planning.is_told(2025, sw_episodes=[ended])) == (1, 1)
    assert [day for day, _ in planning.record.standing_of(SocialWorkerEnded)] == ["2024-09-01"]


def test_last_years_return_stated_again_does_not_open_what_this_years_return_closed() -> None:
    planning = desk()
    still_open, closed = [allocation("2024-04-02")], [allocation("2024-04-02", "2025-06-01")]
    planning.is_told(2025, sw_episodes=still_open)
    planning.is_told(2026, sw_episodes=closed)

    assert counts(planning.is_told(2025, sw_episodes=still_open)) == (0, 0)
    assert counts(planning.is_told(2026, sw_episodes=closed)) == (0, 0)


@pytest.mark.parametrize(
    ("tables", "restated"),
    [
        ({"reviews": [review("2025-03-30")]}, {"reviews": [review("2025-03-30", "PN4")]}),
        ({"sw_episodes": [allocation("2025-03-02")]}, {"sw_episodes": [allocation("2025-03-03")]}),
        (
            {"sw_episodes": [allocation("2025-03-02", "2025-03-09")]},
            {"sw_episodes": [allocation("2025-03-02")]},
        ),
        (
            {"sw_episodes": [allocation("2025-03-02")]},
            {"sw_episodes": [allocation("2025-03-02", reason="OTHERS")]},
        ),
    ],
    ids=["review", "start", "end", "reason"],
)
def test_an_older_return_told_again_changes_nothing_a_later_one_has_said_since(
    tables: dict[str, Any], restated: dict[str, Any]
) -> None:
    planning = desk()
    planning.is_told(2025, **tables)
    assert planning.is_told(2026, **restated).corrections == 1

    again = planning.is_told(2025, **tables)
    assert (counts(again), [rule for _, _, rule in flagged(again)]) == ((0, 0), ["older_return"])
    assert counts(planning.is_told(2026, **restated)) == (0, 0)


def test_a_row_that_vanished_is_flagged_and_retracted_only_by_a_complete_return_of_the_same_year() -> None:
    planning = desk()
    planning.is_told(2025, reviews=REVIEWS[:1], sw_episodes=WORKERS)
    planning.is_told(2026, reviews=[review("2025-04-30")], sw_episodes=[WORKERS[1]], complete=True)
    assert len(planning.record.standing_of(ReviewHeld)) == 2

    kept = planning.is_told(2025, reviews=[], sw_episodes=WORKERS)
    assert (counts(kept), flagged(kept)) == ((0, 0), [(None, "REVIEW", "vanished")])
    assert kept.notes["flagged"][0]["reason"].startswith("the row of reviews with REVIEW 02/05/2024 was stated before")
    dropped = planning.is_told(2025, reviews=[], sw_episodes=WORKERS, complete=True)
    assert (counts(dropped), flagged(dropped)) == ((1, 1), [(None, "REVIEW", "vanished")])
    assert [day for day, _ in planning.record.standing_of(ReviewHeld)] == ["2025-04-30"]


def test_an_allocation_that_lasted_into_a_year_whose_return_states_no_worker_of_the_child_is_not_missed() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=[allocation("2024-04-02")])

    told = planning.is_told(2026, sw_episodes=[], complete=True)
    assert (counts(told), flagged(told)) == ((0, 0), [])


def test_an_allocation_that_lasted_into_a_year_whose_return_states_another_is_flagged_and_kept() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=[allocation("2024-04-02")])

    told = planning.is_told(2026, sw_episodes=[allocation("2025-06-01", worker=BERT, reason="LEFTRL")], complete=True)
    assert (counts(told), flagged(told)) == ((1, 0), [(None, "SW_DECOM", "vanished")])
    assert "with SW_DECOM 02/04/2024 belongs in this return as well" in told.notes["flagged"][0]["reason"]


def test_another_worker_from_another_day_is_a_new_allocation_though_the_last_one_is_missing() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=[allocation("2024-04-02", reason="TSPROC")])

    told = planning.is_told(2025, sw_episodes=[allocation("2024-09-01", worker=BERT, reason="TSPROC")])
    assert (counts(told), flagged(told)) == ((1, 0), [(None, "SW_DECOM", "vanished")])


def test_an_allocation_that_vanished_takes_its_end_with_it_and_comes_back_whole() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=WORKERS)

    planning.is_told(2025, sw_episodes=WORKERS[1:], complete=True)
    assert planning.record.standing_of(SocialWorkerEnded) == []
    planning.is_told(2025, sw_episodes=WORKERS)
    assert len(planning.record.standing_of(SocialWorkerAssigned)) == 2
    assert len(planning.record.standing_of(SocialWorkerEnded)) == 1
    assert counts(planning.is_told(2025, sw_episodes=WORKERS)) == (0, 0)


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [("reviews", review("2024-05-02"), "REVIEW"), ("sw_episodes", allocation("2024-04-02"), "SW_DECOM")],
)
def test_a_row_that_only_repeated_last_years_return_is_missed_and_taken_back_when_it_vanishes(
    table: str, row: dict[str, Any], column: str
) -> None:
    planning = desk()
    held: dict[str, Any] = {table: [row]}
    gone: dict[str, Any] = {table: []}
    first, again = (planning.is_told(year, **held) for year in (2025, 2026))
    assert (counts(first), counts(again)) == ((1, 0), (0, 0))

    older = planning.is_told(2025, complete=True, **gone)
    assert (counts(older), flagged(older)) == ((0, 0), [(None, column, "vanished")])
    kept, dropped = (planning.is_told(2026, complete=complete, **gone) for complete in (False, True))
    assert (counts(kept), flagged(kept)) == ((0, 0), [(None, column, "vanished")])
    assert (counts(dropped), flagged(dropped)) == ((1, 1), [(None, column, "vanished")])
    assert counts(planning.is_told(2025, **held)) == (0, 0)


def test_a_review_that_repeated_last_years_return_and_then_has_another_day_is_corrected() -> None:
    planning = desk()
    for year in (2025, 2026):
        planning.is_told(year, reviews=[review("2024-05-02")])

    assert counts(planning.is_told(2026, reviews=[review("2024-05-03")])) == (1, 1)
    assert [day for day, _ in planning.record.standing_of(ReviewHeld)] == ["2024-05-03"]


def test_a_table_the_return_does_not_hold_makes_nothing_vanish() -> None:
    planning = desk()
    planning.is_told(2025, reviews=REVIEWS, sw_episodes=WORKERS)

    again = planning.is_told(2025, reviews=REVIEWS, complete=True)
    assert (counts(again), flagged(again)) == ((0, 0), [])


def test_a_review_in_the_future_is_refused_and_the_others_are_taken() -> None:
    told = desk().is_told(2027, reviews=[review("2026-05-01"), review("2026-08-01")])

    assert counts(told) == (1, 0)
    assert [(one["ref"], one["column"]) for one in told.notes["refused"]] == [(2, "REVIEW")]


def test_a_review_after_the_day_a_historic_return_was_made_is_refused() -> None:
    told = desk().is_told(2024, reviews=[review("2024-06-02")], known_from="2024-06-01")

    assert counts(told) == (0, 0)
    assert told.notes["refused"][0]["value_class"] == "date in the future"


def test_a_row_that_is_refused_does_not_make_what_it_states_vanish() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=WORKERS)

    wrong = allocation("2024-04-02", "2024-04-01")
    told = planning.is_told(2025, sw_episodes=[wrong, WORKERS[1]], complete=True)
    assert counts(told) == (0, 0)
    assert [(one["ref"], one["column"]) for one in told.notes["refused"]] == [(1, "SW_DEC")]
    assert flagged(told) == []


@pytest.mark.parametrize(
    ("second", "rule"),
    [("2024-08-30", "social-worker-overlap"), ("2024-09-03", "social-worker-gap")],
)
def test_two_workers_at_once_or_none_for_a_while_are_recorded_and_flagged(second: str, rule: str) -> None:
    told = desk().is_told(2025, sw_episodes=[WORKERS[0], allocation(second, worker=BERT)])

    assert counts(told) == (3, 0)
    assert flagged(told) == [(2, "SW_DECOM", rule)]


def test_every_fact_of_an_allocation_names_the_worker_it_concerns() -> None:
    planning = desk()
    planning.is_told(2025, sw_episodes=[WORKERS[0]])
    planning.is_told(2025, sw_episodes=[allocation("2024-04-02", "2024-08-31", worker=BERT)])

    assert [draft.concerns for draft in planning.drafts] == [(ANNA,), (ANNA,), (ANNA, BERT), (ANNA, BERT)]
