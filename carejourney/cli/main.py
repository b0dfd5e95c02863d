"""The commands of `carejourney`, each a thin word for what its module does."""

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from carejourney.access import ROLES, mint
from carejourney.cli import contracts, erasing, importing, kit, lagging, reading, recording, rotating, webhooks
from carejourney.cli.arguments import authority_code
from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data, installation, issuer_key
from carejourney.cli.demonstrating import demonstrate, make_sample
from carejourney.cli.dismissing import dismiss
from carejourney.cli.parking import parked, redrive
from carejourney.cli.printing import printing
from carejourney.cli.provisioning import migrate_service, provision_server
from carejourney.cli.rebuilding import rebuild
from carejourney.cli.republishing import republish
from carejourney.cli.running import run_service
from carejourney.embedded.layout import GREATEST_BASE, LEAST_BASE
from carejourney.logs import set_up_logs

app = typer.Typer(
    help="Facts about children in care, and the journey they tell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(importing.app, name="import")
app.command("record")(recording.record)
app.command("schemas")(contracts.schemas)
app.command("asyncapi")(contracts.asyncapi)
app.command("history")(reading.history)
app.command("rebuild")(rebuild)
app.command("republish")(republish)
app.command("parked")(parked)
app.command("redrive")(redrive)
app.command("dismiss")(dismiss)
app.command("erase")(erasing.erase)
app.add_typer(rotating.app, name="keys")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(kit.app, name="kit")

PortBase = Annotated[
    int | None,
    typer.Option(
        "--port-base",
        min=LEAST_BASE,
        max=GREATEST_BASE,
        help="Take ports from here on; remembered in the data folder.",
    ),
]


@app.command()
def up(
    *,
    data: Data = DEFAULT_DATA,
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready.")] = False,
    port_base: PortBase = None,
) -> None:
    """Run the whole system on this machine: PostgreSQL, Kafka and the six services."""
    from carejourney.embedded import commands  # noqa: PLC0415 - the embedded extra is not everywhere

    raise typer.Exit(commands.up(data, detach=detach, port_base=port_base, console=printing()))


@app.command()
def down(*, data: Data = DEFAULT_DATA) -> None:
    """Stop the system that `up` started."""
    from carejourney.embedded import commands  # noqa: PLC0415 - as above

    raise typer.Exit(commands.down(data, console=printing()))


@app.command()
def status(*, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """What runs, and whether it is ready."""
    from carejourney.embedded import commands  # noqa: PLC0415 - as above

    raise typer.Exit(commands.status(data, as_json=as_json, console=printing()))


@app.command()
def demo(*, data: Data = DEFAULT_DATA, port_base: PortBase = None) -> None:
    """Start the system, load a generated authority, and say where to look."""
    from carejourney.embedded import commands  # noqa: PLC0415 - as above

    if commands.up(data, detach=True, port_base=port_base, console=printing()):
        raise typer.Exit(1)
    demonstrate(data, printing())


@app.command()
def run(
    service: Annotated[str, typer.Argument(help="placement, planning, education, health, leaving-care, journey")],
) -> None:
    """Serve one service, with settings from the environment: what containers run."""
    run_service(service)


@app.command()
def provision(
    *,
    secrets: Annotated[
        Path | None, typer.Option(help="Development only: make passwords and keys in this folder.")
    ] = None,
) -> None:
    """Make databases, roles and the key store on a PostgreSQL server; settings from the environment."""
    raise typer.Exit(provision_server(secrets))


@app.command()
def migrate(service: Annotated[str, typer.Argument(help="The service whose database is brought up to date.")]) -> None:
    """Bring one service's database to its newest revision; settings from the environment."""
    set_up_logs(service)
    raise typer.Exit(migrate_service(service))


@app.command()
def token(
    role: Annotated[list[str] | None, typer.Option("--role", help="A role; all of them if none is named.")] = None,
    *,
    authority: Annotated[
        list[str] | None,
        typer.Option(
            "--authority", parser=authority_code, metavar="CODE", help="An authority it covers; all if none is named."
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a token of the development issuer, for a page's sign-in or another program."""
    unknown = sorted(set(role or ()) - set(ROLES))
    if unknown:
        raise typer.BadParameter(f"there is no role {unknown[0]}; choose among: {', '.join(ROLES)}")
    sys.stdout.write(mint(issuer_key(data), "command-line", role or ROLES, authority or ["*"]) + "\n")


@app.command()
def lag(*, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """What was recorded and is not yet in every projection."""
    state = asyncio.run(lagging.measure(installation(data)))
    if as_json:
        sys.stdout.write(json.dumps(state) + "\n")
    else:
        lagging.show(printing(), state)


@app.command()
def verify(*, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Compare stores, Kafka, copies and projections, fact by fact; exit status 1 where something differs."""
    from carejourney.cli.verifying import verify_everything  # noqa: PLC0415 - loads what services load

    raise typer.Exit(verify_everything(data, as_json=as_json))


@app.command()
def sample(
    *,
    children: Annotated[int, typer.Option(min=1, help="Children in care on the last 31 March.")] = 200,
    years: Annotated[str, typer.Option(help="Collection years, such as 2024-2026.")] = "2024-2026",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    authority: Annotated[
        str, typer.Option(parser=authority_code, metavar="CODE", help="ONS code whose postcodes are used.")
    ] = "E08000025",
) -> None:
    """Write a generated authority: returns and enrolments."""
    make_sample(out, children=children, years=years, seed=seed, authority=authority, console=printing(stderr=True))


@app.command()
def bench(
    *,
    folder: Annotated[Path | None, typer.Option(help="A return to measure with; a generated one if left out.")] = None,
    authority: Annotated[
        str, typer.Option(parser=authority_code, metavar="CODE", help="Whose return it is.")
    ] = "E08000025",
    only: Annotated[
        list[str] | None, typer.Option(help="Measure this path alone; may be repeated. A wrong one lists them.")
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Write table and chart into docs/performance.*.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the benchmarks of the source repository; exit status 1 where a goal was not met."""
    try:
        runner = importlib.import_module("tests.bench.runner")
    except ModuleNotFoundError as error:
        raise ConnectionProblem("the benchmarks are in the source repository: run this in a clone of it") from error
    raise typer.Exit(runner.run(folder, authority, as_json=as_json, only=only or (), published=publish))


def main() -> None:
    """Run the program; a problem with the installation is told in one sentence, exit status 1."""
    if sys.argv[1:2] == ["run"] and len(sys.argv) == 3:  # noqa: PLR2004 - the fast way for what containers run
        run_service(sys.argv[2])
        return
    try:
        app()
    except ConnectionProblem as problem:
        printing(stderr=True).print(str(problem), highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1) from problem
