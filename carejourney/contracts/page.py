"""The catalogue as one page for people: every fact with its fields, codes, example and versions.

The page stands alone: style and script are within it, nothing is loaded. Without script it has its lists and its
headings; with it, a search.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader

from carejourney.contracts.language import Language, file_of, sentence_of
from carejourney.contracts.messages import message_of
from carejourney.contracts.schemas import schema_of

PAGE: Final = "index.html"
EDGES: Final = {"start": "begins something", "end": "ends something", "point": "stands alone"}
RECORDED_BY: Final = {
    "family": "By a person or another system, through the command of its family",
    "derived": "By the service, out of the episodes that were stated",
    "timer": "By a timer, out of the date of birth",
    "register": "By the register of subjects",
    "correction": "By the command that corrects or retracts",
}
_WORDS: Final = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "array": "list",
    "object": "object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the table of fields; `codes` is the name of its code set, `values` a list where it has no set."""

    name: str
    meaning: str
    form: str
    needed: bool
    personal: bool
    codes: str | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version: why it was made, its files, and its sample as a record of Kafka."""

    number: int
    because: str
    file: str
    example: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact as the page shows it; `found_by` is what a search looks in."""

    cls: Any
    title: str
    sentence: str
    owner: str
    topics: tuple[str, ...]
    fields: tuple[Field, ...]
    versions: tuple[Version, ...]
    found_by: str


def page(language: Language) -> str:
    """The whole page as HTML."""
    entries = [_entry(language, cls) for cls in language.classes()]
    html: str = _template().render(
        families=_grouped(entries, lambda entry: [entry.cls.family]),
        topics=_grouped(entries, lambda entry: entry.topics),
        owners=_grouped(entries, lambda entry: [entry.owner]),
        codes=_code_sets(language.classes()),
        count=len(entries),
        edges=EDGES,
        recorded_by=RECORDED_BY,
        style=style(),
        script=script(),
    )
    return html


@cache
def style() -> str:
    """The style sheet of all pages, and what this one adds."""
    shared = (files("carejourney.web") / "static" / "carejourney.css").read_text(encoding="utf-8")
    return shared + _static("catalogue.css")


@cache
def script() -> str:
    """The search."""
    return _static("catalogue.js")


def policy() -> str:
    """The content security policy under which the page may run its own style and script, and nothing else."""
    allowed = {name: f"'sha256-{_digest(text)}'" for name, text in (("style-src", style()), ("script-src", script()))}
    sources = "; ".join(f"{name} {source}" for name, source in allowed.items())
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def title_of(wire: str) -> str:
    """A wire name in words."""
    return wire.partition(".")[2].replace("_", " ").capitalize()


def _static(name: str) -> str:
    return (files("carejourney.contracts") / "static" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("carejourney.contracts"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["in_words"] = lambda name: str(name).replace("_", " ").replace("-", " ").capitalize()
    return environment.get_template("catalogue.html")


def _grouped(entries: Iterable[Entry], names: Callable[[Entry], Iterable[str]]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in names(entry):
            found.setdefault(name, []).append(entry)
    return dict(sorted(found.items()))


def _entry(language: Language, cls: Any) -> Entry:
    schema = schema_of(language, cls)
    fields = tuple(_field(name, told, schema["required"]) for name, told in schema["properties"].items())
    everywhere = cls.topic == "*"
    topics = tuple(language.topics) if everywhere else (cls.destination(),)
    owner = "every service" if everywhere else cls.owner()
    said = (f"{field.name} {field.meaning} {field.codes or ''}" for field in fields)
    known = (cls.wire, title_of(cls.wire), sentence_of(cls), owner, *topics, *cls.sources, *said)
    versions = tuple(_version(language, cls, n) for n in range(cls.version, 0, -1))
    return Entry(
        cls, title_of(cls.wire), sentence_of(cls), owner, topics, fields, versions, " ".join(known).lower()
    )  # fmt: skip


def _field(name: str, told: Mapping[str, Any], required: Iterable[str]) -> Field:
    plain = told.get("x-plain", told)
    codes = told.get("x-codes", {}).get("set")
    values = () if codes else tuple(str(value) for value in told.get("enum", ()) if value is not None)
    return Field(
        name, told["description"], _form(plain, told.get("x-unit")), name in required, bool(told.get("x-personal")),
        codes, values,
    )  # fmt: skip


def _form(told: Mapping[str, Any], unit: str | None) -> str:
    """What may stand in a field, in words."""
    types = told["type"] if isinstance(told["type"], list) else [told["type"]]
    words = {**_WORDS, "string": "day" if told.get("format") == "date" else "text"}
    form = " or ".join(words[one] for one in types)
    return f"{form}{_between(told.get('minimum'), told.get('maximum'))}{f'; {unit}' if unit else ''}"


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f", at most {high}"
    return f", at least {low}" if high is None else f", {low} to {high}"


def _version(language: Language, cls: Any, number: int) -> Version:
    because = "The first version." if number == 1 else cls.upcasts[number - 2].because
    return Version(number, because, file_of(cls.wire, number), _example(language, cls, number))


def _example(language: Language, cls: Any, number: int) -> str:
    message = message_of(language, cls, number)
    headers = "\n".join(f"{name}: {value}" for name, value in message.headers.items())
    value = json.dumps(message.value, indent=2, ensure_ascii=False)
    return f"topic: {message.topic}\nkey: {message.key}\n\n{headers}\n\n{value}"


def _code_sets(classes: Iterable[Any]) -> list[Any]:
    found = {codes.name: codes for cls in classes for codes in cls.coded_fields().values()}
    return [found[name] for name in sorted(found, key=str.lower)]
