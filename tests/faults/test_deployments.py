"""Replicas ended in turn, as a rolling deployment does."""

import time

import pytest

from tests.faults import groups
from tests.faults.conftest import Trial
from tests.faults.waiting import until

GRACE = 20.0
# A static member that is back within its session takes its partitions on without a rebalance.
SESSION = 9.0


@pytest.mark.faults(case=25, ci=True)
async def test_case_25_a_rolling_deployment_under_load_loses_nothing(trial: Trial) -> None:
    world, load = trial.world, trial.load
    replicas = [await world.replica("health"), await world.second()]
    await replicas[1].ready()

    async def joined() -> bool:
        return (await groups.group(world.bootstrap, "health")).members == len(replicas)

    await until(joined, "both replicas in the group")
    children = await load.known_children(4)
    before, allowed = await world.assignments(), 0
    for going, staying in (replicas, replicas[::-1]):
        async with load.under_way(children, staying):
            await load.more(10)
            assert await going.stop() < GRACE
            begun = time.monotonic()
            going.start()
            await load.more(10)
            await going.ready()
            allowed += 1 if time.monotonic() - begun < SESSION else 2
    assert await world.assignments() - before <= allowed
