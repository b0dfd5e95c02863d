"""What is in a record can hold up one child at most, and whatever took no effect can be seen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer

from carejourney.envelope import Recorded
from carejourney.ids import new_id
from carejourney.operations import Operations
from carejourney.projection import Projection, Secrets
from carejourney.reactions import Outcome, Reaction, Situation
from carejourney.service import Running
from carejourney.telemetry import REGISTRY
from events.correction import FactCorrected
from events.health import HealthAssessmentHeld
from events.placement import ConvictionRecorded
from tests.integration.chassis.probe import HANDLES, TALLY, Probe, Tally, children, evolve, parked, says, until
from tests.integration.chassis.test_projecting import HELD, ODD, changed, counts, made


def rewritten(fact: Recorded, data: object) -> Recorded:
    return replace(fact, payload=msgspec.json.encode(data))


async def test_records_no_reader_was_made_for_do_not_stop_the_consumer(probe: Probe) -> None:
    one, other = await made(probe, 1, 1)
    correction = FactCorrected.wire
    odd: list[tuple[Recorded, dict[str, Any]]] = [
        (one[0], {"headers": [*one[0].kafka_headers(), ("ce_concerns", None)]}),
        (one[0], {"value": b'{"a":' * 50_000}),
        (rewritten(changed(one[0], ce_type=correction), {"corrects": "a", "type": "b", "consequences": None}), {}),
        (rewritten(changed(one[0], ce_type=correction), {"corrects": "a", "type": "b", "consequences": ["c"]}), {}),
    ]
    for fact, changes in odd:
        await probe.produce(fact, **changes)
    await probe.produce(*other)
    async with probe.running(topics=()) as running:
        await counts(running, {other[0].subject: 1})
        await probe.caught_up(running)
        assert (await Operations(running).lag())["unreadable"] == len(odd)


async def test_a_batch_with_two_gaps_in_one_lane_keeps_the_second_in_sight(probe: Probe) -> None:
    (facts,) = await made(probe, 7)
    child = facts[0].subject
    await probe.produce(facts[2], facts[5], facts[0], facts[1])
    async with probe.running(topics=()) as running:
        await counts(running, {child: 3})
        assert await parked(running) == {("gap", child)}
        await probe.produce(facts[5], facts[3], facts[4])
        await counts(running, {child: 6})
        assert await parked(running) == set()
        await probe.produce(facts[6])
        await counts(running, {child: 7})
        await probe.caught_up(running)
        assert running.projector.progress.fault is None


async def test_another_fact_in_a_place_that_is_taken_is_kept_in_sight(probe: Probe) -> None:
    (facts,) = await made(probe, 3)
    forged = changed(facts[1], ce_id=str(new_id()))
    other_bytes = rewritten(facts[0], {"kind": "initial"})
    ahead = changed(facts[2], ce_effectivefrom="2020-01-01")
    await probe.produce(facts[0], facts[2], ahead, other_bytes, facts[1], forged, *facts)
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 3})
        await probe.caught_up(running)
        rows = await running.pool.fetch("select topic_version, fact, kept, record_offset from conflict order by 1")
        assert [(r["topic_version"], r["record_offset"]) for r in rows] == [(1, 3), (2, 5), (3, 2)]
        assert (str(rows[1]["fact"]), str(rows[1]["kept"])) == (forged.id, facts[1].id)
        assert await running.pool.fetchval("select latest from tally") == "2026-05-04"


async def test_a_trace_that_went_another_way_is_no_conflict(probe: Probe) -> None:
    (facts,) = await made(probe, 1)
    await probe.produce(facts[0], changed(facts[0], traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 1})
        await probe.caught_up(running)
        assert await running.pool.fetchval("select count(*) from conflict") == 0


async def test_a_later_version_of_a_fact_parks_its_child_until_the_program_knows_it(probe: Probe) -> None:
    one, other = await made(probe, 2, 1)
    later = changed(one[0], ce_dataschema=f"urn:carejourney:{one[0].type}:2")
    await probe.produce(later, one[1], *other)
    async with probe.running(topics=()) as running:
        await counts(running, {other[0].subject: 1})
        await probe.caught_up(running)
        row = await running.pool.fetchrow("select projection, subject, fact, reason from parked")
        assert (row["projection"], row["subject"], str(row["fact"])) == ("tally", one[0].subject, one[0].id)
        assert row["reason"] == "UnknownVersion"
        kinds = await running.pool.fetch("select schema, facts from unknown_kind")
        assert [tuple(kind) for kind in kinds] == [(f"urn:carejourney:{one[0].type}:2", 1)]
        counted = {"service": probe.name, "schema": kinds[0]["schema"]}
        assert REGISTRY.get_sample_value("carejourney_unknown_facts_total", counted) == 1


async def test_a_kind_of_fact_nobody_knows_is_counted_under_no_name_but_its_own_form(probe: Probe) -> None:
    (facts,) = await made(probe, 2)
    strange = changed(facts[0], ce_type="a name", ce_dataschema="someone's name")
    await probe.produce(strange, facts[1])
    async with probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 1})
        await probe.caught_up(running)
        assert await running.pool.fetchval("select schema from unknown_kind") == "of no known form"


def narrow() -> Projection[Tally]:
    """A projection whose table takes no second fact of a child."""

    def row(tally: Tally, _: Secrets) -> dict[str, Any]:
        return {"count": tally.count, "latest": "\0" if tally.count > 1 else tally.latest}

    assert isinstance(TALLY, sa.Table)
    return Projection("tally", 1, TALLY, Tally, HANDLES, evolve, row)


async def test_a_row_the_database_refuses_parks_one_child_of_the_batch(probe: Probe) -> None:
    bad, *good = await made(probe, 2, *[1] * 20)
    await probe.produce(*bad, *[fact for facts in good for fact in facts])
    async with probe.running(topics=(), projections=(narrow(),)) as running:
        await counts(running, {facts[0].subject: 1 for facts in good})
        assert await parked(running) == {("tally", bad[0].subject)}


async def test_a_key_that_cannot_be_unwrapped_parks_one_child_of_the_batch(probe: Probe) -> None:
    bad, *good = await made(probe, 1, *[1] * 5)
    await probe.produce(*bad, *[fact for facts in good for fact in facts])
    async with _spoilt_key(probe, bad[0]), probe.running(topics=()) as running:
        await counts(running, {facts[0].subject: 1 for facts in good})
        await probe.caught_up(running)
        row = await running.pool.fetchrow("select projection, subject, reason from parked")
        assert tuple(row) == ("tally", bad[0].subject, "InvalidTag")


@asynccontextmanager
async def _spoilt_key(probe: Probe, fact: Recorded) -> AsyncIterator[None]:
    """The key store serves other tests too: the key is put back."""
    write = (
        "update subject_key k set wrapped = $2 from subject_key o"
        " where k.subject = $1 and o.subject = $1 returning o.wrapped"
    )
    connection = await asyncpg.connect(probe.admin_dsn.rsplit("/", 1)[0] + "/keys")
    kept = await connection.fetchval(write, fact.subject, b"x" * 60)
    try:
        yield
    finally:
        await connection.execute(write, fact.subject, kept)
        await connection.close()


def overlong(probe: Probe, worst: Any) -> Reaction:
    """Records what no store takes for one child: the fault comes out only when the facts are written."""

    def decide(situation: Situation) -> Outcome:
        done = any(f.type == ConvictionRecorded.wire for f in situation.own)
        day = "no day" if situation.subject == worst else "2026-05-05"
        body = ConvictionRecorded(year=2026, convicted=False)
        return Outcome([] if done else [probe.draft(situation.subject, body, day)], None)

    wires = frozenset({HealthAssessmentHeld.wire})
    return Reaction("overlong", wires, frozenset({ConvictionRecorded.wire}), decide)


async def test_a_reaction_that_records_the_impossible_parks_one_child_of_the_batch(probe: Probe) -> None:
    found = await made(probe, *[1] * 6)
    worst = found[2][0].subject
    await probe.produce(*[fact for facts in found for fact in facts])
    async with probe.running(topics=(), reactions=(overlong(probe, worst),)) as running:
        await counts(running, {facts[0].subject: 1 for facts in found})
        await probe.caught_up(running)
        assert await parked(running) == {("overlong", worst)}
        assert await recorded(running) == 5


async def recorded(running: Running) -> int:
    rows = await running.pool.fetch("select convert_from(headers, 'UTF8') as headers from fact")
    return sum(json.loads(row["headers"])["ce_type"] == ConvictionRecorded.wire for row in rows)


async def test_what_the_copy_cannot_keep_is_set_aside_and_the_child_waits(probe: Probe) -> None:
    one, other = await made(probe, 3, 1)
    huge = changed(one[1], ce_authority="E" * 20)
    async with probe.running(topics=(), instance="same") as running:
        await running.pool.fetch("select 1")
        owner = await _owner(probe)
        await owner.execute("alter table received add constraint short check (length(authority) < 10)")
        await owner.close()
        await probe.produce(one[0], huge, one[2], *other)
        await counts(running, {one[0].subject: 1, other[0].subject: 1})
        await probe.caught_up(running)
        assert await parked(running) == {("gap", one[0].subject)}
        row = await running.pool.fetchrow("select subject, reason from unreadable")
        assert row["subject"] == one[0].subject
        assert row["reason"].startswith("cannot be kept: CheckViolationError at received_")


async def _owner(probe: Probe) -> Any:
    return await asyncpg.connect(probe.owner_dsn)


async def test_the_fault_of_a_parked_lane_names_its_place_and_its_first_fact(probe: Probe) -> None:
    async with probe.running() as running:
        (child,) = await children(running, 1)
        facts = await says(running, child, HELD, ODD, HELD)
        await probe.caught_up(running)

        async def waits() -> bool:
            return await parked(running) == {("tally", child)}

        await until(waits, "the lane parked")
        row = await running.pool.fetchrow("select fact, reason, place, attempts from parked")
    assert str(row["fact"]) == facts[1].id
    assert (row["reason"], row["attempts"]) == ("ZeroDivisionError", 1)
    assert row["place"].startswith("tests.integration.chassis.probe:")


@pytest.mark.parametrize("place", ["in the middle", "at the start"])
async def test_offsets_the_log_does_not_have_are_passed_over_after_a_second_look(probe: Probe, place: str) -> None:
    one, other = await made(probe, 2, 1)
    await _with_markers(probe, place, one, other)
    async with probe.running(topics=()) as running:
        await counts(running, {one[0].subject: 2, other[0].subject: 1})
        assert running.projector.progress.fault is None


async def _with_markers(probe: Probe, place: str, one: list[Recorded], other: list[Recorded]) -> None:
    """A foreign producer's transaction leaves markers, which are offsets without a record."""
    if place == "in the middle":
        await probe.produce(one[0])
    else:
        await probe.produce()
    producer = AIOKafkaProducer(bootstrap_servers=probe.settings.kafka, transactional_id=uuid4().hex)
    await producer.start()
    try:
        async with producer.transaction():
            fact = other[0]
            await producer.send_and_wait(
                probe.topic, fact.payload, str(fact.subject).encode(), partition=0, headers=fact.kafka_headers()
            )
    finally:
        await producer.stop()
    await probe.produce(*one)
