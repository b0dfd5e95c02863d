"""Every command of every service, as its OpenAPI document has it, refuses what nobody declared before it stores it."""

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from carejourney.access import EVERY_AUTHORITY, ROLES, Caller
from carejourney.openapi import LINES
from tests.contract.test_openapi import CHILD, PLACE, SERVICES, bodies, client_of, document

Place = tuple[str | int, ...]
UNKNOWN: Final = "favourite_colour"
# Operations of the chassis: they refuse the field by its name, and change no record.
CHASSIS: Final = ("/operations", "/webhooks", "/parked", "/republish")
CLOSED: Final = frozenset({"enum", "const", "pattern", "format"})
# What is said in words, or is a number or name of somebody else's making. A code is none of these.
IN_WORDS: Final = {
    "home_postcode", "placement_postcode", "school", "words", "identifier", "true_on", "known_on", "effective",
}  # fmt: skip


class Anybody:
    """Takes any token, as that of a caller who may do everything."""

    async def check(self, _: str) -> Caller:
        return Caller("tester", frozenset(ROLES), frozenset({EVERY_AUTHORITY}))


def is_chassis(path: str) -> bool:
    return path.startswith(CHASSIS)


def commands(service: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Path, schema and example of each body that is one JSON object."""
    for path, media_type, schema, example in bodies(service):
        if media_type != LINES and isinstance(example, dict):
            yield path, _chosen(service, schema, example), example


def _chosen(service: str, schema: dict[str, Any], value: object) -> dict[str, Any]:
    """A schema with what it refers to in its place; of alternatives the one that the value is of."""
    components = document(service)["components"]["schemas"]
    if "$ref" in schema:
        return _chosen(service, components[schema["$ref"].rpartition("/")[2]], value)
    if "discriminator" in schema and isinstance(value, dict):
        one = schema["discriminator"]["mapping"][value[schema["discriminator"]["propertyName"]]]
        return _chosen(service, {"$ref": one}, value)
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**schema, **_chosen(service, options[0], value)} if len(options) == 1 else schema


def fields(service: str, schema: dict[str, Any], value: object, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every field that has no parts, with its schema, however deep it lies."""
    for name, said in schema.get("properties", {}).items():
        part = value.get(name) if isinstance(value, dict) else None
        one = _chosen(service, said, part)
        if "properties" in one:
            yield from fields(service, one, part, (*place, name))
        elif one.get("type") == "array":
            yield (*place, name, 0), _chosen(service, one["items"], None)
        else:
            yield (*place, name), one


def with_(example: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(example)
    inside: Any = changed
    for name in place[:-1]:
        if isinstance(inside, dict) and not inside.get(str(name)):
            inside[name] = [None] if place[-1] == 0 else {}
        inside = inside[name]
    inside[place[-1]] = value
    return changed


async def refusals(service: str, path: str, body: dict[str, Any]) -> dict[str, str]:
    """The fields that are refused, each with its reason."""
    async with client_of(service, Anybody(), token="anything") as client:
        headers = {"content-type": "application/json"}
        answer = await client.post(PLACE.sub(CHILD, path), content=json.dumps(body), headers=headers)
    assert (path, answer.status_code) == (path, 422), answer.text
    return {one["field"]: one["reason"] for one in answer.json()["fields"]}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_command_with_a_field_nobody_declared_is_refused_with_those_that_there_are(service: str) -> None:
    for path, schema, example in commands(service):
        told = await refusals(service, path, {**example, UNKNOWN: "red"})
        ((field, reason),) = told.items()
        assert field.rpartition(".")[2] == UNKNOWN, path
        missing = [name for name in schema["properties"] if name not in reason]
        assert is_chassis(path) or missing == [], path


@pytest.mark.parametrize("service", SERVICES)
async def test_a_command_with_a_code_nobody_published_is_refused_with_those_that_are_allowed(service: str) -> None:
    for path, schema, example in commands(service):
        for place, said in fields(service, schema, example):
            if "enum" in said:
                told = await refusals(service, path, with_(example, place, "??"))
                reasons = [reason for field, reason in told.items() if str(place[-1] or place[-2]) in field]
                assert any(all(str(code) in reason for code in said["enum"] if code) for reason in reasons), place


@pytest.mark.parametrize("service", SERVICES)
def test_a_field_of_a_command_is_of_a_closed_kind_or_known_to_be_in_words(service: str) -> None:
    for path, schema, example in commands(service):
        for place, said in fields(service, schema, example):
            open_text = said.get("type") == "string" and CLOSED.isdisjoint(said)
            assert not open_text or is_chassis(path) or "content" in place or place[-1] in IN_WORDS, (path, place)
