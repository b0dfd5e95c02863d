"""A JSON Schema for each version of each fact, as a Kafka subscriber receives it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from carejourney.contracts import PUBLISHED
from carejourney.contracts.files import checked
from carejourney.contracts.language import file_of, urn_of
from carejourney.contracts.messages import message_of
from carejourney.contracts.schemas import schema_of
from events.catalogue import CATALOGUE, TOPICS
from events.event import Fact

EVENTS = Path(__file__).parents[2] / "events"
FACTS = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items()]
VERSIONS = [
    pytest.param(cls, number, id=f"{wire}.v{number}")
    for wire, cls in CATALOGUE.items()
    for number in range(1, cls.version + 1)
]


def kept(cls: type[Fact], version: int) -> dict[str, Any]:
    """The published schema of a version."""
    found: dict[str, Any] = json.loads((EVENTS / "schemas" / file_of(cls.wire, version)).read_text())
    return found


def taken(schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_the_published_contract_is_what_the_types_say() -> None:
    found = checked(PUBLISHED, EVENTS)
    assert [str(one) for one in found.broken] == []
    assert found.stale == [], "run: carejourney schemas"


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_the_sample_of_a_version_as_kafka_brings_it_fits_the_schema_of_that_version(
    cls: type[Fact], version: int
) -> None:
    schema = kept(cls, version)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == urn_of(cls.wire, version)
    jsonschema.Draft202012Validator(schema).validate(message_of(PUBLISHED, cls, version).value)


@pytest.mark.parametrize("cls", FACTS)
def test_a_schema_says_what_a_subscriber_must_know(cls: type[Fact]) -> None:
    schema = schema_of(PUBLISHED, cls)
    assert schema["description"].endswith(".")
    assert schema["x-topic"] in {*TOPICS, "*"}
    assert schema["x-owner"]
    assert schema["x-subscribers"] == list(cls.subscribers())
    assert schema["x-sensitivity"] == cls.sensitivity.value
    assert schema["x-sources"] == list(cls.sources)
    assert all(told["description"] for told in schema["properties"].values())


@pytest.mark.parametrize("cls", FACTS)
def test_a_personal_field_is_a_sealed_text_and_never_plain(cls: type[Fact]) -> None:
    schema, value = schema_of(PUBLISHED, cls), message_of(PUBLISHED, cls, cls.version).value
    for name in cls.personal_fields():
        assert schema["properties"][name]["x-personal"] is True
        assert schema["properties"][name]["x-plain"]
        assert taken(schema, value)
        assert not taken(schema, {**value, name: "Plain text"})


@pytest.mark.parametrize("cls", FACTS)
def test_a_code_nobody_published_does_not_fit_and_those_published_have_their_meaning(cls: type[Fact]) -> None:
    schema, value = schema_of(PUBLISHED, cls), message_of(PUBLISHED, cls, cls.version).value
    for name, codes in cls.coded_fields().items():
        told = schema["properties"][name]
        assert told["x-codes"] == {"set": codes.name, "meanings": {code.code: code.meaning for code in codes}}
        if codes.open_pattern is None:
            assert not taken(schema, {**value, name: "??"})


def test_a_field_that_a_reader_does_not_know_fits_so_that_one_may_be_added() -> None:
    cls = CATALOGUE["planning.review_held"]
    value = message_of(PUBLISHED, cls, 1).value
    assert taken(kept(cls, 1), {**value, "added_later": True})


def test_a_number_says_what_it_counts() -> None:
    uncounted = {"rank", "rating", "of_version"}
    for cls in CATALOGUE.values():
        for name, told in schema_of(PUBLISHED, cls)["properties"].items():
            numeric = {"integer", "number"} & set(told["type"] if isinstance(told["type"], list) else [told["type"]])
            assert not numeric or name in uncounted or "x-unit" in told, f"{cls.wire}.{name}: see events/fields.py"
