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

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data


def erase(
    child: Annotated[
        str | None, typer.Argument(help="Whom to erase: the pseudonym, or the local id with --authority.")
    ] = None,
    *,
    authority: Annotated[str | None, typer.Option("--authority", help="ONS code of the child's authority.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="retention_ended, right_to_erasure, registered_in_error or court_order."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm without being asked.")] = False,
    receipt: Annotated[UUID | None, typer.Option("--receipt", help="Print the receipt of an erasure again.")] = None,
    verify: Annotated[Path | None, typer.Option("--verify", help="Check the signature of a receipt.")] = None,
    apply_ledger: Annotated[
        Path | None, typer.Option("--apply-ledger", help="After a restore: destroy again whoever is in this file.")
    ] = None,
    export_ledger: Annotated[
        Path | None, typer.Option("--export-ledger", help="Add what the file lacks of the ledger.")
    ] = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Destroy a child's key: every personal field becomes unreadable everywhere, for good."""
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
