"""Telling running services what a return states, and asking until they answer as awaited."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from tests.fixtures.system import AUTHORITY, System


async def tell(system: System, service: str, child: UUID, year: int, **tables: list[dict[str, Any]]) -> dict[str, Any]:
    """State one child's rows of a return to one service; its answer."""
    numbered = {name: [{"ref": n, **row} for n, row in enumerate(rows, 1)] for name, rows in tables.items()}
    line = {
        "command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": year, "tables": numbered
    }  # fmt: skip
    answer = await system[service].post("/returns/ssda903", content=json.dumps(line))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def asked(
    system: System, service: str, path: str, answers: Callable[[Any], bool], *, seconds: float = 30, **params: Any
) -> Any:
    """What a service answers, once it answers as awaited; the last answer when the deadline has passed."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await system[service].get(path, params=params)
        found = answer.json()
        if (answer.status_code == 200 and answers(found)) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.05)


def episode(decom: str, rne: str = "S", **cells: str | None) -> dict[str, Any]:
    """A row of Episodes."""
    blank = dict.fromkeys(("dec", "rec", "reason_place_change", "home_post", "pl_post", "urn"))
    place = {"ls": "C2", "cin": "N1", "place": "U6", "place_provider": "PR1"}
    return {**blank, **place, "decom": decom, "rne": rne, **cells}


def header(dob: str) -> dict[str, Any]:
    """A row of Header, without the UPN."""
    return {"dob": dob, "sex": "F", "ethnic": "WBRI", "mother": "0", "mc_dob": None}
