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
        Path | None,
        typer.Option(
            metavar="DIR", help="Write everything into this folder instead, with samples and the catalogue page."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say which files are not what the types say.")
    ] = False,
) -> None:
    """Write the published contract anew out of the fact types: JSON Schemas and the AsyncAPI document in events/.

    For who changes a type, in a clone of the repository; with --out for who only wants the files. No system has to run.
    A change that would break programs that read or write the facts is refused: each is printed, with its type, field
    and rule (docs/compatibility.md). Nothing is printed where all is well.

    Exit status 0: written, or current. 1: a breaking change, or a type without its upcast or a sample that fits
    (nothing is written); with --check also files that are not what the types say.
    """
    kept = published_folder()
    found = checked(PUBLISHED, kept)
    # A sample of a type that broke cannot fit either; what to do is said with the break.
    refused = [str(one) for one in found.broken] or _said(found.unsound)
    _refuse(refused or [f"{name} is not what the types say: run carejourney schemas" for name in found.stale if check])
    if check:
        return
    if out is None:
        write(PUBLISHED, kept)
        return
    _write_all(kept, out)


def asyncapi(
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write; standard output if left out.")
    ] = None,
) -> None:
    """Write the AsyncAPI 3 document: every topic, and every message on it with its headers, schema and an example.

    JSON, to standard output or to --out. It is made out of the program itself: nothing has to run.
    """
    _refuse(_said(PUBLISHED.unsound()))
    document = written(described(PUBLISHED))
    if out is None:
        sys.stdout.write(document)
    else:
        out.write_text(document, encoding="utf-8")


def published_folder() -> Path:
    """Where the published contract is kept: beside the types."""
    return Path(str(files("events")))


def _said(unsound: list[str]) -> list[str]:
    return [f"{fault}. Instead: see A new version in docs/compatibility.md." for fault in unsound]


def _refuse(told: list[str]) -> None:
    console = printing(stderr=True)
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if told:
        raise typer.Exit(1)


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
