"""`carejourney rebuild`: a projection folded again from zero, compared with the live one, and switched."""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data
from carejourney.cli.printing import printing
from carejourney.cli.running import SERVICES


def rebuild(
    service: Annotated[str, typer.Argument(help="The service whose projections are rebuilt.")],
    projection: Annotated[str | None, typer.Argument(help="One projection; all of the service if left out.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop before the switch; keep nothing.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on with a run that was killed.")] = False,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Put back what the last rebuild replaced.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Drop the rows kept for a roll back.")] = False,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Fold a service's projections from its own copy, report every difference from the live rows, and switch."""
    from carejourney import rebuild as rebuilding  # noqa: PLC0415 - loads what a service loads

    parts, settings = _service(service, data)
    if roll_back + forget + (dry_run or anew) > 1:
        raise typer.BadParameter("--roll-back and --forget stand alone")
    if roll_back:
        if projection is None:
            raise typer.BadParameter("name the projection that is to be rolled back")
        told = _done(rebuilding.roll_back(parts, settings, projection))
        _tell(told, f"{projection}: {told['restored']} rows put back, {told['refolded']} folded again", as_json=as_json)
        return
    if forget:
        names = _done(rebuilding.forget(parts, settings, projection))
        _tell({"forgotten": names}, f"forgotten: {', '.join(names) or 'there was nothing'}", as_json=as_json)
        return
    with _progress(shown=not as_json) as (folded, console):
        watcher = rebuilding.Watcher(folded, lambda report: None if as_json else _show(console, report))
        results = _done(
            rebuilding.rebuild_service(parts, settings, projection, dry_run=dry_run, anew=anew, watcher=watcher)
        )
    words = [
        f"{r['projection']}: {'switched' if r['switched'] else 'not switched'},"
        f" longest transaction {r['longest_transaction']} s"
        for r in results
    ]
    _tell(results, "\n".join(words), as_json=as_json)


def _service(service: str, data: Path) -> tuple[Any, Any]:
    from carejourney.settings import Settings  # noqa: PLC0415

    name = service.replace("-", "_")
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; choose one of: {', '.join(SERVICES)}")
    if "CAREJOURNEY_DATABASE_URL" not in os.environ:
        os.environ.update(_embedded(data, name))
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConnectionProblem(f"the environment of the service is not set: {error.errors()[0]['msg']}") from error
    return importlib.import_module(f"services.{name}.app").PARTS, settings


def _done(work: Coroutine[Any, Any, Any]) -> Any:
    from carejourney.rebuild import RebuildRefused  # noqa: PLC0415

    try:
        return asyncio.run(work)
    except (RebuildRefused, ValueError) as refusal:
        raise ConnectionProblem(str(refusal)) from refusal


def _tell(told: object, words: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        printing().print(words, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress(*, shown: bool) -> Iterator[tuple[Any, Console]]:
    """A bar for each projection, with the time that remains, on standard error."""
    console = printing(stderr=True)
    bars: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not shown) as progress:

        def folded(projection: str, done: int, total: int) -> None:
            if projection not in bars:
                bars[projection] = progress.add_task(projection, total=total)
            progress.update(bars[projection], completed=done, total=max(done, total))

        yield folded, console


def _show(console: Console, report: Mapping[str, Any]) -> None:
    """What differs, before anything is switched."""
    counted = (
        f"{report['projection']}: {report['subjects']} children folded, {report['different']} rows differ,"
        f" {report['missing']} were missing, {report['left_over']} have no place"
    )
    lines = [
        counted,
        *(f"  {column}: {count} rows" for column, count in report["columns"].items()),
        *(f"  {e['subject']}: {e['kind']} {', '.join(e['columns'])}" for e in report["examples"]),
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _embedded(data: Path, service: str) -> dict[str, str]:
    from carejourney.embedded.layout import Folders, load_ports, service_environment  # noqa: PLC0415

    folders = Folders.at(data)
    if not folders.passwords.exists():
        raise ConnectionProblem(f"no system was started in {folders.root}; run `carejourney up`, or set CAREJOURNEY_*")
    passwords = json.loads(folders.passwords.read_text())
    return service_environment(folders, load_ports(folders), service, passwords)
