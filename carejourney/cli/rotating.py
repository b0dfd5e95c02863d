"""`carejourney keys`: which versions of the master key are in use, a new one, and the end of the old."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data
from carejourney.errors import Refusal

app = typer.Typer(help="The master key and what it wraps.", no_args_is_help=True)


@app.command()
def status(*, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """The versions of the master key, how many keys each wraps, and the public key of receipts."""
    versions, receipts = asyncio.run(_status(data))
    if as_json:
        sys.stdout.write(json.dumps({"versions": versions, "receipts_public_key": receipts}) + "\n")
        return
    console = Console()
    for one in versions:
        state = "wraps new keys" if one["current"] else "retired" if one["retired"] else "older"
        console.print(f"{one['name']}: {one['keys']} keys, {one['secrets']} secrets, {state}", highlight=False)
    console.print(f"receipts are signed by: {receipts}", highlight=False, soft_wrap=True)


@app.command()
def rotate(
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Make no new version; wrap anew what an older one still wraps.")
    ] = False,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a new version of the master key and wrap every key anew, while the system serves.

    Interrupted, it is run again with --resume. The older versions stay until `carejourney keys retire`.
    """
    done = asyncio.run(_rotate(data, resume=resume))
    _tell(as_json, {"wrapped_anew": done}, f"{done} keys were wrapped anew")


@app.command()
def retire(*, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Give up the older versions, once they wrap nothing: no backup can be read with them any more."""
    names = asyncio.run(_retire(data))
    _tell(as_json, {"retired": names}, f"retired: {', '.join(names) or 'none'}")


async def _status(data: Path) -> tuple[list[dict[str, object]], str]:
    from carejourney.cli.reaching import reach  # noqa: PLC0415 - loads databases and cryptography
    from carejourney.erasure.receipt import public_key  # noqa: PLC0415
    from carejourney.keys import RECEIPTS, rotation  # noqa: PLC0415

    place = reach(data)
    async with place.key_store() as (pool, wrapper):
        versions = [asdict(one) for one in await rotation.status(pool, wrapper)]
    return versions, public_key(await place.secret(RECEIPTS))


async def _rotate(data: Path, *, resume: bool) -> int:
    from carejourney.cli.reaching import reach  # noqa: PLC0415 - as above
    from carejourney.keys import rotation  # noqa: PLC0415

    async with reach(data).key_store() as (pool, wrapper):
        if not resume:
            try:
                await wrapper.renew()
            except OSError as error:
                raise ConnectionProblem(
                    "the key file cannot be written here: add a line of 32 bytes in base64 to it where it is kept,"
                    " wait until every service has it, then run `carejourney keys rotate --resume`"
                ) from error
        try:
            return max([done async for done in rotation.rewrap(pool, wrapper)], default=0)
        except Refusal as refusal:
            raise ConnectionProblem(refusal.detail) from refusal


async def _retire(data: Path) -> list[str]:
    from carejourney.cli.reaching import reach  # noqa: PLC0415 - as above
    from carejourney.keys import rotation  # noqa: PLC0415

    async with reach(data).key_store() as (pool, wrapper), pool.acquire() as connection:
        try:
            return await rotation.retire(connection, wrapper)
        except Refusal as refusal:
            raise ConnectionProblem(refusal.detail) from refusal


def _tell(as_json: bool, document: object, text: str) -> None:
    sys.stdout.write(json.dumps(document) + "\n" if as_json else f"{text}\n")
