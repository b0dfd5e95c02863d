"""`carejourney parked` and `carejourney redrive`: lanes that wait, why, and trying them again."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.table import Table

from carejourney.cli.connecting import DEFAULT_DATA, SERVICES, AsJson, Data, Installation, installation, told

Service = Annotated[str | None, typer.Option("--service", help="One service; all of them if left out.")]
Projection = Annotated[str | None, typer.Option("--projection", help="A projection or reaction, or gap.")]
Reason = Annotated[str | None, typer.Option("--reason", help="The kind of the fault, as `parked` shows it.")]
Child = Annotated[UUID | None, typer.Option("--child", help="A pseudonym.")]
Fact = Annotated[UUID | None, typer.Option("--fact", help="The first fact of a parked lane.")]

REDRIVE_SECONDS = 3_600
ODD = ("unreadable", "conflicts", "unknown")


def parked(
    *, service: Service = None, projection: Projection = None, reason: Reason = None, child: Child = None,
    fact: Fact = None, as_json: AsJson = False, data: Data = DEFAULT_DATA,
) -> None:  # fmt: skip
    """Lanes that wait, each with its fault and how many facts are behind it, and records that took no effect."""
    asked = _named(projection=projection, reason=reason, child=child, fact=fact)
    found = asyncio.run(_parked(installation(data), _services(service), asked))
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _show(Console(), found)


def redrive(
    *, service: Service = None, projection: Projection = None, reason: Reason = None, child: Child = None,
    fact: Fact = None,
    every: Annotated[bool, typer.Option("--all", help="Every parked lane.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and keep nothing.")] = False,
    as_json: AsJson = False, data: Data = DEFAULT_DATA,
) -> None:  # fmt: skip
    """Try parked lanes again, in order; exit status 1 where some are still parked, or would be."""
    named = _named(projection=projection, reason=reason, child=child, fact=fact)
    if bool(named) == every:
        raise typer.BadParameter("name a --fact, --child, --reason or --projection, or say --all and nothing else")
    body = {**named, "all": every, "dry_run": dry_run}
    results = asyncio.run(_redriven(installation(data), _services(service), body))
    if as_json:
        sys.stdout.write(json.dumps({"services": results}) + "\n")
    else:
        _tell(Console(), results)
    if any(result["still_parked"] for result in results):
        raise typer.Exit(1)


def _named(**names: object) -> dict[str, str]:
    return {name: str(value) for name, value in names.items() if value is not None}


def _services(service: str | None) -> Sequence[str]:
    if service is None:
        return SERVICES
    name = service.replace("-", "_")
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; choose one of: {', '.join(SERVICES)}")
    return (name,)


async def _parked(place: Installation, services: Sequence[str], asked: dict[str, str]) -> dict[str, Any]:
    """`{total, lanes: [...], unreadable: [...], conflicts: [...], unknown: [...]}`, each part with its service."""
    found: dict[str, Any] = {"total": 0, "lanes": [], **{name: [] for name in ODD}}
    for service in services:
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            first = page["next"] == ""
            params = {**asked, "limit": "200"} if first else {**asked, "limit": "200", "after": page["next"]}
            page = await _asked(place, service, "GET", "/operations/parked", params=params)
            found["lanes"] += page["lanes"]
            if first:
                found["total"] += page["total"]
                for name in ODD:
                    found[name] += [{"service": service, **one} for one in page[name]]
    return found


async def _redriven(place: Installation, services: Sequence[str], body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"service": service, **await _asked(place, service, "POST", "/operations/redrive", json=body)}
        for service in services
    ]


async def _asked(place: Installation, service: str, method: str, path: str, **how: Any) -> dict[str, Any]:
    async with place.client(service) as client:
        try:
            answer = await client.request(method, path, **how, timeout=httpx.Timeout(REDRIVE_SECONDS, connect=5))
            found: dict[str, Any] = answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise told(error) from error
    return found


def _show(console: Console, found: dict[str, Any]) -> None:
    table = Table(title=f"{found['total']} parked lanes")
    for heading in ("service", "projection", "pseudonym", "first fact", "reason", "since", "waiting", "attempts"):
        table.add_column(heading)
    for lane in found["lanes"]:
        table.add_row(
            lane["service"], lane["projection"], lane["subject"], lane["type"] or "-",
            " ".join(filter(None, (lane["reason"], lane["place"]))), lane["since"][:19], str(lane["waiting"]),
            str(lane["attempts"]),
        )  # fmt: skip
    console.print(table)
    for one in found["unreadable"]:
        console.print(f"unreadable: {one['service']} {one['topic']}/{one['partition']} {one['offset']} {one['reason']}")
    for one in found["conflicts"]:
        console.print(f"conflict: {one['service']} {one['topic']} {one['subject']} version {one['version']}")
    for one in found["unknown"]:
        console.print(f"unknown: {one['service']} {one['schema']}: {one['facts']} facts")


def _tell(console: Console, results: Sequence[dict[str, Any]]) -> None:
    for result in results:
        words = "would go on" if result["dry_run"] else "done"
        console.print(
            f"{result['service']}: {result['lanes']} lanes, {result['done']} {words}, {result['still_parked']} parked",
            highlight=False,
        )
        for fault in result["faults"]:
            place = f" at {fault['place']}" if fault["place"] else ""
            console.print(f"  {fault['lanes']} of {fault['projection']}: {fault['reason']}{place}", highlight=False)
