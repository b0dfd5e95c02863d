"""Episodes and schools recorded as facts: what follows from them follows, and is corrected with them."""

from typing import Any

import pytest

from carejourney.errors import NotFound, Refusal
from carejourney.families import Statement
from carejourney.families.correcting import correct, retract
from carejourney.families.deciding import record
from carejourney.families.recording import checked, dated
from events.catalogue import CATALOGUE
from services.education.recording import RECORDING as EDUCATION
from services.placement.recording import RECORDING as PLACEMENT
from tests.builders import FAR, HOME, NEAR, Child, Said

CELLS = {
    "reason_for_new_episode": "S", "legal_status": "C2", "category_of_need": "N1", "placement_type": "U6",
    "home_postcode": HOME, "placement_postcode": NEAR,
}  # fmt: skip


def state(child: Child, wire: str, on: str, **content: Any) -> Said:
    """Record what is stated of a child."""
    body = checked(CATALOGUE[wire], content)
    recording = EDUCATION if wire.startswith("education.") else PLACEMENT
    return child.does(lambda now: record(recording, Statement(body, dated(type(body), body, on)), now))


def begin(child: Child, on: str = "2025-05-01", **cells: Any) -> str:
    return state(child, "placement.episode_started", on, **{**CELLS, **cells}).facts[0].id


def end(child: Child, episode: str, on: str, reason: str = "E4A") -> Said:
    return state(child, "placement.episode_ended", on, episode=episode, reason_ceased=reason)


def test_an_episode_recorded_as_a_fact_begins_care_and_its_end_ends_it() -> None:
    child = Child()
    end(child, begin(child), "2025-09-01")
    assert child.headlines == [
        ("child_entered_care", "2025-05-01"), ("child_left_care", "2025-09-01"), ("legal_status_changed", "2025-05-01"),
        ("placement_ended", "2025-09-01"), ("placement_started", "2025-05-01"),
    ]  # fmt: skip


def test_an_episode_stated_twice_is_recorded_once() -> None:
    child = Child()
    begin(child)
    assert state(child, "placement.episode_started", "2025-05-01", **CELLS).nothing


def test_a_corrected_episode_corrects_what_followed_from_it_in_one_fact() -> None:
    child = Child()
    first = begin(child)
    said = child.does(lambda now: correct(PLACEMENT, first, "2025-05-03", {**CELLS, "legal_status": "V2"}, now))
    (correction,) = said.facts
    assert (said.corrections, len(correction.data["consequences"])) == (1, 3)
    assert {on for _, on in child.headlines} == {"2025-05-03"}
    assert child.standing("legal_status_changed")[0].data["legal_status"] == "V2"


def test_a_retracted_episode_takes_with_it_what_followed() -> None:
    child = Child()
    first = begin(child)
    end(child, first, "2025-09-01", "X1")
    second = begin(child, "2025-09-01", reason_for_new_episode="P", placement_postcode=FAR)
    child.does(lambda now: retract(PLACEMENT, second, "wrong_child", now))
    assert [f.id for f in child.standing("episode_started")] == [first]
    assert child.standing("placement_moved") == []


def test_an_end_can_be_corrected_and_taken_back_and_an_episode_ends_once() -> None:
    child = Child()
    first = begin(child)
    ended = end(child, first, "2025-09-01").facts[0].id
    with pytest.raises(Refusal, match="ended already, on 2025-09-01"):
        end(child, first, "2025-09-02")
    content = {"episode": first, "reason_ceased": "E4A"}
    child.does(lambda now: correct(PLACEMENT, ended, "2025-10-01", content, now))
    assert child.standing("child_left_care")[0].effective == "2025-10-01"
    child.does(lambda now: retract(PLACEMENT, ended, "error", now))
    assert child.standing("child_left_care") == []
    assert child.episodes[first].dec is None


def test_an_end_of_no_episode_or_before_its_beginning_is_refused() -> None:
    child = Child()
    first = begin(child)
    with pytest.raises(NotFound, match="episode: no placement"):
        end(child, "01980000-0000-7000-8000-000000000009", "2025-09-01")
    with pytest.raises(Refusal, match="would end before it begins"):
        end(child, first, "2025-04-01")


def test_a_child_who_is_missing_cannot_go_missing_again_before_coming_back() -> None:
    child = Child()
    state(child, "missing.child_went_missing", "2026-05-03T22:15:00+01:00", kind="M")
    with pytest.raises(Refusal, match="missing already"):
        state(child, "missing.child_went_missing", "2026-05-04T22:15:00+01:00", kind="M")
    assert not state(child, "missing.child_went_missing", "2026-05-01", kind="A").nothing


def test_a_school_recorded_as_a_fact_ends_the_one_before_it() -> None:
    child = Child()
    school = {"urn": "990001", "school": "Elm Bank School", "reason": "first_school"}
    first = state(child, "education.school_changed", "2025-09-02", **school)
    assert state(child, "education.school_changed", "2025-09-02", **school).nothing
    state(child, "education.school_changed", "2026-01-05", urn="990002", school="Ash School", reason="placement_move")
    (left,) = child.standing("school_left")
    assert (left.effective, left.data["enrolment"]) == ("2026-01-05", first.facts[0].id)
    with pytest.raises(Refusal, match="began on 2025-09-02 and ended on 2026-01-05"):
        state(child, "education.school_left", "2026-02-01", enrolment=first.facts[0].id)
