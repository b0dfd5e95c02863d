"""What somebody changed behind everybody's back: `carejourney verify` says where, and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiokafka.record.util import calc_crc32c

from tests.faults.checker import quiet
from tests.faults.conftest import Trial
from tests.faults.evidence import Record, read_topics
from tests.faults.planting import TOPIC
from tests.faults.verifying import Verdict, verify
from tests.faults.world import World

# Where these lie in the header of a record batch.
LENGTH, CHECKSUM, SUMMED = 8, 17, 21


async def assessed(trial: Trial) -> UUID:
    """A child with one published fact of health, and everything equal."""
    (child,) = await trial.load.known_children(1)
    await trial.load.assess([child])
    await quiet(trial.world)
    return child


async def record_of(world: World, child: UUID) -> Record:
    """Where the child's fact lies in Kafka."""
    records, _ = await read_topics(world.bootstrap, [TOPIC])
    (found,) = (record for record in records if record.key == str(child).encode())
    return found


async def named(trial: Trial) -> list[dict[str, Any]]:
    """What verify names that no case has planted."""
    verdict: Verdict = await verify(trial.world)
    planted = {place for place in verdict.places() if place in trial.world.planted}
    return [
        one for one in verdict.differences()
        if (one.get("topic"), one.get("partition"), one.get("offset")) not in planted
        and UUID(one["subject"]) not in trial.world.strangers
    ]  # fmt: skip


async def changed(world: World, statement: str, back: str, child: UUID, look: Callable[[], Awaitable[Any]]) -> Any:
    """Look while a row of the child is not as it was."""
    async with world.admin("health") as admin:
        assert await admin.execute(statement, child) == "UPDATE 1"
        try:
            return await look()
        finally:
            await admin.execute(back, child)


@pytest.mark.faults(case=30, ci=True)
async def test_case_30_a_row_of_a_projection_that_was_changed_is_named_by_subject_and_column(trial: Trial) -> None:
    child = await assessed(trial)
    shift = "update health_record set last_assessed_on = last_assessed_on {} 1 where subject = $1"
    (found,) = await changed(trial.world, shift.format("+"), shift.format("-"), child, lambda: named(trial))
    assert (found["check"], found["service"], found["projection"]) == ("projection", "health", "health_record")
    assert (found["subject"], found["column"]) == (str(child), "last_assessed_on")


@pytest.mark.faults(case=30, ci=True)
async def test_case_30_a_stored_fact_that_was_changed_is_named_by_its_record_and_in_each_copy(trial: Trial) -> None:
    child = await assessed(trial)
    record = await record_of(trial.world, child)
    swap = "update fact set payload = convert_to(replace(convert_from(payload, 'UTF8'), '{}', '{}'), 'UTF8')"
    where = f" where subject = $1 and topic = '{TOPIC}'"
    there, back = swap.format("review", "REVIEW") + where, swap.format("REVIEW", "review") + where
    found = await changed(trial.world, there, back, child, lambda: named(trial))
    assert {one["detail"] for one in found} == {"headers or value are not those of the store"}
    assert {(one["check"], one["service"]) for one in found} == {("kafka", "health"), ("copy", "health")}
    assert (TOPIC, record.partition, record.offset) in {
        (one["topic"], one.get("partition"), one.get("offset")) for one in found
    }
    assert {(one["subject"], one["version"]) for one in found} == {(str(child), 1)}


@pytest.mark.faults(case=30, ci=True)
async def test_case_30_a_record_that_was_changed_in_the_log_is_named_by_its_offset(trial: Trial) -> None:
    child = await assessed(trial)
    record = await record_of(trial.world, child)
    rewrite(trial.world, record, b"review", b"REVIEW")
    try:
        (found,) = await named(trial)
    finally:
        rewrite(trial.world, record, b"REVIEW", b"review")
    assert (found["check"], found["detail"]) == ("kafka", "headers or value are not those of the store")
    assert (found["topic"], found["partition"], found["offset"]) == (TOPIC, record.partition, record.offset)
    assert (found["subject"], found["version"]) == (str(child), 1)


def rewrite(world: World, record: Record, old: bytes, new: bytes) -> None:
    """Change a record in the log's own file as one would who means to hide it: with the checksum of the batch."""
    (log,) = world.broker.folder.rglob(f"{TOPIC}-{record.partition}/{0:020}.log")
    key = record.key or b""
    with log.open("r+b") as file:
        written, place = file.read(), 0
        while True:
            end = place + LENGTH + 4 + int.from_bytes(written[place + LENGTH : place + LENGTH + 4])
            batch = written[place:end]
            if key in batch:
                break
            place = end
        at = batch.index(old, batch.index(key))
        batch = batch[:at] + new + batch[at + len(old) :]
        checksum = calc_crc32c(batch[SUMMED:]).to_bytes(4)
        file.seek(place)
        file.write(batch[:CHECKSUM] + checksum + batch[SUMMED:])
