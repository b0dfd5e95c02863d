"""Every fact of the catalogue as the journey tells it, and as a person reads it."""

import json
from datetime import date
from typing import Any

import pytest

from events.catalogue import CATALOGUE
from events.event import Fact
from events.sampling import sample_of
from services.journey.history import history
from services.journey.timeline import Section, timeline
from tests.unit.journey.made_facts import CHILD, KEY, Record

MADE = [cls for cls in CATALOGUE.values() if cls.recorded_by == "family" and cls.lane != "episode"]
FACTS = [pytest.param(cls, id=cls.wire) for cls in MADE]


def recorded(cls: type[Fact]) -> Record:
    """A record with the sample of a type, and with what it names."""
    record = Record()
    _says(record, cls)
    return record


def _says(record: Record, cls: type[Fact]) -> str:
    content = dict(sample_of(cls).content)
    if cls.link is not None and cls.linked is not None:
        content[cls.link] = _says(record, cls.linked)
    return record.says(cls.model_validate_json(json.dumps(content)), sample_of(cls).effective)


def told(record: Record, **asked: Any) -> dict[str, Any]:
    return history(record.facts, key=KEY, child=str(CHILD), local_id="SAMPLE1", **asked)


def section(record: Record, lane: str) -> Section | None:
    shown = timeline(told(record), date(2026, 11, 23))
    return next((one for one in shown.sections if one.lane == lane), None)


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_is_told_in_its_lane_with_what_it_says(cls: type[Fact]) -> None:
    record = recorded(cls)
    one = told(record)["lanes"][cls.lane][-1]
    assert record.facts[-1].id in one["facts"]
    if cls.edge == "end":
        assert one["until"] == record.facts[-1].effective
    values = json.dumps(one["value"])
    for name, value in sample_of(cls).content.items():
        assert name == cls.link or json.dumps(value) in values, name


@pytest.mark.parametrize("cls", [pytest.param(cls, id=cls.wire) for cls in MADE if cls.dated])
def test_a_fact_can_be_read_by_a_person(cls: type[Fact]) -> None:
    rows = section(recorded(cls), cls.lane)
    assert rows is not None
    words = " ".join([rows.title, *(part for row in rows.rows for part in (row.what, *sum(row.details, ())))])
    assert "_" not in words
    assert "{" not in words
    for name in cls.personal_fields():
        text = sample_of(cls).content[name]
        assert text is None or text in words or text.startswith("20")


def test_a_row_begins_with_what_happened_and_of_what_kind() -> None:
    rows = section(recorded(CATALOGUE["planning.role_assigned"]), "role")
    assert rows is not None
    assert [(row.what, row.when) for row in rows.rows] == [("Role assigned: Mentor", "Since 27 April 2026")]


@pytest.mark.parametrize("cls", [pytest.param(cls, id=cls.wire) for cls in MADE if cls.destination() != cls.topic])
def test_a_restricted_fact_is_withheld_with_its_lane(cls: type[Fact]) -> None:
    document = told(recorded(cls), withhold=True)
    assert cls.lane not in document["lanes"]
    assert cls.lane in document["withheld"]
    assert document["contradictions"] == []
