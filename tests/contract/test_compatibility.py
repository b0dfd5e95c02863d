"""A change that breaks readers, old facts or writers is refused without a new version, with the type and the remedy."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carejourney.contracts.compatibility import Break, breaks
from events.catalogue import CATALOGUE

Schema = dict[str, Any]
Change = Callable[[Schema], object]

MEANINGS = {"planned": "Agreed before", "sudden": "Not announced"}
PUBLISHED: Schema = {
    "x-wire": "planning.visit_made",
    "x-version": 3,
    "x-topic": "care.planning",
    "x-owner": "planning",
    "x-family": "activity",
    "x-lane": "visit",
    "x-recorded-by": "person",
    "x-link": {"field": "plan", "type": "planning.plan_made"},
    "x-sensitivity": "standard",
    "x-subject": "child",
    "x-dated": True,
    "x-edge": "point",
    "x-subscribers": ["social-work", "review", "health"],
    "required": ["kind", "minutes"],
    "properties": {
        "kind": {
            "type": "string",
            "enum": ["planned", "sudden"],
            "x-codes": {"set": "visit", "meanings": MEANINGS},
        },
        "minutes": {"type": "integer", "minimum": 0, "maximum": 600, "x-unit": "minutes"},
        "alone": {"type": ["boolean", "null"], "default": None},
        "urn": {"type": ["string", "null"], "pattern": "^[0-9]{6}$", "default": None},
        "on": {"type": "string", "format": "date"},
        "words": {
            "type": ["string", "null"],
            "pattern": "^sealed",
            "x-personal": True,
            "x-plain": {"type": ["string", "null"], "maxLength": 200},
        },
        "others": {
            "type": "array",
            "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        },
    },
}


def field(name: str, **said: object) -> Change:
    return lambda schema: schema["properties"][name].update(said)


def meaning(**said: str) -> Change:
    return lambda schema: schema["properties"]["kind"]["x-codes"].update(meanings=said)


def rename(schema: Schema) -> None:
    schema["properties"]["duration"] = schema["properties"].pop("minutes")
    schema["required"] = ["kind"]


def plainly(schema: Schema) -> None:
    schema["properties"]["words"] = {"type": ["string", "null"], "maxLength": 200}


def add(schema: Schema, name: str = "place", *, needed: bool = False) -> None:
    schema["properties"][name] = {"type": ["string", "null"], "default": None}
    schema["required"] = [*schema["required"], name] if needed else schema["required"]


FORWARD, BACKWARD, BOTH = ("readers",), ("history", "writers"), ("readers", "history", "writers")
REFUSED: dict[str, tuple[Change, str | None, tuple[str, ...], str]] = {
    "a field is gone": (lambda s: s["properties"].pop("alone"), "alone", ("readers", "writers"), "it is gone"),
    "a field is renamed": (rename, "minutes", ("readers", "writers"), "a rename to duration is a removal too"),
    "a new field is required": (lambda s: add(s, needed=True), "place", BACKWARD, "a new field is required"),
    "a field may now be absent": (lambda s: s.update(required=["kind"]), "minutes", FORWARD, "may now be absent"),
    "a field is now required": (
        lambda s: s.update(required=["kind", "minutes", "alone"]), "alone", BACKWARD, "is now required",
    ),
    "a type is another": (field("minutes", type="string"), "minutes", BACKWARD, "can no longer be integer"),
    "a type is wider": (field("minutes", type="number"), "minutes", FORWARD, "may now be number"),
    "null comes": (field("minutes", type=["integer", "null"]), "minutes", FORWARD, "may now be null"),
    "null goes": (field("alone", type="boolean"), "alone", BACKWARD, "can no longer be null"),
    "a code is gone": (field("kind", enum=["planned"]), "kind", BACKWARD, "it no longer has sudden"),
    "a code means something else": (
        meaning(planned="Agreed before", sudden="Without a reason"), "kind", BOTH, "sudden means something else",
    ),
    "a default is another": (field("alone", default=True), "alone", BOTH, "default went from none to True"),
    "a text becomes a code": (field("urn", enum=["100001"]), "urn", BACKWARD, "listed codes alone"),
    "a code becomes a text": (lambda s: s["properties"]["kind"].pop("enum"), "kind", FORWARD, "no listed code"),
    "a bound is narrower": (field("minutes", maximum=480), "minutes", BACKWARD, "maximum went from 600 to 480"),
    "a lower bound rises": (field("minutes", minimum=1), "minutes", BACKWARD, "minimum went from 0 to 1"),
    "a bound is wider": (field("minutes", maximum=900), "minutes", FORWARD, "maximum went from 600 to 900"),
    "a bound is new": (field("urn", maxLength=6), "urn", BACKWARD, "maxLength went from none to 6"),
    "a pattern is another": (field("urn", pattern="^[0-9]{7}$"), "urn", BOTH, "its pattern is another"),
    "a format is another": (field("on", format="date-time"), "on", BOTH, "its format is another"),
    "a unit is another": (field("minutes", **{"x-unit": "hours"}), "minutes", BOTH, "counts something else"),
    "a field is unsealed": (plainly, "words", ("readers", "history"), "whether it is sealed"),
    "a sealed text is shorter": (
        field("words", **{"x-plain": {"type": ["string", "null"], "maxLength": 50}}), "words", BACKWARD, "maxLength",
    ),
    "a field within a list is gone": (
        lambda s: s["properties"]["others"]["items"]["properties"].pop("id"), "others.id", ("readers", "writers"),
        "it is gone",
    ),
    "the topic is another": (lambda s: s.update({"x-topic": "care.health"}), None, FORWARD, "another topic"),
    "the owner is another": (lambda s: s.update({"x-owner": "health"}), None, FORWARD, "another service"),
    "the family is another": (lambda s: s.update({"x-family": "incident"}), None, ("readers", "writers"), "family"),
    "the lane is another": (lambda s: s.update({"x-lane": "contact"}), None, FORWARD, "another lane"),
    "who may record it is another": (lambda s: s.update({"x-recorded-by": "timer"}), None, ("writers",), "may record"),
    "what it belongs to is another": (lambda s: s.pop("x-link"), None, FORWARD, "belongs to"),
    "it is restricted now": (lambda s: s.update({"x-sensitivity": "restricted"}), None, FORWARD, "sensitivity"),
    "a role is shut out": (lambda s: s.update({"x-subscribers": ["review"]}), None, FORWARD, "health, social-work"),
}  # fmt: skip
ALLOWED: dict[str, Change] = {
    "nothing": lambda _: None,
    "an optional field comes": add,
    "a code comes": lambda s: s["properties"]["kind"].update(
        {"enum": ["planned", "sudden", "by_video"], "x-codes": {"meanings": {**MEANINGS, "by_video": "By video"}}}
    ),
    "a sealed text may be longer": field("words", **{"x-plain": {"type": ["string", "null"], "maxLength": 500}}),
    "a role may subscribe too": lambda s: s.update({"x-subscribers": ["social-work", "review", "health", "school"]}),
    "a unit is said at last": field("urn", **{"x-unit": "schools"}),
    "the wording of a fact or a field is better": lambda s: s.update(description="The child was visited."),
}


def after(change: Change) -> list[Break]:
    proposed = copy.deepcopy(PUBLISHED)
    change(proposed)
    return breaks(PUBLISHED, proposed)


@pytest.mark.parametrize(("change", "place", "parties", "what"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_breaks_somebody_is_refused_with_its_place_and_remedy(
    change: Change, place: str | None, parties: tuple[str, ...], what: str
) -> None:
    found = [one for one in after(change) if what in one.what]
    assert [(one.type, one.field, one.parties) for one in found] == [("planning.visit_made version 3", place, parties)]
    assert "Instead: " in str(found[0])
    assert what in str(found[0])


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_a_change_that_breaks_nobody_is_allowed(change: Change) -> None:
    assert after(change) == []


def test_the_rules_that_are_written_down_are_those_that_are_checked() -> None:
    told = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert {name for name in (*REFUSED, *ALLOWED) if name != "nothing"} <= {row.split(" | ")[0][2:] for row in rows}


def test_every_name_of_a_fact_is_kept_so_that_none_can_go_with_its_files() -> None:
    kept = (Path(__file__).parent / "wire_names.txt").read_text().split()
    assert kept == sorted(CATALOGUE)


def test_a_schema_read_from_its_file_breaks_nothing_of_itself() -> None:
    for path in (Path(__file__).parents[2] / "events" / "schemas").glob("*.json"):
        schema = json.loads(path.read_text())
        assert breaks(schema, schema) == []
