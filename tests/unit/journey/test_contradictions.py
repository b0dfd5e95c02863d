"""What does not fit together is said, and nothing is smoothed."""

from datetime import date
from typing import Any

import pytest

from events.education import SchoolChanged, SchoolLeft
from events.missing import ChildReturned, ChildWentMissing, ReturnInterviewHeld
from events.placement import ChildDetailsRecorded, EpisodeEnded, SubjectRegistered
from events.planning import ReviewHeld
from services.journey.history import history
from tests.unit.journey.made_facts import CHILD, KEY, Record


def found(record: Record, **asked: Any) -> list[tuple[str, str, str | None, str | None]]:
    document = history(record.facts, key=KEY, child=str(CHILD), local_id=None, **asked)
    return [(c["lane"], c["rule"], c["from"], c["until"]) for c in document["contradictions"]]


def two_episodes(first_until: str | None, rec: str | None, second: str, **columns: str) -> Record:
    record = Record()
    record.episode("2023-05-01", first_until, rec=rec)
    record.episode(second, **columns)
    return record


def test_a_plain_journey_holds_no_contradiction() -> None:
    record = Record()
    record.entered("2023-05-01")
    record.episode("2023-05-01", "2023-06-01", rec="X1")
    record.episode("2023-06-01", "2023-07-01", rec="X1", rne="P", place="K2")
    record.episode("2023-07-01", "2023-08-01", rec="E4A", rne="L", ls="C1", place="K2")
    record.left("2023-08-01")
    record.says(ReviewHeld(participation="PN1"), "2023-05-20")

    assert found(record) == []


def test_overlapping_episodes_are_both_told() -> None:
    record = two_episodes("2023-07-01", "X1", "2023-06-01", rne="P", place="K2")
    record.says(EpisodeEnded(episode=record.facts[2].id, reason_ceased="E4A"), "2023-08-01")

    assert found(record) == [("episode", "overlap", "2023-06-01", "2023-07-01")]


def test_two_open_episodes_are_both_told() -> None:
    record = two_episodes(None, None, "2023-06-01", rne="P", place="K2")

    assert found(record) == [("episode", "several-open", "2023-06-01", None)]


def test_a_gap_within_a_period_of_care_is_told_with_its_days() -> None:
    record = two_episodes("2023-06-01", "X1", "2023-06-10", rne="P", place="K2")

    assert found(record) == [("episode", "gap", "2023-06-01", "2023-06-10")]
    assert found(record, true_on=date(2023, 6, 5)) == [("episode", "gap", "2023-06-01", "2023-06-10")]
    assert found(record, true_on=date(2023, 6, 10)) == []


def test_care_that_ended_and_began_again_later_is_no_gap() -> None:
    assert found(two_episodes("2023-06-01", "E4A", "2023-06-10", rne="S")) == []


@pytest.mark.parametrize(
    ("rne", "columns", "fits"),
    [
        ("P", {"place": "K2"}, True),
        ("P", {"pl_post": "AB1 2CD"}, True),
        ("P", {}, False),
        ("P", {"place": "K2", "ls": "C1"}, False),
        ("L", {"ls": "C1"}, True),
        ("L", {"place": "K2"}, False),
        ("B", {"place": "K2", "ls": "C1"}, True),
        ("U", {"ls": "C1"}, False),
        ("T", {"urn": "SC010101"}, True),
        ("S", {"place": "K2"}, False),
    ],
)
def test_a_reason_for_a_new_episode_must_fit_what_changed(rne: str, columns: dict[str, str], *, fits: bool) -> None:
    rules = [rule for _, rule, _, _ in found(two_episodes("2023-06-01", "X1", "2023-06-01", rne=rne, **columns))]

    assert rules == ([] if fits else ["rne-does-not-fit"])


def test_an_episode_that_goes_on_from_one_that_ended_care_is_told() -> None:
    record = two_episodes("2023-06-01", "E4A", "2023-06-01", rne="P", place="K2")

    assert [rule for _, rule, _, _ in found(record)] == ["continued-after-ceasing"]


