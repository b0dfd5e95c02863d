"""Authorities mixed up: whoever belongs to one is told nothing of a child of another, whatever is asked."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from carejourney.access import ROLES
from tests.faults.checker import check
from tests.faults.load import AUTHORITY, Load
from tests.faults.replica import Replica
from tests.faults.world import World

ELSEWHERE = "E08000026"
# Those who may ask about every authority: the services themselves, and who operates them.
EVERYWHERE = {"operations", "service"}
TAKEN = 200
EVERY_SERVICE = ("placement", "planning", "education", "health", "leaving_care", "journey")


async def questions(replica: Replica, child: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Every question the service answers, about this child and its authority."""
    paths: dict[str, Any] = (await replica.http.get("/openapi.json")).json()["paths"]
    for path, ways in paths.items():
        if "get" in ways and ("{child}" in path or "{subject}" in path or asks_authority(ways["get"])):
            yield path.replace("{child}", child).replace("{subject}", child), {"authority": AUTHORITY}


def asks_authority(way: dict[str, Any]) -> bool:
    return any(one["name"] == "authority" for one in way.get("parameters", ()))


@pytest_asyncio.fixture(loop_scope="session")
async def whole() -> AsyncIterator[World]:
    """An installation with every service."""
    made = World(EVERY_SERVICE)
    try:
        await made.make()
        yield made
    finally:
        await made.close()


@pytest.mark.faults(case=26, ci=False)
@pytest.mark.timeout(600)
async def test_case_26_nobody_is_told_of_a_child_of_another_authority_by_any_service(whole: World) -> None:
    load = Load(whole)
    (child,) = await load.children(1)
    for service in EVERY_SERVICE[1:]:
        await load.heard([child], service)
    await load.enter([child])
    await load.assess([child])
    await check(whole, load)
    for service in EVERY_SERVICE:
        await told_nothing(whole, service, str(child))


async def told_nothing(world: World, service: str, child: str) -> None:
    """Ask a service everything there is to ask, as somebody of another authority with every role."""
    replica = await world.replica(service)
    bearer = world.token(*(set(ROLES) - EVERYWHERE), authorities=[ELSEWHERE])
    asked = 0
    for path, wanted in [one async for one in questions(replica, child)]:
        answer = await replica.http.get(path, params=wanted, headers={"authorization": f"Bearer {bearer}"})
        assert answer.status_code != TAKEN, f"{service} answered somebody of another authority: {path}"
        asked += 1
    assert asked > 0
