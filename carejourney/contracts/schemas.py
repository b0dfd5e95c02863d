"""JSON Schema (2020-12) of a fact as a Kafka subscriber receives it: personal fields sealed, codes with their meanings.

A schema is open: a reader ignores fields it does not know, so that a field may be added without a new version. What a
schema says beyond the standard stands in annotations of the form `x-...`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from carejourney.contracts.language import Language, sentence_of, urn_of

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SEALED: Final = r"^sealed\.[0-9]+\.[0-9a-f-]{36}\.[A-Za-z0-9_=-]+$"
_SEALED_SAID: Final = "Personal: sealed with the key of the fact's subject, and unreadable once that key is destroyed."
_PLAIN: Final = ("type", "format", "pattern", "minLength", "maxLength", "minimum", "maximum")

Schema = dict[str, Any]


def schema_of(language: Language, cls: Any) -> Schema:
    """The schema of the newest version of a fact."""
    model = cls.model_json_schema(mode="serialization")
    definitions = model.get("$defs", {})
    properties = {
        name: _property(language, cls, name, _inlined(told, definitions))
        for name, told in model.get("properties", {}).items()
    }
    return {
        "$schema": DIALECT,
        "$id": urn_of(cls.wire, cls.version),
        "title": cls.__name__,
        "description": sentence_of(cls),
        "type": "object",
        "properties": properties,
        "required": model.get("required", []),
        **_annotations(cls),
    }


def schemas(language: Language) -> dict[tuple[str, int], Schema]:
    """The schema of the newest version of every fact, by wire name and version."""
    return {(cls.wire, cls.version): schema_of(language, cls) for cls in language.classes()}


def written(document: Mapping[str, Any]) -> str:
    """A document as its file holds it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _annotations(cls: Any) -> Schema:
    linked = {"x-link": {"field": cls.link, "type": cls.linked.wire}} if cls.link and cls.linked else {}
    return {
        "x-wire": cls.wire,
        "x-version": cls.version,
        "x-versions": [{"version": n, "because": step.because} for n, step in enumerate(cls.upcasts, start=2)],
        "x-family": cls.family,
        "x-owner": cls.owner() if cls.topic != "*" else "the owner of the corrected fact",
        "x-topic": cls.destination(),
        "x-sensitivity": str(cls.sensitivity),
        "x-subscribers": list(cls.subscribers()),
        "x-subject": cls.subject_kind,
        "x-lane": cls.lane,
        "x-edge": cls.edge,
        "x-dated": cls.dated,
        "x-recorded-by": cls.recorded_by,
        **linked,
        "x-sources": list(cls.sources),
    }


def _property(language: Language, cls: Any, name: str, told: Schema) -> Schema:
    meaning, unit = language.meaning(cls, name), language.unit(cls, name)
    flat = {key: value for key, value in flattened(told).items() if key != "description"}
    if name in cls.personal_fields():
        flat = _sealed(flat)
        meaning = f"{meaning or ''} {_SEALED_SAID}".strip()
    besides = {"description": meaning or f"{name.replace('_', ' ').capitalize()}.", "x-unit": unit}
    return {**{key: value for key, value in besides.items() if value}, **flat}


def _sealed(plain: Schema) -> Schema:
    """What stands where a plain value was: a sealed string, or null where it may be absent."""
    said = {key: value for key, value in plain.items() if key in _PLAIN}
    absent = isinstance(plain["type"], list) and "null" in plain["type"]
    kept = {"default": plain["default"]} if "default" in plain else {}
    form = {"type": ["string", "null"] if absent else "string", "pattern": SEALED}
    return {**form, **kept, "x-personal": True, "x-plain": said}


def flattened(told: Schema) -> Schema:
    """`anyOf` a type and null as one schema, without the title that repeats the name."""
    rest = {key: value for key, value in told.items() if key not in {"anyOf", "title"}}
    options = told.get("anyOf", [])
    if not options:
        return _deep(rest)
    (one,) = [option for option in options if option.get("type") != "null"]
    merged = {**flattened(one), **rest}
    if len(options) > 1:
        merged["type"] = [merged["type"], "null"]
        if "enum" in merged:
            merged["enum"] = [*merged["enum"], None]
    return merged


def _deep(told: Schema) -> Schema:
    """The same within: the items of an array and the properties of an object."""
    if "items" in told:
        told = {**told, "items": flattened(told["items"])}
    if isinstance(told.get("properties"), dict):
        told = {**told, "properties": {name: flattened(one) for name, one in told["properties"].items()}}
    return told if told.get("type") != "object" else {k: v for k, v in told.items() if k != "additionalProperties"}


def _inlined(told: Any, definitions: Mapping[str, Any]) -> Any:
    """The same with what it refers to in its place."""
    if isinstance(told, list):
        return [_inlined(one, definitions) for one in told]
    if not isinstance(told, dict):
        return told
    if "$ref" in told:
        return _inlined(definitions[told["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in told.items()}
