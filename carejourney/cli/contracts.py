"""`carejourney schemas` and `carejourney asyncapi`: the published contract, made anew out of the types."""

import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from carejourney.cli.printing import printing
from carejourney.contracts import PUBLISHED
from carejourney.contracts.asyncapi import asyncapi as described
from carejourney.contracts.files import SCHEMAS, checked, write
from carejourney.contracts.messages import message_of
from carejourney.contracts.page import PAGE, page
from carejourney.contracts.schemas import written

SAMPLES = "samples"


def schemas(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write schemas, AsyncAPI, samples and the catalogue page into this folder.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 where the published contract is not current.")
    ] = False,
) -> None:
    """Bring the published contract up to date; refused where a change would break who relies on it."""
    console, kept = printing(stderr=True), published_folder()
    found = checked(PUBLISHED, kept)
    if check:
        for name in found.stale:
            console.print(f"{name} is not what the types say: run carejourney schemas", highlight=False)
    for one in found.broken:
        console.print(str(one), highlight=False, soft_wrap=True)
    if found.broken or (check and found.stale):
        raise typer.Exit(1)
    if check:
        return
    if out is None:
        write(PUBLISHED, kept)
        return
    _write_all(kept, out)


def asyncapi(
    *, out: Annotated[Path | None, typer.Option(help="The file to write; standard output if left out.")] = None
) -> None:
    """Write the AsyncAPI 3 document of all topics."""
    document = written(described(PUBLISHED))
    if out is None:
        sys.stdout.write(document)
    else:
        out.write_text(document, encoding="utf-8")


def published_folder() -> Path:
    """Where the published contract is kept: beside the types."""
    return Path(str(files("events")))


def _write_all(kept: Path, out: Path) -> None:
    """The whole contract in a folder of its own: every version's schema and sample, the topics, the page."""
    write(PUBLISHED, out)
    shutil.copytree(kept / SCHEMAS, out / SCHEMAS, dirs_exist_ok=True)
    (out / SAMPLES).mkdir(exist_ok=True)
    for cls in PUBLISHED.classes():
        for version in range(1, cls.version + 1):
            message = message_of(PUBLISHED, cls, version)
            record = {"topic": message.topic, "key": message.key, "headers": message.headers, "value": message.value}
            (out / SAMPLES / f"{cls.wire}.v{version}.json").write_text(written(record), encoding="utf-8")
    (out / PAGE).write_text(page(PUBLISHED), encoding="utf-8")
