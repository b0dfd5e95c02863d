"""`carejourney rebuild`: a projection folded again from zero, compared with the live one, and switched."""

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data
from carejourney.cli.printing import printing
from carejourney.cli.running import SERVICES


def rebuild(
    service: Annotated[str, typer.Argument(help="The service whose projections are rebuilt.")],
    projection: Annotated[str | None, typer.Argument(help="One projection; all of the service if left out.")] = None,
    *,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Fold a service's projections from its own copy, report every difference from the live rows, and switch."""
    from carejourney.rebuild import rebuild_service  # noqa: PLC0415 - loads what a service loads
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
    parts = importlib.import_module(f"services.{name}.app").PARTS
    results = asyncio.run(rebuild_service(parts, settings, projection))
    if as_json:
        sys.stdout.write(json.dumps(results) + "\n")
    else:
        for one in results:
            printing().print(
                f"{one['projection']}: {one['subjects']} children folded, {one['different']} rows differed,"
                f" {one['missing']} were missing, {one['left_over']} had no place"
            )


def _embedded(data: Path, service: str) -> dict[str, str]:
    from carejourney.embedded.layout import Folders, load_ports, service_environment  # noqa: PLC0415

    folders = Folders.at(data)
    if not folders.passwords.exists():
        raise ConnectionProblem(f"no system was started in {folders.root}; run `carejourney up`, or set CAREJOURNEY_*")
    passwords = json.loads(folders.passwords.read_text())
    return service_environment(folders, load_ports(folders), service, passwords)