def test_an_episode_that_nothing_follows_though_it_says_so_is_told() -> None:
    record = Record()
    record.episode("2023-05-01", "2023-06-01", rec="X1")

    assert found(record) == [("episode", "nothing-follows", "2023-06-01", None)]


def test_care_entered_again_without_having_been_left_is_told_and_given_no_end() -> None:
    record = Record()
    record.entered("2023-05-01")
    record.entered("2023-09-01")

    assert found(record) == [("care", "entered-again", "2023-09-01", None)]


def test_a_review_after_care_ended_is_told() -> None:
    record = Record()
    record.entered("2023-05-01")
    record.left("2023-06-01")
    record.says(ReviewHeld(participation="PN1"), "2023-06-01")
    record.says(ReviewHeld(participation="PN1"), "2023-06-02")

    assert found(record) == [("review", "outside-care", "2023-06-02", "2023-06-03")]


def test_a_review_before_care_known_only_on_or_before_a_day_is_no_contradiction() -> None:
    record = Record()
    record.says(ReviewHeld(participation="PN1"), "2023-04-02")
    record.entered("2023-05-01", on_or_before=True)

    assert found(record) == []


@pytest.mark.parametrize(("start", "until"), [("2023-04-01", "2023-04-02"), ("2023-05-30", None), ("2023-07-01", None)])
def test_a_missing_episode_outside_care_is_told(start: str, until: str | None) -> None:
    record = Record()
    record.entered("2023-05-01")
    record.left("2023-06-01")
    went = record.says(ChildWentMissing(kind="M"), start)
    if until:
        record.says(ChildReturned(incident=went), until)

    assert found(record) == [("missing", "outside-care", start, until)]


def test_a_school_left_before_it_began_is_told() -> None:
    record = Record()
    first = record.says(SchoolChanged(urn="990001", school="Elm School"), "2023-09-04")
    record.says(SchoolLeft(enrolment=first), "2023-09-01")

    assert found(record) == [("school", "ended-before-start", "2023-09-01", "2023-09-04")]


def test_a_school_that_was_not_left_when_another_began_is_told() -> None:
    record = Record()
    record.says(SchoolChanged(urn="990001", school="Elm School"), "2023-09-04")
    later = record.says(SchoolChanged(urn="990002", school="Oak School"), "2024-01-08")
    record.says(SchoolLeft(enrolment=later), "2024-07-20")

    assert found(record) == [("school", "no-end-stated", "2024-01-08", "2024-07-20")]


def test_two_ends_of_one_episode_are_told() -> None:
    record = Record()
    start = record.episode("2023-05-01", "2023-06-01", rec="E4A")
    record.says(EpisodeEnded(episode=start, reason_ceased="E4A"), "2023-07-01")

    assert found(record) == [("episode", "ended-twice", "2023-06-01", "2023-07-01")]


def test_a_placement_still_open_when_care_has_ended_is_told() -> None:
    record = Record()
    record.entered("2023-05-01")
    record.left("2023-06-01")
    record.placed("2023-05-01")

    assert found(record) == [("placement", "open-after-care", "2023-06-01", None)]


def test_care_before_birth_is_told() -> None:
    record = Record()
    record.says(ChildDetailsRecorded(sex="F", date_of_birth=date(2023, 6, 1)))
    record.entered("2023-05-01")

    assert found(record) == [("care", "before-birth", "2023-05-01", None)]


def test_two_standing_statements_that_differ_are_told() -> None:
    record = Record()
    record.says(SubjectRegistered(local_id="SAMPLE1"))
    record.says(SubjectRegistered(local_id="SAMPLE2"))

    assert found(record) == [("identity", "stated-differently", None, None)]


def test_a_return_interview_needs_a_missing_episode() -> None:
    record = Record()
    record.says(ReturnInterviewHeld(incident=str(CHILD), outcome="held"), "2023-06-01")

    assert found(record) == [("return_interview", "no-such-incident", "2023-06-01", "2023-06-02")]
