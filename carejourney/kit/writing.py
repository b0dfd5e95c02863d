"""The kit as files: a folder, or the same in one archive."""

import json
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from carejourney.kit.cases import cases, holds
from carejourney.kit.records import KitRecord
from carejourney.kit.samples import samples

README: Final = "README.md"
# The oldest time an archive can say: the same kit is the same bytes.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


@cache
def contents() -> dict[str, str]:
    """Every file of the kit by its path in it."""
    readme = files("carejourney.kit").joinpath(README).read_text(encoding="utf-8")
    return {README: readme, **dict(_samples()), **dict(_cases())}


def write_kit(out: Path) -> int:
    """Write the kit into a folder, which may be there; how many files it has."""
    for name, text in contents().items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(contents())


@cache
def zipped() -> bytes:
    """The kit as a zip archive."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents().items():
            entry = zipfile.ZipInfo(f"kit/{name}", _NO_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text)
    return packed.getvalue()


def _samples() -> Iterator[tuple[str, str]]:
    every = samples()
    for name, record in every.items():
        yield f"samples/{name}.json", json.dumps(record.as_json(), indent=2) + "\n"
    yield "samples.jsonl", _lines([record.as_json() for record in every.values()])


def _cases() -> Iterator[tuple[str, str]]:
    sent: list[KitRecord] = []
    for number, case in enumerate(cases(), 1):
        sent += case.records
        subjects = {record.key for record in case.records}
        held = [one.as_json() for one in holds(sent).values() if one.subject in subjects]
        yield f"cases/{number:02}-{case.name}.jsonl", _lines([record.as_json() for record in case.records])
        yield f"cases/{number:02}-{case.name}.expected.jsonl", _lines(held)


def _lines(objects: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in objects)
