"""`carejourney lag`: what was recorded and is not yet in every projection."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from rich.console import Console

from carejourney.cli.connecting import SERVICES, ConnectionProblem, Installation, told
from carejourney.cli.printing import show_rows


async def measure(place: Installation) -> dict[str, Any]:
    """`{total, seconds, projections: [...]}`; a part that is not known makes the total null, never zero."""
    answers = await asyncio.gather(*(_ask(place, service) for service in SERVICES))
    parts = [n for a in answers for n in (a["unpublished"], a["unapplied"])]
    total = None if None in parts else sum(parts)
    return {
        "total": total,
        "seconds": max(max(a["relay_seconds"], a["unapplied_seconds"]) for a in answers),
        "projections": [
            {
                "service": service,
                "projection": projection,
                "facts": answer["unapplied"],
                "seconds": answer["unapplied_seconds"],
                "parked": answer["parked"].get(projection, 0) + answer["parked"].get("gap", 0),
            }
            for service, answer in zip(SERVICES, answers, strict=True)
            for projection in answer["projections"] or ["own copy"]
        ],
    }


async def _ask(place: Installation, service: str) -> dict[str, Any]:
    async with place.client(service) as client:
        try:
            answer: dict[str, Any] = (await client.get("/operations/lag")).raise_for_status().json()
        except httpx.HTTPError as error:
            raise told(error) from error
        return answer


async def until_settled(
    place: Installation, *, seconds: float = 600, tell: Callable[[int | None], None] = lambda _: None
) -> None:
    """Wait until everything recorded is in every projection, twice in a row: a reaction may follow once.

    Raises `ConnectionProblem` after `seconds`.
    """
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:  # noqa: PLR2004 - as the docstring says
        state = await measure(place)
        quiet = quiet + 1 if state["total"] == 0 else 0
        tell(state["total"])
        if time.monotonic() > deadline:
            raise ConnectionProblem(f"not everything arrived within {seconds:.0f} s: see `carejourney lag`")
        if quiet < 2:  # noqa: PLR2004
            await asyncio.sleep(0.1)


def show(console: Console, state: dict[str, Any]) -> None:
    """Print what `measure` found."""
    headings = ("service", "facts", "seconds", "parked lanes", "projection")
    show_rows(console, "Not yet in the projections", headings, [_cells(row) for row in state["projections"]])
    console.print(f"In all: {'not known' if state['total'] is None else state['total']}")


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    facts = "not known" if row["facts"] is None else str(row["facts"])
    return (row["service"], facts, f"{row['seconds']:.1f}", str(row["parked"]), row["projection"])
