"""`carejourney republish`: a service publishes its facts again from its store."""

import asyncio
import json
import sys
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from carejourney.cli.connecting import (
    DEFAULT_DATA,
    SERVICES,
    AsJson,
    Data,
    Installation,
    installation,
    told,
)


def republish(
    service: Annotated[str | None, typer.Argument(help="The service that owns the facts; all if left out.")] = None,
    *,
    topic: Annotated[str | None, typer.Option("--topic", help="One of its topics; all of them if left out.")] = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Publish every fact once more; whoever has it drops it. A service does so itself where Kafka lost something."""
    chosen = [service.replace("-", "_")] if service else list(SERVICES)
    if chosen[0] not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; choose one of: {', '.join(SERVICES)}")
    if topic and not service:
        raise typer.BadParameter("--topic needs the service that owns it")
    begun = asyncio.run(_ask(installation(data), chosen, topic))
    if as_json:
        sys.stdout.write(json.dumps(begun) + "\n")
    else:
        words = [f"{one['service']}: publishing again {', '.join(one['topics'])}" for one in begun]
        Console().print(
            "\n".join([*words, "`carejourney lag` tells when it is done."]), highlight=False, soft_wrap=True
        )


async def _ask(place: Installation, services: list[str], topic: str | None) -> list[dict[str, Any]]:
    begun = []
    for service in services:
        async with place.client(service) as client:
            try:
                answer = await client.post("/operations/republish", json={"topic": topic})
                begun.append({"service": service, **answer.raise_for_status().json()})
            except httpx.HTTPError as error:
                raise told(error) from error
    return begun
