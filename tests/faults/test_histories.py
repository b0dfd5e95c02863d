"""Faults of time: what is heard late, corrected, and corrected back, by a journey that is killed in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.faults.checker import check
from tests.faults.load import AUTHORITY, Load
from tests.faults.waiting import until
from tests.faults.world import World

KILLED = -9


@pytest_asyncio.fixture(loop_scope="session")
async def told() -> AsyncIterator[World]:
    """An installation with the journey."""
    made = World(("placement", "journey"))
    try:
        await made.make()
        yield made
    finally:
        await made.close()


async def state(world: World, child: UUID, until_day: str | None) -> None:
    """State the return of a year: two episodes, of which the first ends on a day."""
    first = {"ref": 1, "decom": "2024-05-01", "rne": "S", "ls": "C2", "cin": "N1", "place": "U6", "dec": until_day,
             "rec": "X1" if until_day else None, "place_provider": "PR1"}  # fmt: skip
    second = {"ref": 2, "decom": until_day, "rne": "P", "ls": "C2", "cin": "N1", "place": "K2", "place_provider": "PR4"}
    rows = [first, second] if until_day else [first]
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2025, "complete": True,
            "known_from": None, "tables": {"episodes": rows}}  # fmt: skip
    replica = await world.replica("placement")
    bearer = {"authorization": f"Bearer {world.token()}"}
    answer = await replica.http.post("/returns/ssda903", content=json.dumps(line), headers=bearer, timeout=40)
    answer.raise_for_status()


async def placements(world: World, child: UUID, **asked: str) -> list[tuple[str, str | None]]:
    """The child's placements as the journey tells them: from, and until."""
    replica = await world.replica("journey")
    bearer = {"authorization": f"Bearer {world.token()}"}
    answer = await replica.http.get(f"/children/{child}/history", params=asked, headers=bearer, timeout=40)
    lanes: dict[str, Any] = answer.raise_for_status().json()["lanes"]
    return [(one["from"], one["until"]) for one in lanes["placement"]]


async def until_told(world: World, child: UUID, wanted: list[tuple[str, str | None]]) -> str:
    """Wait until the journey tells this; the instant at which it was so."""

    async def so() -> bool:
        return await placements(world, child) == wanted

    await until(so, f"{len(wanted)} placements told", 40)
    return datetime.now(UTC).isoformat()


@pytest.mark.faults(case=16, ci=False)
@pytest.mark.timeout(240)
async def test_case_16_what_was_corrected_and_corrected_back_is_told_as_known_at_each_moment(told: World) -> None:
    load = Load(told)
    (child,) = await load.children(1)
    await load.heard([child], "journey")
    days = ("2024-09-02", "2024-10-03", "2024-09-02")
    lists = [[("2024-05-01", day), (day, None)] for day in days]
    moments = []
    for day, wanted in zip(days, lists, strict=True):
        doomed = await told.restarted("journey", "projector.before_commit")
        await told.answers(doomed)
        await asyncio.gather(state(told, child, day), killed(told))
        await told.restarted("journey")
        moments.append(await until_told(told, child, wanted))
    assert [await placements(told, child, known_on=moment) for moment in moments] == lists
    await check(told, load)


async def killed(world: World) -> None:
    assert await (await world.replica("journey")).dies() == KILLED
