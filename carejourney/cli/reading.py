"""`carejourney history`: a child's journey, true on a day and as known on another."""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer

from carejourney.cli.arguments import KnownOn, TrueOn, authority_code, child_name
from carejourney.cli.connecting import (
    DEFAULT_DATA,
    AsJson,
    ConnectionProblem,
    Data,
    Installation,
    installation,
    told,
)
from carejourney.cli.printing import printing, show_rows

HEADINGS: Final = ("from", "until", "known since", "what")


def history(
    child: Annotated[
        str | None, typer.Argument(parser=child_name, metavar="CHILD", help="The pseudonym, or authority:local-id.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every child of the authority, one JSON object a line.")] = False,
    authority: Annotated[
        str | None,
        typer.Option(parser=authority_code, metavar="CODE", help="With --all: the ONS code of the authority."),
    ] = None,
    true_on: TrueOn = None,
    known_on: KnownOn = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """The journey of a child, or of every child of an authority."""
    if every == (child is not None) or (every and not authority):
        raise typer.BadParameter("name a child, or ask for --all with --authority")
    moments = {k: str(v) for k, v in (("true_on", true_on), ("known_on", known_on)) if v}
    place = installation(data)
    try:
        if every:
            _all(place, str(authority), moments)
        else:
            _show(asyncio.run(_one(place, str(child), moments)), as_json=as_json)
    except httpx.HTTPError as error:
        raise told(error) from error


async def _one(place: Installation, child: str, moments: dict[str, str]) -> dict[str, Any]:
    async with place.client("journey") as client:
        answer = (await client.get(f"/children/{quote(child, safe=':')}/history", params=moments)).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _all(place: Installation, authority: str, moments: dict[str, str]) -> None:
    if not asyncio.run(_stream(place, {"authority": authority, **moments})):
        raise ConnectionProblem(f"no child of {authority} is known here: check --authority, or import its return first")


async def _stream(place: Installation, params: dict[str, str]) -> bool:
    """Write the journeys as they come; tell whether there were any."""
    any_came = False
    async with place.client("journey") as client, client.stream("GET", "/histories", params=params) as answer:
        if answer.is_error:
            await answer.aread()
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            any_came = any_came or bool(chunk)
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
    return any_came


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if not any(found["lanes"].values()):
        printing(stderr=True).print(_nothing(found), highlight=False, markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console = printing()
    for lane, intervals in found["lanes"].items():
        if not intervals:
            continue
        show_rows(console, lane.replace("_", " "), HEADINGS, [_cells(one) for one in intervals])
    for one in found.get("contradictions", ()):
        console.print(f"contradiction in {one['lane']}: {one['reason']} ({one['from'] or '-'})", markup=False)


def _cells(interval: Mapping[str, Any]) -> tuple[str, ...]:
    since = interval["recorded"][:10]
    return (interval["from"] or "-", interval["until"] or "-", since, _words(interval["value"]))


def _nothing(found: dict[str, Any]) -> str:
    day, moment = found["true_on"], found["known_on"]
    what = f"of how it was on {day}" if day else "of this child"
    return f"nothing {what} was known by {moment}" if moment else f"nothing {what} is known"


def _words(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"code", "meaning"}:
        return f"{value['code']} {value['meaning']}"
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_words(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value)
    return str(value)
