"""`carejourney dismiss`: facts leave a service's copy that their owner never recorded."""

import asyncio
import json
import sys
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.console import Console

from carejourney.cli.connecting import DEFAULT_DATA, SERVICES, AsJson, Data, Installation, installation, told

DISMISS_SECONDS = 600


def dismiss(
    *,
    service: Annotated[str, typer.Option("--service", help="The service in whose copy they are.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in words that name nobody; kept for ever.")],
    fact: Annotated[UUID | None, typer.Option("--id", help="The id of one fact.")] = None,
    child: Annotated[UUID | None, typer.Option("--child", help="A pseudonym: all such facts about it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name them, and keep everything as it is.")] = False,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take facts out of a copy that their owner never recorded, as `verify` names them; the owner is asked first."""
    name = service.replace("-", "_")
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; choose one of: {', '.join(SERVICES)}")
    if (fact is None) == (child is None):
        raise typer.BadParameter("name an --id or a --child, and not both")
    body = {"fact": fact and str(fact), "child": child and str(child), "reason": reason, "dry_run": dry_run}
    result = {"service": name, **asyncio.run(_dismissed(installation(data), name, body))}
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        _tell(Console(), result)


async def _dismissed(place: Installation, service: str, body: dict[str, Any]) -> dict[str, Any]:
    async with place.client(service) as client:
        try:
            answer = await client.post(
                "/operations/dismiss", json=body, timeout=httpx.Timeout(DISMISS_SECONDS, connect=5)
            )
            found: dict[str, Any] = answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise told(error) from error
    return found


def _tell(console: Console, result: dict[str, Any]) -> None:
    words = "would be dismissed" if result["dry_run"] else "dismissed"
    console.print(f"{result['service']}: {len(result['dismissed'])} facts {words}", highlight=False)
    for one in result["dismissed"]:
        console.print(
            f"  {one['id']} {one['type']} {one['subject']} {one['topic']} version {one['version']}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
