"""Policy files: TOML with `[[span]]` and `[[duty]]` entries; what does not fit is named by file, entry and field."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from carejourney.duties.policy import Duty, Policy, PolicyError, Rule, Span, field_and_reason

_Kind = TypeVar("_Kind", Span, Duty)


def load_policy(*paths: Path) -> Policy:
    """Read policy files, or every `*.toml` of a folder, into one policy.

    Raises PolicyError with file, entry and field for anything unreadable, unknown, missing or said twice.
    """
    rules = [rule for path in paths for file in _files(path) for rule in _rules(file)]
    for duty, times in Counter(rule.duty.id for rule in rules).items():
        if times > 1:
            raise PolicyError(f"{', '.join(map(str, paths))}: duty '{duty}': id: given {times} times")
    return Policy(tuple(rules))


def _files(path: Path) -> Sequence[Path]:
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise PolicyError(f"{path}: folder: holds no policy file")
    return files


def _rules(file: Path) -> Iterable[Rule]:
    content = _content(file)
    spans = {span.id: span for span in _entries(file, content, "span", Span)}
    for duty in _entries(file, content, "duty", Duty):
        span = _span(file, spans, duty.span, f"duty '{duty.id}': span")
        around = _span(file, spans, span.within, f"span '{span.id}': within") if span.within else None
        if around and around.within:
            raise PolicyError(f"{file}: span '{span.id}': within: '{around.id}' lies within a span itself")
        yield Rule(duty, span, around)


def _span(file: Path, spans: dict[str, Span], name: str, place: str) -> Span:
    if name not in spans:
        raise PolicyError(f"{file}: {place}: no [[span]] '{name}' in this file")
    return spans[name]


def _content(file: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as unreadable:
        raise PolicyError(f"{file}: file: cannot be read as TOML: {unreadable}") from unreadable
    for name in content.keys() - {"span", "duty"}:
        raise PolicyError(f"{file}: {name}: only [[span]] and [[duty]] entries are known")
    return content


def _entries(file: Path, content: dict[str, object], name: str, kind: type[_Kind]) -> list[_Kind]:
    listed = content.get(name, [])
    if not isinstance(listed, list):
        raise PolicyError(f"{file}: {name}: must be written [[{name}]]")
    return [
        _entry(file, f"{name} '{_id_of(given, place)}'", given, kind) for place, given in enumerate(listed, start=1)
    ]


def _entry(file: Path, label: str, given: object, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as refused:
        raise PolicyError(f"{file}: {label}: {field_and_reason(refused)}") from refused


def _id_of(given: object, place: int) -> str:
    return str(given.get("id", f"number {place}")) if isinstance(given, dict) else f"number {place}"
