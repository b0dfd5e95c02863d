"""Store, Kafka, copy and projection are equal, and where one of them was tampered with the place is named."""

import ast
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from jsonschema import Draft202012Validator

from carejourney import verify as verifying
from carejourney.envelope import Recorded
from carejourney.service import Running
from carejourney.verify import Report, verify
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.integration.chassis.losing import delete_topic, recreate_topic, write_something_else
from tests.integration.chassis.probe import ODD_YEAR, Probe, children, says
from tests.integration.chassis.whereabouts import place_of

HELD = HealthAssessmentHeld(kind="review")
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/verify.schema.json").read_text(encoding="utf-8"))
JUDGED = {"relay", "projector", "projecting", "owncopy", "store", "envelope", "checkpoints", "republish", "rebuild"}


async def verified(probe: Probe) -> Report:
    report = await verify(place_of(probe))
    Draft202012Validator(SCHEMA).validate(report.as_json())
    return report


@asynccontextmanager
async def superuser(probe: Probe) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(probe.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def heard(probe: Probe, running: Running, count: int = 3) -> list[UUID]:
    found = await children(running, count)
    for child in found:
        await says(running, child, HELD, HELD, HELD)
    await probe.caught_up(running)
    return found


def places(report: Report) -> list[tuple[Any, ...]]:
    return [(d.check, d.subject, d.version, d.column) for d in report.differences]


async def test_what_was_recorded_and_heard_is_equal_everywhere(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running)
        report = await verified(probe)
    assert (report.equal, report.differences) == (True, [])
    (topic,) = report.topics
    assert (topic["facts"], topic["streams"], topic["records"], topic["duplicates"]) == (9, 3, 9, 0)
    assert topic["hash"] == topic["kafka_hash"]
    assert report.copies[0]["facts"] == 9
    assert report.projections == [{"service": probe.name, "projection": "tally", "rows": 3, "parked": 0}]


async def test_what_is_under_way_is_counted_and_is_no_difference(probe: Probe) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
    async with probe.parts_only() as writer:
        await says(writer, child, HELD)
        report = await verified(probe)
    assert (report.equal, report.unpublished, report.unapplied) == (True, 1, 0)


async def test_a_byte_changed_in_a_store_is_found_by_its_place_in_kafka(probe: Probe) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
        async with superuser(probe) as connection:
            await connection.execute(
                "update fact set payload = set_byte(payload, 5, 88) where subject = $1 and version = 2", child
            )
        report = await verified(probe)
    found = {(d.check, d.subject, d.version) for d in report.differences}
    assert found == {("kafka", str(child), 2), ("copy", str(child), 2)}
    (in_kafka,) = [d for d in report.differences if d.check == "kafka"]
    record = next(r for r in await probe.records() if (r.partition, r.offset) == (in_kafka.partition, in_kafka.offset))
    assert record.key == str(child).encode()


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ("update received set payload = set_byte(payload, 5, 88) where topic_version = 2 and subject = $1", (2, None)),
        ("update received set type = 'another' where topic_version = 2 and subject = $1", (2, "type")),
        ("delete from received where topic_version = 2 and subject = $1", (2, None)),
        ("update lane set version = 4 where subject = $1", (4, "version")),
        ("update lane set version = 2 where subject = $1", (3, "version")),
    ],
)
async def test_a_row_changed_in_a_copy_is_found(probe: Probe, tampering: str, place: tuple[int, str | None]) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
        async with superuser(probe) as connection:
            await connection.execute(tampering, child)
        report = await verified(probe)
    assert ("copy", str(child), *place) in places(report)


@pytest.mark.parametrize("column", ["count", "latest", "state"])
async def test_a_column_changed_in_a_projection_is_named(probe: Probe, column: str) -> None:
    changes = {"count": "count = 4", "latest": "latest = ''", "state": 'state = \'{"state": {"count": 4}}\''}
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
        async with superuser(probe) as connection:
            await connection.execute(f"update tally set {changes[column]} where subject = $1", child)
        report = await verified(probe)
    assert places(report) == [("projection", str(child), None, column)]
    assert report.differences[0].projection == "tally"


