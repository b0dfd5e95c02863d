"""Faults of Kafka that lose what it had acknowledged: a topic gone, made anew and empty, cut off at its end."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from tests.faults import groups
from tests.faults.checker import quiet
from tests.faults.conftest import Trial
from tests.faults.evidence import log_ends, read_topics
from tests.faults.planting import TOPIC
from tests.faults.waiting import until
from tests.faults.world import PARTITIONS, World


async def whole_again(world: World) -> None:
    """Wait until the topic holds every fact of health's store again."""

    async def so() -> bool:
        records, _ = await read_topics(world.bootstrap, [TOPIC])
        async with world.admin("health") as admin:
            held = await admin.fetch("select id from fact where topic = $1", TOPIC)
        return {str(row["id"]) for row in held} <= {record.id for record in records}

    await until(so, "every fact in the topic again", 40, pause=0.5)
    await quiet(world)
    world.planted = {place for place in world.planted if place[0] != TOPIC}
    await world.count_anew()


async def remove(world: World) -> None:
    """Delete the topic, and wait until it is gone or was made anew by who needs it."""
    async with groups.administrator(world.bootstrap) as admin:
        await admin.delete_topics([TOPIC])

        async def gone() -> bool:
            if TOPIC not in await admin.list_topics():
                return True
            return not any((await log_ends(world, [TOPIC])).values())

        await until(gone, "the topic gone")


@pytest.mark.faults(case=10, ci=False)
async def test_case_10_a_topic_that_is_gone_is_made_and_published_again(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    await load.assess(children, 3)
    await quiet(world)
    await remove(world)
    await whole_again(world)
    await load.assess(children)


@pytest.mark.faults(case=10, ci=False)
async def test_case_10_a_topic_made_anew_and_empty_while_nobody_looked_is_published_again(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    await load.assess(children, 3)
    await quiet(world)
    await (await world.replica("health")).stop()
    await remove(world)
    async with groups.administrator(world.bootstrap) as admin:
        await admin.create_topics([NewTopic(TOPIC, PARTITIONS, world.replication)])
    await world.restarted("health")
    await whole_again(world)
    await load.assess(children)


@pytest.mark.faults(case=10, ci=False)
async def test_case_10_records_cut_off_before_their_time_are_published_again(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    await load.assess(children, 3)
    await quiet(world)
    ends = await log_ends(world, [TOPIC])
    async with groups.administrator(world.bootstrap) as admin:
        await admin.delete_records({TopicPartition(*p): RecordsToDelete(end) for p, end in ends.items()})
    await whole_again(world)
    await load.assess(children)
