"""Faults of those who listen: killed, frozen, joined and left by others, asked to begin anew."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carejourney.projector import PARTITION_LOCK
from tests.faults import groups
from tests.faults.cases import CASES
from tests.faults.checker import quiet
from tests.faults.conftest import Trial
from tests.faults.replica import Replica
from tests.faults.waiting import never, until
from tests.faults.world import PARTITIONS, World

KILLED = -9
IDLE = "9 days"
# As many records as one batch may have, and as many children as are registered at once.
WHOLE_PAGE, TOGETHER = 2_000, 1_000
TAKEN = "select coalesce(sum(next_offset), 0) from checkpoint where topic = 'care.placement'"


@pytest.mark.faults(case=6, ci=True)
@pytest.mark.parametrize("point", CASES[6].points)
async def test_case_06_a_projector_killed_at_any_point_takes_each_record_in_once(trial: Trial, point: str) -> None:
    world, load = trial.world, trial.load
    doomed = await world.restarted("health", point)
    await world.answers(doomed)

    children = await load.children(4)
    await load.enter(children)
    assert await doomed.dies() == KILLED

    await world.restarted("health")
    await load.heard(children)
    await load.assess(children)


@asynccontextmanager
async def batch_in_hand(trial: Trial) -> AsyncIterator[None]:
    """For as long as the block lasts, health is in the midst of applying a batch, in a group of one."""
    await until_state(trial.world, groups.STABLE, 1)
    async with trial.world.admin("health") as holder, holder.transaction():
        for partition in range(PARTITIONS):
            await holder.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, partition)
        await trial.load.children(8)

        async def held() -> bool:
            return await trial.world.waiting("health") > 0

        await until(held, "a batch in hand")
        yield


async def taken_over(world: World) -> Replica:
    """Start a second replica, and wait until partitions are its own."""
    before = await world.assignments()
    second = await world.second()

    async def given() -> bool:
        return await world.assignments() > before

    await until(given, "partitions given to the second replica", 40)
    return second


async def in_state(world: World, state: str, members: int | None = None) -> bool:
    found = await groups.group(world.bootstrap, "health")
    return found.state == state and members in (None, found.members)


async def until_state(world: World, state: str, members: int | None = None, seconds: float = 40) -> None:
    await until(lambda: in_state(world, state, members), f"the group {state} with {members} members", seconds)


@pytest.mark.faults(case=7, ci=False)
async def test_case_07_a_rebalance_waits_for_the_batch_in_hand(trial: Trial) -> None:
    world = trial.world
    first = await world.replica("health")
    fenced = await first.metric("carejourney_fenced_total")
    async with batch_in_hand(trial):
        second = await world.second()
        await until_state(world, groups.PREPARING)
        await never(lambda: in_state(world, groups.STABLE, 2), "the rebalance did not wait for the batch", 4)
    await second.ready()
    await until_state(world, groups.STABLE, 2)
    assert await first.metric("carejourney_fenced_total") == fenced


@pytest.mark.faults(case=7, ci=False)
async def test_case_07_a_batch_that_outlasts_the_drain_is_fenced(trial: Trial) -> None:
    world = trial.world
    first = await world.replica("health")
    fenced = await first.metric("carejourney_fenced_total")
    async with batch_in_hand(trial):
        await taken_over(world)

    async def is_fenced() -> bool:
        return await first.metric("carejourney_fenced_total") > fenced

    await until(is_fenced, "the batch fenced")


@pytest.mark.faults(case=7, ci=False)
async def test_case_07_what_a_killed_member_left_is_taken_over(trial: Trial) -> None:
    world = trial.world
    async with batch_in_hand(trial):
        second = await world.second()
        await until_state(world, groups.PREPARING)
        await second.kill()
    await until_state(world, groups.STABLE, 1)


@pytest.mark.faults(case=8, ci=True)
async def test_case_08_a_frozen_consumer_that_resumes_with_a_stale_batch_is_fenced(trial: Trial) -> None:
    world, load = trial.world, trial.load
    first = await world.replica("health")
    fenced = await first.metric("carejourney_fenced_total")
    async with batch_in_hand(trial):
        first.signal(signal.SIGSTOP)
        second = await taken_over(world)
    await load.heard([one.subject for one in load.asked])
    await second.ready()

    first.signal(signal.SIGCONT)

    async def is_fenced() -> bool:
        return await first.metric("carejourney_fenced_total") > fenced

    await until(is_fenced, "the stale batch fenced")
    await load.known_children(4)


@pytest.mark.faults(case=27, ci=False)
async def test_case_27_pages_without_a_matching_fact_move_the_cursor(trial: Trial) -> None:
    world, load = trial.world, trial.load
    async with world.admin("health") as admin:
        kept = await admin.fetchval("select count(*) from received")
        before = await admin.fetchval(TAKEN)
        for _ in range(WHOLE_PAGE // TOGETHER):
            await load.known_children(TOGETHER)
        assert await admin.fetchval("select count(*) from received") == kept
        after = await admin.fetchval(TAKEN)
    assert after == before + WHOLE_PAGE
    state = await (await world.replica("health")).state()
    assert (state["ready"], state["projector"], state["relay"]) == (True, "moving", "moving")


@pytest.mark.faults(case=27, ci=False)
async def test_case_27_topics_without_traffic_for_days_leave_every_service_alive_and_ready(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(2)
    await load.assess(children)
    await quiet(world)
    for service in world.services:
        async with world.admin(service) as admin:
            await admin.execute(f"update checkpoint set moved_at = moved_at - interval '{IDLE}'")
            await admin.execute(f"update relay_mark set moved_at = moved_at - interval '{IDLE}'")
        await world.restarted(service)
    await quiet(world)
    for service in world.services:
        replica = await world.replica(service)
        await never(lambda r=replica: ails(r), f"{service} ailing without traffic", 4)  # type: ignore[misc]
        assert await replica.metric("carejourney_lag_seconds") == 0
    await load.assess(children)


async def ails(replica: Replica) -> bool:
    """Whether a service says that it is not alive, not ready, or behind."""
    alive = (await replica.http.get("/health/live", timeout=5)).is_success
    state = await replica.state()
    well = (state["ready"], state["unapplied"], state["unapplied_seconds"], state["unpublished"]) == (True, 0, 0, 0)
    return not (alive and well)


@pytest.mark.faults(case=28, ci=False)
async def test_case_28_a_group_that_kafka_does_not_know_begins_where_the_database_says(trial: Trial) -> None:
    world, load = trial.world, trial.load
    await load.assess(await load.known_children(3), 2)
    async with groups.administrator(world.bootstrap) as admin:
        assert await admin.list_consumer_group_offsets("carejourney.health") == {}
    replica = await world.replica("health")
    await replica.kill()
    missed = await load.children(3)

    # Another stable name is, to Kafka, a member that was never there.
    replica.start(CAREJOURNEY_INSTANCE="unheard-of")
    await load.heard(missed)
    await replica.ready()
