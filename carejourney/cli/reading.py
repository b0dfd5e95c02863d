"""`carejourney history`: a child's journey, true on a day and as known on another."""

import asyncio
import json
import sys
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, Data, Installation, installation, told

TrueOn = Annotated[str | None, typer.Option("--true-on", help="Only what was true on this day (YYYY-MM-DD).")]
KnownOn = Annotated[
    str | None, typer.Option("--known-on", help="Only what was known then: a day (its end) or an instant.")
]


def history(
    child: Annotated[str | None, typer.Argument(help="The pseudonym, or authority:local-id.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every child of the authority, one JSON object a line.")] = False,
    authority: Annotated[str | None, typer.Option(help="With --all: the ONS code of the authority.")] = None,
    true_on: TrueOn = None,
    known_on: KnownOn = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """The journey of a child, or of every child of an authority."""
    if every == (child is not None) or (every and not authority):
        raise typer.BadParameter("name a child, or ask for --all with --authority")
    moments = {k: v for k, v in (("true_on", true_on), ("known_on", known_on)) if v}
    place = installation(data)
    try:
        if every:
            asyncio.run(_stream(place, {"authority": str(authority), **moments}))
        else:
            _show(asyncio.run(_one(place, str(child), moments)), as_json=as_json)
    except httpx.HTTPError as error:
        raise told(error) from error


async def _one(place: Installation, child: str, moments: dict[str, str]) -> dict[str, Any]:
    async with place.client("journey") as client:
        answer = (await client.get(f"/children/{child}/history", params=moments)).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


async def _stream(place: Installation, params: dict[str, str]) -> None:
    async with place.client("journey") as client, client.stream("GET", "/histories", params=params) as answer:
        if answer.is_error:
            await answer.aread()
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console = Console()
    for lane, intervals in found["lanes"].items():
        if not intervals:
            continue
        table = Table(title=lane.replace("_", " "), title_justify="left")
        for heading in ("from", "until", "what", "known since"):
            table.add_column(heading)
        for one in intervals:
            table.add_row(one["from"] or "-", one["until"] or "-", _words(one["value"]), one["recorded"][:10])
        console.print(table)
    for one in found.get("contradictions", ()):
        console.print(f"contradiction in {one['lane']}: {one['reason']} ({one['from'] or '-'})")


def _words(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"code", "meaning"}:
        return f"{value['code']} {value['meaning']}"
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_words(v)}" for k, v in value.items() if v is not None)
    return str(value)
