"""Moves of every kind, counted together."""

from typing import Any

import pytest

from events.education import SchoolChanged
from events.placement import PlacementMoved
from services.journey.history import history
from tests.unit.journey.made_facts import CHILD, KEY, Record


def transitions(record: Record) -> list[dict[str, Any]]:
    document = history(record.facts, key=KEY, child=str(CHILD), local_id=None)
    entries: list[dict[str, Any]] = document["lanes"]["transition"]
    return entries


def moved(record: Record, on: str) -> str:
    return record.says(PlacementMoved(started=record.placed(on), from_type="U6", to_type="K2"), on)


def test_what_changes_on_one_day_is_one_transition() -> None:
    record = Record()
    move = moved(record, "2023-06-01")
    status = record.status("2023-06-01", "C2", "C1")
    school = record.says(SchoolChanged(urn="990001", school="Elm School", reason="choice"), "2023-06-01")

    [entry] = transitions(record)

    assert entry["value"]["kinds"] == ["placement", "school", "legal_status"]
    assert entry["value"]["compound"] is True
    assert entry["facts"] == [move, school, status]


@pytest.mark.parametrize(
    ("reason", "on", "entries"),
    [
        ("placement_move", "2023-08-30", 1),
        ("placement_move", "2023-08-31", 2),
        ("choice", "2023-06-20", 2),
        ("placement_move", "2023-05-31", 2),
    ],
)
def test_a_school_change_joins_the_move_that_caused_it(reason: Any, on: str, entries: int) -> None:
    record = Record()
    move = moved(record, "2023-06-01")
    school = record.says(SchoolChanged(urn="990001", school="Elm School", reason=reason), on)

    told = transitions(record)

    assert len(told) == entries
    if entries == 1:
        assert (told[0]["from"], told[0]["until"], told[0]["facts"]) == ("2023-06-01", "2023-08-31", [move, school])


def test_a_school_change_joins_the_latest_move_before_it() -> None:
    record = Record()
    moved(record, "2023-06-01")
    second = moved(record, "2023-07-01")
    school = record.says(SchoolChanged(urn="990001", school="Elm", reason="placement_move"), "2023-07-10")

    assert [entry["facts"] for entry in transitions(record)][1] == [second, school]


def test_the_status_at_entry_is_no_transition() -> None:
    record = Record()
    record.entered("2023-06-01")
    record.status("2023-06-01", "C2")

    assert transitions(record) == []
