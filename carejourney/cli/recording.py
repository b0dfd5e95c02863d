"""`carejourney record`: facts of any kind, one JSON object a line, each through the command of its family."""

from pathlib import Path
from typing import Annotated

import typer

from carejourney.cli.arguments import Authority
from carejourney.cli.connecting import DEFAULT_DATA, AsJson, Data, installation
from carejourney.cli.fact_lines import Recorder
from carejourney.cli.importing import Wait, take
from carejourney.returns.client import Course
from carejourney.returns.posting import Desk
from carejourney.returns.report import ImportReport


def record(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="One JSON object a line; see docs/record.md.", exists=True, dir_okay=False),
    ],
    authority: Authority,
    *,
    wait: Wait = True,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Record facts of any kind out of a file; run again, the same lines add nothing.

    Each line is one fact as a JSON object: child, type, effective, content. It goes through the same command as over
    HTTP, at the service that owns the fact; a line may also end, correct or retract what another line said. One line
    that is refused holds up no other. docs/record.md has every member, and an example of each family.

    It needs the running system (`carejourney up`) and a child the register knows. It prints how many lines were read,
    taken and refused, the facts and corrections recorded, and of each refused line its number, field, reason and
    remedy.

    Exit status 0: every line was looked at, refused or taken. 1: it stopped before the end; run it again. 2: wrong
    options, or no such file.
    """
    place = installation(data)

    async def work(course: Course) -> ImportReport:
        desk = Desk(course.client, dict(place.urls), course.patience)
        recorder = Recorder(path, authority, desk)
        if course.on_progress is not None:
            recorder.tell = course.on_progress
        return await recorder.take()

    take(place, work, as_json=as_json, wait=wait)
