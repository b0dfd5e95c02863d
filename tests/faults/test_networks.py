"""Faults of the network between services, Kafka and PostgreSQL: slow, silent, cut in the middle of an answer."""

import pytest

from carejourney.service import COMMAND_SECONDS, CONNECT_SECONDS
from tests.faults.conftest import Trial
from tests.faults.proxy import Proxy
from tests.faults.waiting import until
from tests.faults.world import World

# The time-out of a command, of its cancellation, and of a new connection: nobody waits longer.
COMMAND_LIMIT = 2 * COMMAND_SECONDS + CONNECT_SECONDS + 20
UNAVAILABLE = 503


async def towards(world: World, part: str) -> Proxy:
    """The network between health and one of its parts."""
    return world.kafka if part == "kafka" else (await world.replica("health")).postgres


@pytest.mark.faults(case=24, ci=False)
@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_case_24_latency_only_delays(trial: Trial, part: str) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    (await towards(world, part)).delay = 0.05
    async with load.under_way(children):
        await load.more(20)


@pytest.mark.faults(case=24, ci=True)
@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_case_24_answers_cut_in_the_middle_are_asked_for_again(trial: Trial, part: str) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    network = await towards(world, part)
    async with load.under_way(children):
        for _ in range(3):
            done = network.resets
            network.reset_mid_response(2_000)

            async def was_reset(done: int = done) -> bool:
                return network.resets > done

            await until(was_reset, "an answer cut in the middle", 40)
            await load.more(5)


@pytest.mark.faults(case=24, ci=False)
@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_case_24_a_network_that_falls_silent_and_is_cut_is_used_again(trial: Trial, part: str) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    network = await towards(world, part)
    async with load.under_way(children):
        await load.more(10)
        network.silence()
        reached = network.accepted
        network.cut()

        async def tried_again() -> bool:
            return network.accepted > reached

        await until(tried_again, "a new connection tried", 20)
        network.refuse()
        network.heal()
        await load.more(10)


@pytest.mark.faults(case=24, ci=False)
@pytest.mark.timeout(240)
async def test_case_24_a_silent_database_is_given_up_after_the_time_out(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    replica = await world.replica("health")
    replica.postgres.silence()
    assert await load.once(load.assessment(child), seconds=COMMAND_LIMIT) == UNAVAILABLE
    assert not (await replica.state()).get("ready")
