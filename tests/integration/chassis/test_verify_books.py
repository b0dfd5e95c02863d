"""What a store says of its own facts is judged too: versions, times, the table of streams, the answers to commands."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from carejourney.service import Running
from carejourney.verify import Report
from tests.builders import a_context
from tests.integration.chassis.probe import Probe, children
from tests.integration.chassis.test_verify import HELD, heard, superuser, verified

GAP = "a version of the stream is missing"
MISCOUNTED = "the stream does not count what is recorded"
NOT_AS_THE_HEADER = "the column is not as the header says"
UNTRUE = "the answer to a command is not as it was given"
UNHELD = "a command was answered with a fact that is not in the store"


async def asked(probe: Probe, running: Running) -> UUID:
    """Two children, each with facts from a unit, and from one command that was answered."""
    found = await heard(probe, running, 2)
    for child in found:
        await running.store.append(
            child, [probe.draft(child, HELD)], a_context(source=running.parts.name), command=uuid4()
        )
    await probe.caught_up(running)
    return found[0]


async def tampered(probe: Probe, statement: str) -> list[tuple[str, str | None, str]]:
    async with probe.running() as running:
        child = await asked(probe, running)
        assert (await verified(probe)).differences == []
        async with superuser(probe) as connection:
            await _changed(connection, statement, child)
        report: Report = await verified(probe)
    assert {one.subject for one in report.differences} == {str(child)}
    return [(one.check, one.column, one.detail) for one in report.differences]


async def _changed(connection: asyncpg.Connection, statement: str, child: UUID) -> None:
    assert await connection.execute(statement, child) == "UPDATE 1"


@pytest.mark.parametrize(
    ("statement", "column", "detail"),
    [
        ("update fact set recorded_at = recorded_at - interval '1 us' where subject = $1 and version = 2",
         "recorded_at", NOT_AS_THE_HEADER),
        ("update fact set version = 9 where subject = $1 and version = 4", "version", GAP),
        ("update fact set stream = 'computed' where subject = $1 and version = 1", "version", GAP),
        ("update fact set stream = 'computed', version = 1 where subject = $1 and version = 4", "version",
         MISCOUNTED),
        ("update stream set version = 3 where subject = $1", "version", MISCOUNTED),
        ("update stream set computed_version = 1 where subject = $1", "computed_version", MISCOUNTED),
        ("update stream set topic_versions = '{}' where subject = $1", "topic_versions", MISCOUNTED),
        ("update command set answer = 'nothing' where subject = $1", "answer", UNTRUE),
        ("""update command set answer = convert_to(replace(convert_from(answer, 'UTF8'), '"facts":1', '"facts":2'),
            'UTF8') where subject = $1""", "answer", UNTRUE),
        ("""update command set answer = convert_to(jsonb_set(convert_from(answer, 'UTF8')::jsonb, '{recorded, 0}',
            to_jsonb(gen_random_uuid()))::text, 'UTF8') where subject = $1""", "answer", UNHELD),
    ],
)  # fmt: skip
async def test_what_a_store_says_of_its_facts_is_compared_with_them(
    probe: Probe, statement: str, column: str, detail: str
) -> None:
    assert ("store", column, detail) in await tampered(probe, statement)


async def test_a_fact_whose_stream_is_gone_is_found(probe: Probe) -> None:
    async with probe.running() as running:
        child = await asked(probe, running)
        async with superuser(probe) as connection:
            await connection.execute("delete from stream where subject = $1", child)
        report = await verified(probe)
    assert [(d.subject, d.column) for d in report.differences] == [
        (str(child), "version"), (str(child), "topic_versions"),
    ]  # fmt: skip


async def test_a_version_far_beyond_the_others_takes_no_room(probe: Probe) -> None:
    async with probe.running() as running:
        child = await asked(probe, running)
        async with superuser(probe) as connection:
            await connection.execute(
                "update fact set topic_version = 2147483647 where subject = $1 and topic_version = 4", child
            )
        report = await verified(probe)
    assert ("store", 2147483647, "topic_version") in {(d.check, d.version, d.column) for d in report.differences}


async def test_a_child_of_whom_nothing_was_recorded_is_no_difference(probe: Probe) -> None:
    async with probe.running() as running:
        found = await children(running, 1)
        async with running.store.unit(found):
            pass
        assert (await verified(probe)).equal
