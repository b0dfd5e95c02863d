"""`carejourney erase`: a child erased, the receipt printed again or checked, the ledger applied after a restore."""

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from carejourney.cli.connecting import DEFAULT_DATA, ConnectionProblem, Data


def erase(
    child: Annotated[
        str | None, typer.Argument(help="Whom to erase: the pseudonym, or what the authority calls the child.")
    ] = None,
    *,
    authority: Annotated[
        str | None,
        typer.Option(
            "--authority", help="ONS code of the child's authority, such as E08000025; always needed to erase."
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why: retention_ended, right_to_erasure, registered_in_error or court_order."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before destroying; for programs.")] = False,
    receipt: Annotated[
        UUID | None,
        typer.Option("--receipt", metavar="ERASURE", help="Print the receipt of this erasure (its id) again."),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", metavar="FILE", help="Check that a receipt was signed by this installation."),
    ] = None,
    apply_ledger: Annotated[
        Path | None,
        typer.Option(
            "--apply-ledger",
            metavar="FILE",
            help="After a backup was restored: destroy again the keys of all in this file.",
        ),
    ] = None,
    export_ledger: Annotated[
        Path | None,
        typer.Option(
            "--export-ledger",
            metavar="FILE",
            help="Write to this file, kept apart from the backups, which erasures it lacks.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --verify, answer in JSON; the rest is JSON always.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Erase a child for good: destroy the key with which everything personal of the child is sealed.

    With a child, --authority and --reason: shows what stays, and how much placement knows of what is destroyed (the
    receipt counts everything); asks, destroys, looks into every database and topic until nothing readable is left (two
    minutes at most), and prints the signed receipt as JSON. It cannot be undone, nor by a backup once the ledger was
    applied. Codes and days stay, under the pseudonym.

    The other four options act alone: --receipt, --verify, --apply-ledger, --export-ledger.

    It needs the running system with its databases and Kafka, and a token with the role erasure; those of an embedded
    system are found by --data, others by CAREJOURNEY_ADMIN_DATABASE_URL and CAREJOURNEY_KAFKA. --receipt, --verify and
    --export-ledger need no token. See docs/privacy.md.

    Exit status 0: done, or the receipt is genuine. 1: nothing was erased, or something is left (it is named; the key
    is destroyed then, and --receipt looks again), or the receipt is not genuine. 2: the options make no sense together.
    """
    acts = [one for one in (child, receipt, verify, apply_ledger, export_ledger) if one is not None]
    if len(acts) != 1:
        raise typer.BadParameter("name a child, or one of --receipt, --verify, --apply-ledger, --export-ledger")
    if verify is not None:
        _verify(data, verify, as_json=as_json)
        return
    from carejourney.cli import erasing_for_good as erasing  # noqa: PLC0415 - loads databases, Kafka and cryptography
    from carejourney.cli.reaching import reach  # noqa: PLC0415

    place = reach(data)
    if receipt is not None:
        _write(asyncio.run(erasing.receipt_of(place, receipt)))
    elif apply_ledger is not None:
        _write(asyncio.run(erasing.apply_ledger(place, data, apply_ledger)))
    elif export_ledger is not None:
        _write({"added": asyncio.run(erasing.export(place, export_ledger))})
    elif child is None or authority is None or reason is None:
        raise typer.BadParameter("--authority and --reason are needed")
    else:
        agreed = partial(_agreed, yes=yes)
        _write(asyncio.run(erasing.erase_child(place, data, child, authority, reason, agreed)))


def _agreed(draft: Mapping[str, Any], *, yes: bool) -> bool:
    if yes:
        return True
    Console(stderr=True).print_json(json.dumps(draft))
    return typer.confirm("Destroy this child's key for good?", err=True)


def _write(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _verify(data: Path, path: Path, *, as_json: bool) -> None:
    from carejourney.cli.reaching import reach  # noqa: PLC0415 - as below
    from carejourney.erasure.receipt import is_signed_by, public_key  # noqa: PLC0415
    from carejourney.keys import RECEIPTS  # noqa: PLC0415

    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConnectionProblem(f"{path} is no receipt: {error}") from error
    good = isinstance(receipt, dict) and is_signed_by(receipt, public_key(asyncio.run(reach(data).secret(RECEIPTS))))
    if as_json:
        _write({"valid": good})
    else:
        Console().print("the receipt is as it was signed here" if good else "this receipt was not signed here")
    raise typer.Exit(0 if good else 1)
