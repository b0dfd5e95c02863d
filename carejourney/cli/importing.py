"""`carejourney import`: a return or enrolments, through the services' own decisions."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from carejourney.cli.arguments import AlsoLoadedFor, Authority, BirthsCorrected, CollectionYear, RecordedOn
from carejourney.cli.connecting import DEFAULT_DATA, AsJson, Data, Installation, installation
from carejourney.cli.lagging import until_settled
from carejourney.cli.printing import printing
from carejourney.returns.client import Confirmed, Course, Progress, import_enrolments, import_return
from carejourney.returns.errors import ImportStoppedError
from carejourney.returns.rendering import render
from carejourney.returns.report import ImportReport
from carejourney.returns.tables import SERVICES as OWNERS

app = typer.Typer(help="Load a return or enrolments, through the services' own decisions.", no_args_is_help=True)

Complete = Annotated[
    bool, typer.Option("--complete", help="The return is complete: retract rows of its year that it no longer holds.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until everything is in every projection.")]
Work = Callable[[Course], Coroutine[Any, Any, ImportReport]]


@app.command("ssda903")
def ssda903(
    folders: Annotated[list[Path], typer.Argument(help="A folder holds one return: one CSV a table, or the XML.")],
    authority: Authority,
    *,
    recorded_on: RecordedOn = None,
    complete: Complete = False,
    year: CollectionYear = None,
    file: Annotated[
        list[str] | None, typer.Option("--file", help="TABLE=PATH: which file holds a table; may be repeated.")
    ] = None,
    also_loaded_for: AlsoLoadedFor = None,
    births_corrected: BirthsCorrected = False,
    wait: Wait = True,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take SSDA903 returns; running it again changes nothing, a changed cell becomes a correction."""
    files = _files(file or [])
    confirmed = Confirmed(also_loaded_for or (), births_corrected)

    async def work(course: Course) -> ImportReport:
        return await import_return(
            folders, authority=authority, today=today(), course=course, recorded_on=recorded_on, complete=complete,
            year=year, files=files, confirmed=confirmed,
        )  # fmt: skip

    take(installation(data), work, as_json=as_json, wait=wait)


@app.command("enrolments")
def enrolments(
    path: Annotated[Path, typer.Argument(help="CSV: local_id,upn,urn,school,from,until,reason.")],
    authority: Authority,
    *,
    recorded_on: RecordedOn = None,
    complete: Complete = False,
    wait: Wait = True,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take school enrolments; the children must have been imported before."""

    async def work(course: Course) -> ImportReport:
        return await import_enrolments(
            path, authority=authority, today=today(), course=course, recorded_on=recorded_on, complete=complete
        )

    take(installation(data), work, as_json=as_json, wait=wait)


def today() -> date:
    """The day in England."""
    return datetime.now(UTC).astimezone(ZoneInfo("Europe/London")).date()


def take(place: Installation, work: Work, *, as_json: bool, wait: bool) -> None:
    """Run an import with a progress bar, and say what became of it.

    Exit status 1 where a file could not be taken, 2 where options make no sense together.
    """
    console = printing(stderr=True)
    stopped = None
    try:
        report = asyncio.run(_run(place, work, console, wait=wait))
    except ImportStoppedError as error:
        report, stopped = error.report, error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        sys.stdout.write(report.to_json().decode() + "\n")
    else:
        render(report, printing())
    if stopped is not None:
        console.print(f"The import stopped: {stopped}. Run it again; what was taken is not taken twice.", markup=False)
    if stopped is not None or report.files_refused:
        raise typer.Exit(1)


async def _run(place: Installation, work: Work, console: Console, *, wait: bool) -> ImportReport:
    with _bar(console) as bar:
        rows = bar.add_task("rows", total=None)

        def tell(progress: Progress) -> None:
            bar.update(rows, completed=progress.rows_done, total=progress.rows_total)

        limits = httpx.Limits(max_connections=20, max_keepalive_connections=20)
        timeout = httpx.Timeout(120, connect=5)
        async with httpx.AsyncClient(
            headers={"authorization": f"Bearer {place.token}"}, limits=limits, timeout=timeout
        ) as client:
            owners = {name: place.urls[name] for name in OWNERS}
            report = await work(Course(services=owners, client=client, on_progress=tell))
        if wait and report.facts_recorded:
            left = bar.add_task("facts still on their way", total=None)
            await until_settled(place, tell=lambda total: bar.update(left, completed=0, total=total or 0))
    return report


@contextmanager
def _bar(console: Console) -> Iterator[Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        yield bar


def _files(stated: Iterable[str]) -> dict[str, list[Path]] | None:
    found: dict[str, list[Path]] = {}
    for one in stated:
        table, _, path = one.partition("=")
        if not path:
            raise typer.BadParameter(f"--file {one}: write TABLE=PATH, such as episodes=part1.csv")
        found.setdefault(table, []).append(Path(path))
    return found or None
