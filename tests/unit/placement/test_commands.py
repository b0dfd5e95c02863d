"""What a person may record of a child's care, placement and absence, and what is refused."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from carejourney.commands import Decided
from carejourney.errors import NotFound, Refusal
from services.placement import domain
from tests.builders import FAR, HOME, NEAR, NOW, Child, Gazetteer, Said, an_episode

ENTRY: dict[str, Any] = {
    "on": date(2026, 1, 12), "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
    "placement_provider": "PR1", "home_postcode": HOME, "placement_postcode": NEAR,
}  # fmt: skip
MOVE: dict[str, Any] = {
    "on": date(2026, 3, 2), "placement_type": "K2", "placement_provider": "PR4", "placement_postcode": FAR,
    "reason": "CREQB", "manner": "emergency",
}  # fmt: skip
WENT = datetime(2026, 5, 3, 21, 15, tzinfo=UTC)
BACK = datetime(2026, 5, 4, 5, 40, tzinfo=UTC)


def enters(child: Child, **cells: Any) -> Said:
    command = domain.EnterCare(**{**ENTRY, **cells})
    return child.does(lambda state: domain.enter_care(command, state, Gazetteer()))


def moves(child: Child, **cells: Any) -> Said:
    command = domain.MovePlacement(**{**MOVE, **cells})
    return child.does(lambda state: domain.move_placement(command, state, Gazetteer()))


def changes_status(child: Child, on: date, status: str) -> Said:
    command = domain.ChangeLegalStatus(on=on, legal_status=status)
    return child.does(lambda state: domain.change_legal_status(command, state, Gazetteer()))


def leaves(child: Child, on: date = date(2026, 5, 1), reason: str = "E4A") -> Said:
    command = domain.LeaveCare(on=on, reason=reason)
    return child.does(lambda state: domain.leave_care(command, state, Gazetteer()))


def goes_missing(child: Child, at: datetime = WENT) -> Said:
    return child.does(partial(domain.go_missing, domain.GoMissing(at=at, kind="M")))


def comes_back(child: Child, at: datetime = BACK) -> Said:
    return child.does(partial(domain.come_back, domain.ComeBack(at=at)))


def is_interviewed(child: Child, incident: str, **parts: Any) -> Said:
    command = domain.HoldReturnInterview(**{"at": BACK, "incident": incident, "outcome": "held", **parts})
    return child.does(partial(domain.hold_return_interview, command))


def in_care(now: datetime = NOW) -> Child:
    child = Child(now)
    enters(child)
    return child


def test_a_child_enters_care() -> None:
    said = enters(Child())
    assert said.types == ["episode_started", "child_entered_care", "legal_status_changed", "placement_started"]
    assert {f.effective for f in said.facts} == {"2026-01-12"}
    assert [f.headers["ce_origin"] for f in said.facts] == ["person", "computed", "computed", "computed"]


def test_a_child_in_care_cannot_enter_it() -> None:
    with pytest.raises(Refusal, match="in care already"):
        enters(in_care(), on=date(2026, 2, 1))


def test_a_child_cannot_enter_care_tomorrow() -> None:
    with pytest.raises(Refusal, match="future"):
        enters(Child(), on=date(2026, 6, 2))


def test_a_child_enters_care_today_by_the_day_in_england() -> None:
    just_after_midnight = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert enters(Child(just_after_midnight), on=date(2026, 6, 2)).facts


def test_a_code_that_does_not_exist_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValidationError) as refused:
        enters(Child(), legal_status="Q9")
    (fault,) = refused.value.errors()
    assert "is not a code of LS: it must be one of C1, C2" in fault["msg"]
    assert "Q9" not in fault["msg"]


def test_a_child_moves_in_an_emergency() -> None:
    child = in_care()
    said = moves(child)
    assert sorted(said.types) == [
        "episode_ended", "episode_started", "placement_ended", "placement_moved", "placement_started",
    ]  # fmt: skip
    (moved,) = child.standing("placement_moved")
    assert (moved.data["manner"], moved.data["reason"], moved.data["distance_miles"]) == ("emergency", "CREQB", 36.5)
    assert said.corrections == 0


def test_the_same_move_said_again_stays_quiet_and_another_provider_does_not() -> None:
    child = in_care()
    moves(child)
    assert moves(child).nothing
    assert moves(child, placement_provider="PR5").facts


@pytest.mark.parametrize("same_carer", [True, False])
def test_a_move_says_whether_the_carer_stays(*, same_carer: bool) -> None:
    child = in_care()
    moves(child, same_carer=same_carer)
    assert [f.data["carer_changed"] for f in child.standing("placement_moved")] == [not same_carer]


def test_a_child_cannot_move_before_the_placement_began() -> None:
    with pytest.raises(Refusal, match="lies before it"):
        moves(in_care(), on=date(2026, 1, 11))


@pytest.mark.parametrize("act", [moves, leaves, partial(changes_status, on=date(2026, 5, 1), status="C2")])
def test_a_child_who_is_not_in_care_can_neither_move_nor_change_status_nor_leave(act: Any) -> None:
    with pytest.raises(Refusal, match="not in care"):
        act(Child())


def test_a_childs_legal_status_changes_and_the_placement_stays() -> None:
    child = in_care()
    said = changes_status(child, date(2026, 2, 3), "C2")
    assert sorted(said.types) == ["episode_ended", "episode_started", "legal_status_changed"]
    assert changes_status(child, date(2026, 2, 4), "C2").nothing
    assert len(child.standing("placement_started")) == 1


def test_a_child_leaves_care_and_may_enter_it_again() -> None:
    child = in_care()
    assert sorted(leaves(child).types) == ["child_left_care", "episode_ended", "placement_ended"]
    assert leaves(child).nothing
    enters(child, on=date(2026, 5, 20))
    assert [f.effective for f in child.standing("child_entered_care")] == ["2026-01-12", "2026-05-20"]


def test_a_child_does_not_leave_care_because_an_episode_continues() -> None:
    with pytest.raises(Refusal, match="care goes on"):
        leaves(in_care(), reason="X1")


def test_a_child_goes_missing_comes_back_and_is_interviewed() -> None:
    child = in_care()
    (went,) = goes_missing(child).facts
    (back,) = comes_back(child).facts
    assert (went.effective, back.data["incident"]) == ("2026-05-03T21:15:00.000000Z", went.id)
    (held,) = is_interviewed(child, went.id, words="I wanted to see my brother").facts
    assert "brother" not in held.payload.decode()
    assert [f.data["words"] for f in child.standing("return_interview_held")] == ["I wanted to see my brother"]


def test_what_is_said_again_of_an_absence_stays_quiet() -> None:
    child = in_care()
    (went,) = goes_missing(child).facts
    assert goes_missing(child).nothing
    comes_back(child)
    assert comes_back(child).nothing
    is_interviewed(child, went.id)
    assert is_interviewed(child, went.id).nothing


def test_a_missing_child_cannot_go_missing_again_before_returning() -> None:
    child = in_care()
    goes_missing(child)
    with pytest.raises(Refusal, match="missing already"):
        goes_missing(child, BACK)


def test_a_child_who_is_not_missing_cannot_return() -> None:
    with pytest.raises(Refusal, match="not recorded as missing"):
        comes_back(in_care())


def test_a_child_cannot_return_before_going_missing() -> None:
    child = in_care()
    goes_missing(child)
    with pytest.raises(Refusal, match="before going missing"):
        comes_back(child, datetime(2026, 5, 3, 21, 14, tzinfo=UTC))


def test_a_child_may_return_in_the_night_of_the_day_a_return_stated() -> None:
    child = Child()
    child.states(tables={"missing": [{"mis_start": "2026-05-04", "missing": "M"}]}, year=2027)
    assert comes_back(child, datetime(2026, 5, 3, 23, 30, tzinfo=UTC)).facts


def test_an_interview_needs_an_incident() -> None:
    with pytest.raises(NotFound):
        is_interviewed(in_care(), "01980000-0000-7000-8000-000000000001")


@pytest.mark.parametrize("act", [goes_missing, comes_back])
def test_a_child_cannot_be_absent_in_the_future(act: Any) -> None:
    with pytest.raises(Refusal, match="future"):
        act(in_care(), datetime(2026, 6, 1, 12, 0, 1, tzinfo=UTC))


def test_a_return_that_states_what_was_recorded_changes_nothing() -> None:
    child = in_care()
    moves(child)
    stated = {"place": "U6", "home_post": HOME, "pl_post": NEAR}
    said = child.states(
        an_episode("2026-01-12", ls="V2", dec="2026-03-02", rec="X1", reason_place_change="CREQB", **stated),
        an_episode(
            "2026-03-02", rne="P", ls="V2", place="K2", place_provider="PR4", home_post=HOME, pl_post=FAR
        ),
    )  # fmt: skip
    assert said.nothing
    assert [f.data["manner"] for f in child.standing("placement_moved")] == ["emergency"]


@pytest.mark.parametrize(("hour", "day"), [(10, "2026-05-03"), (23, "2026-05-04")])
def test_an_instant_that_was_recorded_is_kept_when_a_return_states_that_day_in_england(hour: int, day: str) -> None:
    child = in_care()
    (went,) = goes_missing(child, datetime(2026, 5, 3, hour, 30, tzinfo=UTC)).facts
    said = child.states(tables={"missing": [{"mis_start": day, "missing": "M"}]}, year=2027)
    assert said.nothing
    assert [f.effective for f in child.standing("child_went_missing")] == [went.effective]


def test_a_command_that_changes_nothing_decides_nothing() -> None:
    child = in_care()
    assert (
        domain.change_legal_status(
            domain.ChangeLegalStatus(on=date(2026, 2, 3), legal_status="V2"), child.state, Gazetteer()
        )
        == Decided()
    )
