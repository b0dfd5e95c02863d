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
        Path, typer.Argument(metavar="FILE", help="JSON lines; see docs/record.md.", exists=True, dir_okay=False)
    ],
    authority: Authority,
    *,
    wait: Wait = True,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Record facts of any kind; running it again adds nothing."""
    place = installation(data)

    async def work(course: Course) -> ImportReport:
        desk = Desk(course.client, dict(place.urls), course.patience)
        recorder = Recorder(path, authority, desk)
        if course.on_progress is not None:
            recorder.tell = course.on_progress
        return await recorder.take()

    take(place, work, as_json=as_json, wait=wait)