async def test_a_row_that_is_missing_and_one_too_many_are_found(probe: Probe) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
        (stray,) = await children(running, 1)
        async with superuser(probe) as connection:
            await connection.execute("delete from tally where subject = $1", child)
            await connection.execute("insert into tally values ($1, '{}', 1, '')", stray)
        report = await verified(probe)
    assert {d.subject for d in report.differences} == {str(child), str(stray)}


async def test_a_fact_that_kafka_lacks_is_named(probe: Probe) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
    async with superuser(probe) as connection:
        await connection.execute("delete from fact where subject = $1 and version = 3", child)
    extra = await verified(probe)
    assert ("kafka", str(child), 3, None) in places(extra)
    await recreate_topic(probe)
    lacking = await verified(probe)
    assert ("kafka", str(child), 1, None) in places(lacking)
    assert {d.detail for d in lacking.differences if d.check == "kafka"} == {"Kafka lacks this fact"}
    assert any(d.check == "checkpoint" for d in lacking.differences)


async def test_a_record_of_no_store_is_named_by_partition_and_offset(probe: Probe) -> None:
    async with probe.running() as running:
        (child, *_) = await heard(probe, running)
    last = (await facts_of(probe, child))[-1]
    await probe.produce(Recorded({**last.headers, "ce_streamversion": "4"}, last.payload, probe.topic))
    report = await verified(probe)
    found = {(d.check, d.subject, d.partition, d.detail) for d in report.differences if d.version == 4}
    assert ("kafka", str(child), 0, "no store holds this fact") in found


async def facts_of(probe: Probe, child: UUID) -> list[Recorded]:
    found = [r for r in await probe.records() if r.key == str(child).encode()]
    return [Recorded({n: v.decode() for n, v in r.headers}, r.value, r.topic) for r in found]


async def test_the_same_bytes_twice_are_a_duplicate_and_no_difference(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running, 1)
        await running.pool.execute(
            "update relay_mark set again = jsonb_build_object($1::text, '[0, 0]'::jsonb)", probe.topic
        )
        await probe.caught_up(running)
        report = await verified(probe)
    assert (report.equal, report.topics[0]["duplicates"], report.topics[0]["records"]) == (True, 3, 6)


async def test_a_checkpoint_ahead_of_what_was_applied_is_found(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await heard(probe, running, 1)
    async with superuser(probe) as connection:
        await connection.execute("delete from received")
        await connection.execute("delete from lane")
        await connection.execute("delete from tally")
    report = await verified(probe)
    (found,) = report.differences
    assert (found.check, found.subject, found.detail) == (
        "copy", str(child), "the checkpoint is ahead of what was applied",
    )  # fmt: skip


async def test_a_record_that_holds_no_fact_is_named(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running, 1)
    await write_something_else(probe, 1)
    report = await verified(probe)
    assert [(d.partition, d.detail) for d in report.differences] == [(0, "the record holds no fact")]


async def test_a_parked_lane_is_named_and_not_called_equal_or_different(probe: Probe) -> None:
    async with probe.running() as running:
        child, *_ = await heard(probe, running)
        await says(running, child, HealthOutcomesReported(year=ODD_YEAR))
        await probe.caught_up(running)
        report = await verified(probe)
    assert report.equal
    assert [(p["projection"], p["subject"]) for p in report.parked] == [("tally", str(child))]


async def test_a_topic_that_is_gone_is_said_to_be(probe: Probe) -> None:
    async with probe.running() as running:
        await heard(probe, running)
    await delete_topic(probe)
    report = await verified(probe)
    assert "the topic is gone" in {d.detail for d in report.differences}


def test_the_reader_uses_nothing_of_what_it_judges() -> None:
    used: set[str] = set()
    for path in Path(verifying.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
    assert not used & {f"carejourney.{name}" for name in JUDGED}
