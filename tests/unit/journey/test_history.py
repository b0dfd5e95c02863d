"""What was so of a child, lane by lane, as stated."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from carejourney.keys import FORGOTTEN
from events.education import SchoolChanged, SchoolLeft, UpnRecorded
from events.health import HealthOutcomesReported
from events.leaving_care import TurnedEighteen
from events.missing import ChildReturned, ChildWentMissing
from events.placement import (
    AdoptionDecided,
    ChildDetailsRecorded,
    EpisodeEnded,
    EpisodeStarted,
    OpenEpisodeReasonStated,
    PlacementEnded,
    SubjectRegistered,
)
from events.planning import ReviewHeld
from services.journey.history import history
from services.journey.lanes import LANES, RESTRICTED
from tests.unit.journey.made_facts import CHILD, KEY, Record

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "history.schema.json").read_text())


def told(record: Record, **asked: Any) -> dict[str, Any]:
    document = history(record.facts, key=KEY, child=str(CHILD), local_id="SAMPLE1", **asked)
    jsonschema.validate(json.loads(json.dumps(document)), SCHEMA)
    return document


def lane(record: Record, name: str, **asked: Any) -> list[dict[str, Any]]:
    intervals: list[dict[str, Any]] = told(record, **asked)["lanes"][name]
    return intervals


def days(intervals: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [(one["from"], one["until"]) for one in intervals]


def test_every_lane_is_there_for_a_child_of_whom_nothing_is_known() -> None:
    document = told(Record())

    assert document["lanes"] == {name: [] for name in LANES}
    assert document["contradictions"] == []


def test_an_episode_is_told_in_the_columns_of_the_return() -> None:
    record = Record(stated_in="ssda903/2024")
    start = record.episode(
        "2023-05-01", "2023-09-01", rec="X1", rne="P", place_provider="PR1", home_post="AB1 2CD", pl_post="AB1 3EF"
    )

    [one] = lane(record, "episode")

    assert (one["from"], one["until"], one["value"]["dec"]) == ("2023-05-01", "2023-09-01", "2023-09-01")
    assert one["value"]["rne"] == {"code": "P", "meaning": "Change of placement and carer only"}
    assert one["value"]["rec"]["code"] == "X1"
    assert (one["value"]["home_post"], one["value"]["pl_post"], one["value"]["urn"]) == ("AB1 2CD", "AB1 3EF", None)
    assert one["facts"] == [start, record.facts[1].id]
    assert (one["source"], one["stated_in"], one["origin"]) == ("placement", ["ssda903/2024"], "import")


def test_equal_neighbouring_episodes_are_not_merged() -> None:
    record = Record()
    for start, until in (("2023-05-01", "2023-09-01"), ("2023-09-01", "2023-12-01"), ("2023-12-01", None)):
        record.episode(start, until, rec="X1")

    assert days(lane(record, "episode")) == [
        ("2023-05-01", "2023-09-01"), ("2023-09-01", "2023-12-01"), ("2023-12-01", None),
    ]  # fmt: skip


def test_a_reason_of_ceasing_on_an_open_episode_is_kept_as_stated() -> None:
    record = Record()
    start = record.episode("2023-05-01")
    record.says(OpenEpisodeReasonStated(episode=start, reason_ceased="E4A"), "2023-05-01")

    [one] = lane(record, "episode")

    assert (one["until"], one["value"]["dec"], one["value"]["rec"]["code"]) == (None, None, "E4A")
    assert one["contradictions"] == ["reason-without-end"]


def test_a_child_whose_first_row_does_not_begin_care_entered_it_on_or_before_that_day() -> None:
    record = Record()
    start = record.episode("2023-05-01", rne="P")
    record.entered("2023-05-01", on_or_before=True, episode=start)
    record.placed("2023-05-01", episode=start)

    document = told(record)["lanes"]

    assert document["care"][0]["value"]["on_or_before"] is True
    assert document["legal_status"][0]["on_or_before"] is True
    assert "on_or_before" not in document["placement"][0]


def test_an_end_belongs_to_the_placement_of_its_own_episode_whatever_the_order() -> None:
    record = Record()
    first, second = record.episode("2023-05-01"), record.episode("2023-06-01")
    record.placed("2023-05-01", episode=first)
    record.placed("2023-06-01", episode=second)
    record.says(PlacementEnded(episode=second), "2023-07-01")
    record.says(PlacementEnded(episode=first), "2023-08-01")

    assert days(lane(record, "placement")) == [("2023-05-01", "2023-08-01"), ("2023-06-01", "2023-07-01")]


def test_an_end_of_a_later_episode_ends_the_placement_that_lasted_until_then() -> None:
    record = Record()
    first, second, third = (record.episode(day) for day in ("2023-05-01", "2023-06-01", "2023-07-01"))
    record.placed("2023-05-01", episode=first)
    record.placed("2023-07-01", episode=third)
    record.says(PlacementEnded(episode=second), "2023-07-01")

    assert days(lane(record, "placement")) == [("2023-05-01", "2023-07-01"), ("2023-07-01", None)]


def test_a_placement_without_a_stated_end_is_given_none() -> None:
    record = Record()
    record.placed("2023-05-01")
    record.placed("2023-06-01")

    assert days(lane(record, "placement")) == [("2023-05-01", None), ("2023-06-01", None)]
    assert [c["rule"] for c in told(record)["contradictions"]] == ["several-open"]


def test_a_legal_status_holds_until_the_next_or_until_care_is_left() -> None:
    record = Record()
    record.entered("2023-05-01", status="V2")
    record.status("2023-05-01", "V2")
    record.status("2023-06-01", "C1", "V2")
    record.left("2023-07-01")

    statuses = lane(record, "legal_status")

    assert days(statuses) == [("2023-05-01", "2023-06-01"), ("2023-06-01", "2023-07-01")]
    assert [one["value"]["code"] for one in statuses] == ["V2", "C1"]
    assert len(statuses[0]["facts"]) == 3


def test_a_child_who_enters_and_leaves_care_on_one_day_has_no_status_after_it() -> None:
    record = Record()
    record.entered("2023-05-01", episode=(start := record.episode("2023-05-01", "2023-05-01", rec="E8")))
    record.left("2023-05-01", episode=start)

    document = told(record)["lanes"]

    assert days(document["care"]) == days(document["legal_status"]) == [("2023-05-01", "2023-05-01")]


def test_an_ended_school_is_told_until_the_day_it_was_left() -> None:
    record = Record()
    first = record.says(SchoolChanged(urn="990001", school="Elm School"), "2023-09-04")
    record.says(SchoolLeft(enrolment=first), "2024-01-08")
    record.says(SchoolChanged(urn="990002", school="Oak School", previous_urn="990001"), "2024-01-08")

    assert days(lane(record, "school")) == [("2023-09-04", "2024-01-08"), ("2024-01-08", None)]


def test_a_missing_episode_is_told_with_its_times_on_every_day_it_touches() -> None:
    record = Record()
    went = record.says(ChildWentMissing(kind="M"), "2023-06-30T22:30:00.000000Z")
    record.says(ChildReturned(incident=went), "2023-07-02T05:00:00.000000Z")

    [one] = lane(record, "missing")

    assert days([one]) == [("2023-06-30T22:30:00.000000Z", "2023-07-02T05:00:00.000000Z")]
    touched = [day for day in range(1, 5) if lane(record, "missing", true_on=date(2023, 7, day))]
    assert touched == [1, 2]
    assert lane(record, "missing", true_on=date(2023, 6, 30)) == [one]


@pytest.mark.parametrize(
    ("day", "shown"),
    [("2023-04-30", 0), ("2023-05-01", 1), ("2023-08-31", 1), ("2023-09-01", 0)],
)
def test_only_what_held_on_the_day_is_told(day: str, shown: int) -> None:
    record = Record()
    record.episode("2023-05-01", "2023-09-01", rec="E4A")

    assert len(lane(record, "episode", true_on=date.fromisoformat(day))) == shown


def test_a_review_holds_on_its_day_and_an_outcome_in_its_year() -> None:
    record = Record()
    record.says(ReviewHeld(participation="PN1"), "2023-05-01")
    record.says(HealthOutcomesReported(year=2024, sdq_score=12), "2023-04-01")

    assert days(lane(record, "review")) == [("2023-05-01", "2023-05-02")]
    assert days(lane(record, "health")) == [("2023-04-01", "2024-04-01")]
    assert lane(record, "review", true_on=date(2023, 5, 2)) == []
    assert len(lane(record, "health", true_on=date(2024, 3, 31))) == 1


def test_what_is_said_at_once_of_one_day_is_told_in_the_order_in_which_it_was_said() -> None:
    record = Record(known_from="2026-01-01")
    said = [record.says(ReviewHeld(participation=f"PN{n}"), "2023-05-01") for n in range(1, 8)]
    assert said != sorted(said)
    assert [one["facts"] for one in lane(record, "review")] == [[fact] for fact in said]


def test_a_birthday_says_the_age() -> None:
    record = Record()
    record.says(TurnedEighteen(), "2023-05-01")

    assert [one["value"] for one in lane(record, "birthday")] == [{"age": 18}]


def test_a_timeless_fact_holds_on_every_day() -> None:
    record = Record()
    record.says(ChildDetailsRecorded(sex="F", date_of_birth=date(2012, 2, 29), ethnicity="WBRI", mother=False))
    record.says(UpnRecorded(unknown_because="UN1"))

    document = told(record, true_on=date(1999, 1, 1))["lanes"]

    assert days(document["details"]) == [(None, None)]
    assert document["details"][0]["value"]["date_of_birth"] == "2012-02-29"
    assert document["details"][0]["value"]["ethnicity"]["code"] == "WBRI"
    assert document["upn"][0]["value"]["unknown_because"]["code"] == "UN1"


def test_a_corrected_episode_says_what_it_was_and_since_when_it_is_known() -> None:
    record = Record()
    start = record.episode("2023-05-01", place="U6")
    now = EpisodeStarted(reason_for_new_episode="S", legal_status="C2", category_of_need="N1", placement_type="K2")
    change = record.corrects(start, now, "2023-05-02")

    [one] = lane(record, "episode")

    assert (one["from"], one["value"]["place"]["code"], one["corrected"]) == ("2023-05-02", "K2", True)
    assert one["facts"] == [start, change]
    assert one["recorded"] == record.facts[-1].time
    assert [(form["effective"], form["value"]["placement_type"]["code"]) for form in one["was"]] == [
        ("2023-05-01", "U6")
    ]


def test_a_withdrawn_end_leaves_the_episode_open_and_is_named() -> None:
    record = Record()
    record.episode("2023-05-01", "2023-09-01", rec="E4A")
    withdrawal = record.retracts(record.facts[1].id, EpisodeEnded)

    [one] = lane(record, "episode")

    assert (one["until"], one["corrected"]) == (None, True)
    assert withdrawal in one["facts"]


def test_a_retracted_beginning_leaves_its_end_without_one() -> None:
    record = Record()
    start = record.episode("2023-05-01", "2023-09-01", rec="E4A")
    record.retracts(start, EpisodeStarted)

    document = told(record)

    assert document["lanes"]["episode"] == []
    assert [c["rule"] for c in document["contradictions"]] == ["end-without-start"]


def test_what_was_not_known_on_a_day_is_not_told() -> None:
    record = Record(day="2024-06-30")
    start = record.episode("2023-05-01", place="U6")
    record.day = "2024-07-02"
    now = EpisodeStarted(reason_for_new_episode="S", legal_status="C2", category_of_need="N1", placement_type="K2")
    record.corrects(start, now, "2023-05-01")

    def place(known_on: date | datetime) -> list[str]:
        return [one["value"]["place"]["code"] for one in lane(record, "episode", known_on=known_on)]

    assert place(date(2024, 6, 29)) == []
    assert place(date(2024, 7, 1)) == ["U6"]
    assert place(date(2024, 7, 2)) == ["K2"]
    assert place(datetime(2024, 6, 30, 9, 0, tzinfo=UTC)) == ["U6"]
    assert place(datetime(2024, 6, 30, 8, 59, 59, tzinfo=UTC)) == []


def test_a_historic_load_counts_as_known_from_its_day_and_is_marked() -> None:
    record = Record(known_from="2019-06-30")
    record.episode("2018-05-01")

    [one] = lane(record, "episode", known_on=date(2019, 6, 30))

    assert (one["historic"], one["recorded"]) == (True, "2019-06-30T00:00:00.000000Z")
    assert lane(record, "episode", known_on=date(2019, 6, 29)) == []


def test_personal_fields_of_a_child_whose_key_is_gone_read_as_forgotten() -> None:
    record = Record()
    record.says(SubjectRegistered(local_id="SAMPLE1"))
    record.episode("2023-05-01", pl_post="AB1 3EF")

    document = history(record.facts, key=None, child=str(CHILD), local_id=FORGOTTEN)

    assert document["lanes"]["identity"][0]["value"]["local_id"] == FORGOTTEN
    assert document["lanes"]["episode"][0]["value"]["pl_post"] == FORGOTTEN
    assert document["lanes"]["episode"][0]["value"]["place"]["code"] == "U6"


def test_restricted_lanes_are_left_out_and_named_for_who_may_not_see_them() -> None:
    record = Record()
    record.episode("2023-05-01")
    record.says(AdoptionDecided(), "2023-06-01")

    withheld = told(record, withhold=True)

    assert len(lane(record, "adoption_plan")) == 1
    assert withheld["withheld"] == list(RESTRICTED)
    assert not set(RESTRICTED) & set(withheld["lanes"])
    assert record.facts[-1].id not in json.dumps(withheld)
