"""The store: facts are added and never changed, versions are unique, a command is answered once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from carejourney.commands import Command, Decide, Decided, State, carry_out
from carejourney.envelope import Draft
from carejourney.errors import Malformed, NotFound, Refusal, StaleVersion
from carejourney.service import Running
from events.health import HealthAssessmentHeld
from events.missing import ReturnInterviewHeld
from tests.builders import a_context
from tests.fixtures.system import Surroundings
from tests.integration.chassis.conftest import a_probe
from tests.integration.chassis.probe import Probe, children, says

HELD = HealthAssessmentHeld(kind="review")
KEPT_FOR_EVER = ("fact", "received", "command", "unreadable")
NEVER_REMOVED = ("stream", "lane", "checkpoint", "relay_mark")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def probe(surroundings: Surroundings) -> AsyncIterator[Probe]:
    """One database for all of these: each has children of its own."""
    async with a_probe(surroundings) as made:
        yield made


def holds(probe: Probe, count: int = 1) -> Decide:
    """A decision that records some facts, whatever stands."""

    def decide(state: State) -> Decided:
        drafts: Sequence[Draft] = [probe.draft(state.subject, HELD) for _ in range(count)]
        return Decided(list(drafts))

    return decide


def a_command(probe: Probe, child: UUID, *, identity: UUID | None = None, expected: int | None = None) -> Command:
    return Command(identity or uuid4(), child, holds(probe), a_context(source=probe.name), expected)


async def stored(running: Running, child: UUID) -> list[int]:
    rows = await running.pool.fetch("select version from fact where subject = $1 order by version", child)
    return [row["version"] for row in rows]


@pytest.mark.parametrize("table", KEPT_FOR_EVER)
@pytest.mark.parametrize("statement", ["update {table} set {column} = null", "delete from {table}", "truncate {table}"])
async def test_the_application_role_cannot_change_what_was_recorded(probe: Probe, table: str, statement: str) -> None:
    await refused(probe, statement.format(table=table, column="topic" if table == "unreadable" else "subject"))


@pytest.mark.parametrize("table", NEVER_REMOVED)
async def test_the_application_role_cannot_remove_how_far_it_came(probe: Probe, table: str) -> None:
    await refused(probe, f"delete from {table}")
    await refused(probe, f"drop table {table}")


async def refused(probe: Probe, statement: str) -> None:
    connection = await asyncpg.connect(probe.database)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_key_can_be_read_and_added_and_never_overwritten(probe: Probe) -> None:
    connection = await asyncpg.connect(probe.settings.keys_database_url.get_secret_value())
    try:
        for statement in ("update subject_key set wrapped = null", "delete from subject_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_two_facts_cannot_have_one_version(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        await says(running, child, HELD)
        with pytest.raises(asyncpg.UniqueViolationError):
            await running.pool.execute(
                "insert into fact (id, subject, stream, version, topic, topic_version, recorded_at, headers, payload)"
                " select gen_random_uuid(), subject, stream, version, topic, topic_version + 1, recorded_at, headers,"
                " payload from fact where subject = $1",
                child,
            )


async def test_versions_are_dense_by_stream_and_by_topic(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        async with running.store.unit([child]) as unit:
            drafts = [
                Draft(child, HELD, "2026-05-04", topic, stream=stream)
                for topic in (probe.topic, f"{probe.topic}.restricted")
                for stream in ("record", "computed", "record")
            ]
            facts = unit.append(drafts, a_context())
        assert [fact.stream_version for fact in facts] == [1, 2, 3, 1, 2, 3]
        assert await running.pool.fetchrow(
            "select version, computed_version from stream where subject = $1", child
        ) == (4, 2)


async def test_a_command_sent_again_gets_its_first_answer_and_changes_nothing(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        command = a_command(probe, child)
        first = await carry_out(running.store, [command])
        assert await carry_out(running.store, [command, command]) == first * 2
        assert await stored(running, child) == [1]


async def test_a_command_sent_many_times_at_once_is_carried_out_once(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        command = a_command(probe, child)
        answers = await asyncio.gather(*(carry_out(running.store, [command]) for _ in range(12)))
        assert all(answer == answers[0] for answer in answers)
        assert await stored(running, child) == [1]


async def test_a_command_twice_in_one_batch_is_carried_out_once(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        command = a_command(probe, child)
        one, other = await carry_out(running.store, [command, command])
        assert one == other
        assert await stored(running, child) == [1]


async def test_the_answer_about_one_child_is_not_given_for_another(probe: Probe) -> None:
    async with probe.parts_only() as running:
        one, other = await children(running, 2)
        command = a_command(probe, one)
        await carry_out(running.store, [command])
        with pytest.raises(Refusal, match="another child"):
            await carry_out(running.store, [a_command(probe, other, identity=command.id)])
        assert await stored(running, other) == []


async def test_a_decision_made_on_a_stale_record_is_refused(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        await carry_out(running.store, [a_command(probe, child, expected=0)])
        with pytest.raises(StaleVersion):
            await carry_out(running.store, [a_command(probe, child, expected=0)])
        assert await stored(running, child) == [1]


async def test_of_decisions_on_the_same_version_at_once_one_is_taken(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        attempts = [carry_out(running.store, [a_command(probe, child, expected=0)]) for _ in range(8)]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(not isinstance(result, BaseException) for result in results) == 1
        assert sum(isinstance(result, StaleVersion) for result in results) == 7


async def test_a_refused_command_takes_the_whole_batch_with_it(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        with pytest.raises(NotFound):
            await carry_out(running.store, [a_command(probe, child), a_command(probe, uuid4())])
        assert await stored(running, child) == []


async def test_batches_over_the_same_children_in_any_order_do_not_wait_in_a_ring(probe: Probe) -> None:
    async with probe.parts_only() as running:
        found = await children(running, 6)
        batches = [[a_command(probe, c) for c in (found if n % 2 else found[::-1])] for n in range(8)]
        await asyncio.gather(*(carry_out(running.store, batch) for batch in batches))
        assert [await stored(running, child) for child in found] == [list(range(1, 9))] * 6


@pytest.mark.parametrize("day", [None, "soon", "2026-02-30", "2026"])
async def test_a_fact_without_a_day_that_is_one_is_not_recorded(probe: Probe, day: str | None) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        command = Command(uuid4(), child, lambda s: Decided([Draft(s.subject, HELD, day, probe.topic)]), a_context())
        with pytest.raises(Malformed):
            await carry_out(running.store, [command])
        assert await stored(running, child) == []


async def test_a_fact_that_kafka_would_not_take_is_not_recorded(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        body = ReturnInterviewHeld(incident=str(uuid4()), outcome="held", words="x" * 900_000)
        with pytest.raises(Malformed, match="bytes"):
            await says(running, child, body)
        assert await stored(running, child) == []


async def test_nothing_personal_is_in_the_store_in_plain_text(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        body = ReturnInterviewHeld(incident=str(uuid4()), outcome="held", words="canary in plain sight")
        await says(running, child, body)
        payload = await running.pool.fetchval("select payload from fact where subject = $1", child)
    assert b"canary" not in payload
    assert f'"words":"sealed.1.{child}.'.encode() in payload
