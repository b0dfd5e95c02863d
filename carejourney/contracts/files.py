"""The contract as files: what is published, whether it is what the types say, and writing it anew.

In the repository, `events/schemas` holds a schema of every version ever published, `events/asyncapi.json` the topics.
Schemas of earlier versions are made by nobody any more: they stay as they are.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from carejourney.contracts.asyncapi import asyncapi
from carejourney.contracts.compatibility import Break, breaks
from carejourney.contracts.language import Language, file_of
from carejourney.contracts.schemas import schemas, written

SCHEMAS: Final = "schemas"
ASYNCAPI: Final = "asyncapi.json"
_SUFFIX: Final = ".json"


@dataclass
class Findings:
    """What a folder lacks, holds otherwise, or holds of nothing; and what the types break of what it published.

    `unsound` is what is wrong with the types themselves. Where there is any of it, or a break, `stale` is not looked
    into: of such types there is no contract to compare with.
    """

    stale: list[str] = field(default_factory=list)
    broken: list[Break] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.stale or self.broken or self.unsound)


def contract_files(language: Language) -> dict[str, str]:
    """The files that the types make, by their path in the folder."""
    made = {
        f"{SCHEMAS}/{file_of(wire, version)}": written(schema) for (wire, version), schema in schemas(language).items()
    }
    return {**made, ASYNCAPI: written(asyncapi(language))}


def checked(language: Language, folder: Path) -> Findings:
    """Compare a folder with what the types say."""
    found = Findings(broken=list(_broken(language, folder)), unsound=language.unsound())
    if found:
        return found
    for name, content in contract_files(language).items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            found.stale.append(name)
    known = {file_of(wire, n) for wire, cls in language.catalogue.items() for n in range(1, cls.version + 1)}
    there = {path.name for path in (folder / SCHEMAS).glob(f"*{_SUFFIX}")}
    found.stale += [f"{SCHEMAS}/{name}" for name in sorted(known ^ there) if f"{SCHEMAS}/{name}" not in found.stale]
    return found


def write(language: Language, folder: Path) -> list[Break]:
    """Bring a folder up to date; where that would break what it published, write nothing and say so."""
    broken = list(_broken(language, folder))
    if broken:
        return broken
    for name, content in contract_files(language).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return []


def published(folder: Path, wire: str, version: int) -> dict[str, Any] | None:
    """The published schema of a version; None where there is none."""
    path = folder / SCHEMAS / file_of(wire, version)
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


def _broken(language: Language, folder: Path) -> Iterator[Break]:
    for (wire, version), schema in schemas(language).items():
        before = published(folder, wire, version)
        if before is not None:
            yield from breaks(before, schema)
    for path in sorted((folder / SCHEMAS).glob(f"*{_SUFFIX}")):
        wire, _, last = path.name.removesuffix(_SUFFIX).rpartition(".v")
        cls = language.catalogue.get(wire)
        if cls is None or int(last) > cls.version:
            what = "the type is gone" if cls is None else f"version {last} is gone"
            remedy = "keep it: facts of it are kept for ever"
            yield Break(wire, None, ("readers", "history", "writers"), what, remedy)
