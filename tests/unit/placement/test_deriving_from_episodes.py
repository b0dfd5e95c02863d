"""What follows from a child's statutory episodes."""

import pytest

from events.codes import LEGAL_STATUS
from tests.builders import FAR, HOME, NEAR, Child, an_episode

FIRST = an_episode("2025-05-01", dec="2025-07-01", rec="X1", reason_place_change="CARPL", home_post=HOME, pl_post=NEAR)
NEXT = {"ls": "E1", "place": "K2", "pl_post": FAR, "home_post": HOME}


def test_a_child_whose_first_row_starts_a_period_entered_care_on_that_day() -> None:
    child = Child()
    child.states(an_episode("2025-05-01"))
    (entered,) = child.standing("child_entered_care")
    assert (entered.effective, entered.data["on_or_before"]) == ("2025-05-01", False)
    assert child.headlines == [
        ("child_entered_care", "2025-05-01"), ("legal_status_changed", "2025-05-01"),
        ("placement_started", "2025-05-01"),
    ]  # fmt: skip


@pytest.mark.parametrize("rne", ["L", "P", "T", "B", "U"])
def test_a_child_whose_first_row_does_not_start_a_period_entered_care_on_or_before_that_day(rne: str) -> None:
    child = Child()
    child.states(an_episode("2025-05-01", rne=rne))
    (entered,) = child.standing("child_entered_care")
    assert (entered.effective, entered.data["on_or_before"]) == ("2025-05-01", True)


@pytest.mark.parametrize(
    ("rne", "cells", "status_changes", "moves", "carer_changes"),
    [
        ("L", {"ls": "E1", "pl_post": NEAR}, True, False, False),
        ("P", {"place": "K2"}, False, True, True),
        ("T", {"place": "U4"}, False, True, False),
        ("B", {"ls": "E1", "place": "K2"}, True, True, True),
        ("U", {"ls": "E1", "place": "U4"}, True, True, False),
    ],
)
def test_the_reason_for_a_new_episode_tells_what_changed(
    rne: str, cells: dict[str, str], *, status_changes: bool, moves: bool, carer_changes: bool
) -> None:
    child = Child()
    child.states(FIRST, an_episode("2025-07-01", rne=rne, **{"home_post": HOME, "pl_post": NEAR, **cells}))
    assert (("legal_status_changed", "2025-07-01") in child.headlines) is status_changes
    assert (("placement_moved", "2025-07-01") in child.headlines) is moves
    assert [f.data["carer_changed"] for f in child.standing("placement_moved")] == [carer_changes] * moves


def test_a_move_names_the_placement_that_ended_and_the_one_that_began() -> None:
    child = Child()
    child.states(FIRST, an_episode("2025-07-01", rne="B", **NEXT))
    (moved,), (ended,) = child.standing("placement_moved"), child.standing("placement_ended")
    _, started = child.standing("placement_started")
    assert (moved.data["ended"], moved.data["started"]) == (ended.id, started.id)
    assert (moved.data["from_type"], moved.data["to_type"], moved.data["reason"]) == ("U6", "K2", "CARPL")
    assert (moved.data["placement_area"], moved.data["distance_miles"]) == ("E06000016", 36.5)
    assert (ended.effective, ended.data["reason"]) == ("2025-07-01", "CARPL")


def test_a_change_of_legal_status_names_the_status_before() -> None:
    child = Child()
    child.states(FIRST, an_episode("2025-07-01", rne="L", ls="E1", home_post=HOME, pl_post=NEAR))
    first, second = child.standing("legal_status_changed")
    assert (first.data["previous"], second.data["previous"]) == (None, "C2")
    assert child.standing("placement_moved") == []


def test_a_move_with_the_same_carer_is_marked_so_and_never_hidden() -> None:
    child = Child()
    child.states(FIRST, an_episode("2025-07-01", rne="T", place="U4", home_post=HOME, pl_post=NEAR))
    (moved,) = child.standing("placement_moved")
    assert moved.data["carer_changed"] is False
    assert moved.data["reason"] == "CARPL"


