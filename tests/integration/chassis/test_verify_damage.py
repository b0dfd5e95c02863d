"""A log that cannot be read, and records that no store could hold, are told of with their place."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from carejourney.envelope import Recorded
from carejourney.verify import reading
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe
from tests.integration.chassis.scratching import BASE_OFFSET, CHECKSUM, LENGTH, RECORDS, Scratched, scratched_log
from tests.integration.chassis.test_verify import facts_of, heard, verified


@pytest_asyncio.fixture(loop_scope="session")
async def scratched(surroundings: Surroundings) -> AsyncIterator[Scratched]:
    async with scratched_log(surroundings) as made:
        yield made


async def test_a_byte_flipped_in_a_log_is_found_by_its_place_and_the_rest_is_read(scratched: Scratched) -> None:
    hurt = scratched.records[4]
    scratched.scratch(hurt, b"health_assessment_held")
    report = await verified(scratched.probe)
    hole, *lacking = [d for d in report.differences if d.check == "kafka"]
    assert (hole.topic, hole.partition, hole.offset) == (scratched.probe.topic, hurt.partition, 3)
    assert hole.detail == "damaged: nothing can be read before offset 6"
    assert [(d.version, d.detail) for d in lacking] == [(v, "Kafka lacks this fact") for v in (4, 5, 6)]
    assert report.topics[0]["records"] == RECORDS - 3


async def test_two_scratches_of_which_one_is_in_the_last_batch_are_both_told(scratched: Scratched) -> None:
    for one in (scratched.records[4], scratched.records[-1]):
        scratched.scratch(one, b"health_assessment_held")
    report = await verified(scratched.probe)
    holes = [(d.offset, d.detail[-2:].strip()) for d in report.differences if d.detail.startswith("damaged")]
    assert holes == [(3, "6"), (9, "12")]


@pytest.mark.parametrize("byte", [BASE_OFFSET, LENGTH, CHECKSUM])
async def test_a_byte_flipped_in_what_precedes_a_batch_is_found(
    scratched: Scratched, byte: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SILENCE_SECONDS", 2)
    monkeypatch.setattr(reading, "WAIT_MS", 1_000)
    scratched.scratch_header(1, byte)
    report = await verified(scratched.probe)
    assert 4 in {d.version for d in report.differences if d.detail == "Kafka lacks this fact"}


@pytest.mark.parametrize("version", ["99999999999999", "2147483648", "0", "-1"])
async def test_a_version_that_no_store_can_hold_is_told_of_and_ends_nothing(probe: Probe, version: str) -> None:
    async with probe.running() as running:
        (child,) = await heard(probe, running, 1)
    (last, *_) = await facts_of(probe, child)
    await probe.produce(Recorded({**last.headers, "ce_streamversion": version}, last.payload, probe.topic))
    report = await verified(probe)
    (found,) = [d for d in report.differences if d.check == "kafka"]
    assert (found.subject, found.partition) == (str(child), 0)
    assert found.detail == "the record holds no fact that a store can hold"


async def test_the_highest_version_there_can_be_is_a_stray_and_takes_no_room(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await heard(probe, running, 1)
        (last, *_) = await facts_of(probe, child)
        far = Recorded({**last.headers, "ce_streamversion": "2147483647"}, last.payload, probe.topic)
        await probe.produce(far)
        await probe.caught_up(running)
        report = await verified(probe)
    assert {(d.check, d.detail) for d in report.differences if d.version == 2**31 - 1} >= {
        ("kafka", "no store holds this fact"), ("copy", "the copy holds a fact that no store holds"),
    }  # fmt: skip


async def test_a_header_without_a_value_is_told_of_and_ends_nothing(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await heard(probe, running, 1)
    (last, *_) = await facts_of(probe, child)
    for name in ("ce_subject", "ce_type"):
        headers = [(n, None if n == name else v) for n, v in last.kafka_headers()]
        await probe.produce(last, headers=headers)
    report = await verified(probe)
    assert len([d for d in report.differences if d.detail.startswith("the record holds no fact")]) == 2
