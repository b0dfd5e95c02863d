"""A history in words and as a picture."""

from datetime import date
from typing import Any

from events.education import SchoolChanged
from events.placement import EpisodeStarted, PlacementEnded, PlacementMoved, PlacementStarted
from events.planning import ReviewHeld
from services.journey.history import history
from services.journey.timeline import Section, Timeline, timeline
from tests.unit.journey.made_facts import CHILD, KEY, Record

TODAY = date(2026, 11, 23)


def page(record: Record, **asked: Any) -> Timeline:
    return timeline(history(record.facts, key=KEY, child=str(CHILD), local_id="SAMPLE1", **asked), TODAY)


def section(shown: Timeline, lane: str) -> Section:
    return next(one for one in shown.sections if one.lane == lane)


def test_a_child_of_whom_nothing_is_known_has_an_empty_page() -> None:
    shown = page(Record())

    assert shown.empty
    assert shown.picture is None
    assert section(shown, "placement").rows == []


def test_care_known_only_on_or_before_a_day_is_said_in_words() -> None:
    record = Record()
    record.entered("2016-04-01", on_or_before=True)

    assert dict(page(record).summary)["In care"] == "Since on or before 1 April 2016"
    assert section(page(record), "care").rows[0].when == "Since on or before 1 April 2016"
    record.left("2017-01-02")
    assert section(page(record), "care").rows[0].when == "On or before 1 April 2016 to 2 January 2017"


def test_a_corrected_value_says_what_it_was_and_since_when() -> None:
    record = Record()
    start = record.episode("2023-05-01", place="U6")
    now = EpisodeStarted(reason_for_new_episode="S", legal_status="C2", category_of_need="N1", placement_type="K2")
    record.corrects(start, now, "2023-05-02")

    [said] = page(record).episode_corrections

    assert said.startswith("Episode of 2 May 2023. Said on 5 January 2026: 1 May 2023; ")
    assert "(U6)" in said


def test_a_contradiction_stands_at_the_top_and_at_the_row() -> None:
    record = Record()
    record.entered("2023-05-01")
    record.left("2023-06-01")
    record.says(ReviewHeld(participation="PN1"), "2023-07-01")

    shown = page(record)

    assert [(d.title, d.when) for d in shown.doubts] == [("Reviews", "1 July 2023 to 2 July 2023")]
    assert section(shown, "review").rows[0].doubts == [shown.doubts[0].reason]


def test_a_transition_names_each_change_and_its_circumstances() -> None:
    record = Record()
    move = PlacementMoved(started=record.placed("2023-06-01"), from_type="U6", to_type="K2", manner="emergency")
    record.says(move, "2023-06-01")
    record.says(SchoolChanged(urn="990001", school="Elm School", reason="placement_move"), "2023-06-12")

    [row] = section(page(record), "transition").rows

    assert (row.when, row.what) == ("1 June 2023 to 12 June 2023", "Placement and school changed")
    assert row.details[0][1].endswith("(K2); emergency, 1 June 2023")
    assert row.details[1] == ("School", "began at Elm School (placement move), 12 June 2023")


def test_bars_lie_within_the_picture_and_open_ones_reach_today() -> None:
    record = Record()
    record.entered("2020-01-01")
    record.placed("2020-01-01", "2021-01-01")
    record.placed("2021-01-01")
    record.says(ReviewHeld(participation="PN1"), "2020-01-20")

    picture = page(record).picture

    assert picture is not None
    rows = {row.lane: row.bars for row in picture.rows}
    assert [round(bar.x + bar.width) for bar in rows["placement"]] == [15, 100]
    assert [(bar.mark, bar.text) for bar in (*rows["review"], rows["placement"][1])] == [(True, ""), (False, "U6")]
    assert [tick.year for tick in picture.ticks] == [2022, 2024, 2026]


def test_source_and_knowledge_stand_at_every_row() -> None:
    record = Record(stated_in="ssda903/2024")
    record.placed("2023-05-01")

    [row] = section(page(record), "placement").rows

    assert (row.source, row.known) == ("Placement, from ssda903/2024", "5 January 2026")


def test_a_field_that_was_not_stated_before_a_correction_is_said_so() -> None:
    record = Record()
    start = record.placed("2023-05-01")
    record.corrects(start, PlacementStarted(placement_type="U6", placement_provider="PR4"), "2023-05-01")

    [row] = section(page(record), "placement").rows

    assert row.was == ["Said on 5 January 2026: Provider not stated"]


def test_a_correction_of_an_end_names_the_reason_it_had() -> None:
    record = Record()
    record.placed("2023-05-01", "2023-06-01")
    record.corrects(record.facts[1].id, PlacementEnded(reason="CLOSE"), "2023-06-02")

    [row] = section(page(record), "placement").rows

    assert row.was[0].startswith("Said on 5 January 2026: 1 June 2023; Ended because ")
    assert row.was[0].endswith("(CARPL)")