def test_an_episode_that_continues_is_not_the_end_of_care() -> None:
    child = Child()
    child.states(an_episode("2025-05-01", dec="2025-07-01", rec="X1"))
    assert child.standing("child_left_care") == []
    assert child.standing("placement_ended") == []


def test_a_child_leaves_care_with_a_reason_and_the_placement_ends() -> None:
    child = Child()
    child.states(an_episode("2025-05-01", dec="2025-07-01", rec="E4A"))
    (left,), (ended,) = child.standing("child_left_care"), child.standing("placement_ended")
    assert (left.effective, left.data["reason"], ended.effective) == ("2025-07-01", "E4A", "2025-07-01")


def test_a_child_who_left_care_enters_it_again() -> None:
    child = Child()
    said = child.states(an_episode("2025-05-01", dec="2025-07-01", rec="E4A"), an_episode("2025-11-01", ls="V2"))
    assert [f.effective for f in child.standing("child_entered_care")] == ["2025-05-01", "2025-11-01"]
    assert [f.effective for f in child.standing("child_left_care")] == ["2025-07-01"]
    assert child.standing("placement_moved") == []
    assert said.flagged == []


@pytest.mark.source("ES.fn1")
@pytest.mark.parametrize("status", [code.code for code in LEGAL_STATUS])
def test_a_child_is_in_care_on_any_legal_basis_and_a_change_of_basis_does_not_end_the_period(status: str) -> None:
    child = Child()
    other = "V2" if status == "C2" else "C2"
    child.states(
        an_episode("2025-05-01", ls=status, dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="L", ls=other)
    )
    assert [f.data["legal_status"] for f in child.standing("child_entered_care")] == [status]
    assert [f.data["legal_status"] for f in child.standing("legal_status_changed")] == [status, other]
    assert child.standing("child_left_care") == []


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-06-01", rne="P", place="K2")], "episode-overlap"),
        ([an_episode(), an_episode("2025-06-01", rne="P", place="K2")], "episode-overlap"),
        ([an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-08-01", rne="P", place="K2")], "episode-gap"),
        ([an_episode(rec="E4A")], "reason-on-open-episode"),
        ([an_episode(reason_place_change="CARPL")], "reason-on-open-episode"),
        ([an_episode(dec="2025-07-01")], "end-without-reason"),
        ([an_episode(dec="2025-07-01", rec="E4A"), an_episode("2025-08-01", rne="P")], "care-not-entered"),
        ([an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="S")], "care-not-left"),
        ([an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="L")], "reason-does-not-fit"),
        ([an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="P", ls="E1")], "reason-does-not-fit"),
    ],
)
def test_what_the_sector_would_question_is_flagged_and_recorded_as_stated(
    rows: list[dict[str, str]], rule: str
) -> None:
    child = Child()
    said = child.states(*rows)
    assert said.rules.count(rule) == 1
    assert said.refused == []
    stated = sorted((r["decom"], r["rne"], r.get("dec"), r.get("rec"), r.get("reason_place_change")) for r in rows)
    known = [(e.decom, e.rne, e.dec, e.rec, e.reason_place_change) for e in child.episodes.values()]
    assert sorted(known) == stated


def test_an_episode_that_ends_before_it_begins_is_refused_and_the_others_are_taken() -> None:
    child = Child()
    said = child.states(FIRST, an_episode("2025-07-01", rne="P", place="K2", dec="2025-06-01", rec="X1"))
    (refusal,) = said.refused
    assert (refusal["table"], refusal["ref"], refusal["column"]) == ("episodes", 1, "DEC")
    assert refusal["reason"]
    assert refusal["remedy"]
    assert [e.decom for e in child.episodes.values()] == ["2025-05-01"]
