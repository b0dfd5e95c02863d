"""Authorities mixed up: whoever belongs to one is told nothing of a child of another, whatever is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from carejourney.access import ROLES
from tests.faults.conftest import Trial
from tests.faults.load import AUTHORITY
from tests.faults.replica import Replica

ELSEWHERE = "E08000026"
# Those who may ask about every authority: the services themselves, and who operates them.
EVERYWHERE = {"operations", "service"}
TAKEN = 200


async def questions(replica: Replica, child: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every question the service answers, about this child and its authority."""
    paths: dict[str, Any] = (await replica.http.get("/openapi.json")).json()["paths"]
    return (
        (path.replace("{child}", child).replace("{subject}", child), {"authority": AUTHORITY})
        for path, ways in paths.items()
        if "get" in ways and ("{child}" in path or "{subject}" in path or asks_authority(ways["get"]))
    )


def asks_authority(way: dict[str, Any]) -> bool:
    return any(one["name"] == "authority" for one in way.get("parameters", ()))


@pytest.mark.faults(case=26, ci=False)
@pytest.mark.parametrize("service", ["placement", "health", "leaving_care"])
async def test_case_26_nobody_is_told_of_a_child_of_another_authority(trial: Trial, service: str) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    await load.enter([child])
    await load.assess([child])
    replica = await world.replica(service)
    bearer = world.token(*(set(ROLES) - EVERYWHERE), authorities=[ELSEWHERE])
    asked = 0
    for path, wanted in await questions(replica, str(child)):
        answer = await replica.http.get(path, params=wanted, headers={"authorization": f"Bearer {bearer}"})
        assert answer.status_code != TAKEN, f"{path} answered somebody of another authority"
        asked += 1
    assert asked > 0
