"""The database server is lost for good, and its standby takes over: with every commit, or without the last ones."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.checker import check, quiet
from tests.faults.load import Load
from tests.faults.standby import Standby
from tests.faults.verifying import verify
from tests.faults.waiting import until
from tests.faults.world import World

KEPT, LOST = 2, 3
ALL = KEPT + LOST


@pytest_asyncio.fixture(loop_scope="session")
async def followed() -> AsyncIterator[tuple[World, Standby]]:
    """An installation with a standby of its database, which does not follow yet."""
    made = World(("placement", "health"), durable=True)
    standby = Standby(made)
    first = made.postgres
    try:
        await made.make()
        yield made, standby
    finally:
        await made.close()
        first.kill()
        standby.kill()


@pytest.mark.faults(case=11, ci=False)
async def test_case_11_a_standby_that_takes_over_under_load_has_all_that_was_acknowledged(
    followed: tuple[World, Standby],
) -> None:
    world, standby = followed
    load = Load(world)
    children = await load.known_children(3)
    await standby.follow(synchronous=True)
    async with load.under_way(children):
        await load.more(20)
        await standby.take_over()
        await load.more(20)
    await check(world, load)


@pytest.mark.faults(case=11, ci=False)
async def test_case_11_a_standby_without_the_last_commits_is_told_of(followed: tuple[World, Standby]) -> None:
    world, standby = followed
    load = Load(world)
    (child,) = await load.known_children(1)
    await standby.follow(synchronous=False)
    await load.assess([child], KEPT)
    await quiet(world)
    standby.stream.silence()
    await load.assess([child], LOST)
    await quiet(world)

    await standby.take_over()

    replica = await world.replica("health")

    async def told() -> bool:
        return bool((await replica.state()).get("unheld"))

    await until(told, "readiness naming the topic that holds more than the store", 60)
    assert replica.said("relay.store_behind") > 0
    await load.insist(load.assessment(child))

    async def contradicted() -> bool:
        async with world.admin("health") as admin:
            return bool(await admin.fetchval("select count(*) from conflict"))

    await until(contradicted, "the fact that came in place of a lost one told of", 60)
    verdict = await verify(world)
    found = [one for one in verdict.differences() if one["check"] in {"kafka", "copy"}]
    assert {(one["check"], one["service"], one["subject"], one["version"]) for one in found} == {
        (check, "health", str(child), version) for check in ("kafka", "copy") for version in range(KEPT + 1, ALL + 1)
    }
