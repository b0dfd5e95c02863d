"""Appending one command in one round trip, without a lock that lasts: version checked, command answered once."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from carejourney import kept
from carejourney.commands import Decided, State, carry_out
from carejourney.envelope import Said, stored
from carejourney.folding import kept_facts
from carejourney.owncopy import facts_of
from carejourney.projection import fold
from carejourney.service import Running
from carejourney.store import Moved
from events.correction import FactCorrected, FactRetracted
from events.health import HealthAssessmentHeld
from tests.builders import a_context
from tests.integration.chassis.probe import TALLIES, Probe, children, says
from tests.integration.chassis.test_storing import HELD, a_command


async def appended(probe: Probe, running: Running, child: UUID, command: UUID, expected: int | None = None) -> int:
    drafts = [probe.draft(child, HELD)]
    answer = await running.store.append(
        child, drafts, a_context(source=probe.name), command=command, expected=expected, notes={"said": "once"}
    )
    return int(answer["version"])


async def test_an_append_gives_what_a_unit_gives(probe: Probe) -> None:
    async with probe.parts_only() as running:
        one, other = await children(running, 2)
        assert [await appended(probe, running, one, uuid4(), n) for n in range(2)] == [1, 2]
        await says(running, other, HELD, HELD)
        rows = await running.pool.fetch("select * from fact order by subject, version")
        shape = ("version", "stream", "topic", "topic_version", "payload")
        mine, theirs = ([tuple(r[c] for c in shape) for r in rows if r["subject"] == s] for s in (one, other))
        assert mine == theirs
        headers = [msgspec.json.decode(r["headers"]) for r in rows if r["subject"] == one]
        assert [h["ce_streamversion"] for h in headers] == ["1", "2"]
        assert [list(h) for h in headers] == [
            list(msgspec.json.decode(r["headers"])) for r in rows if r["subject"] == other
        ]
        assert all(stored(r["headers"], r["payload"], r["topic"]).stream_version == r["topic_version"] for r in rows)


async def test_a_command_appended_again_gets_its_first_answer_even_after_others(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        command = uuid4()
        assert await appended(probe, running, child, command, 0) == 1
        assert await appended(probe, running, child, uuid4(), 1) == 2
        assert await appended(probe, running, child, command, 0) == 1
        assert await appended(probe, running, child, command, 2) == 1
        assert await running.pool.fetchval("select count(*) from fact") == 2


async def test_an_append_to_a_record_that_moved_adds_nothing(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        await says(running, child, HELD)
        with pytest.raises(Moved):
            await appended(probe, running, child, uuid4(), 0)
        assert await running.pool.fetchval("select count(*) from fact") == 1
        assert await running.pool.fetchval("select count(*) from command") == 0


async def test_of_many_appends_at_one_version_one_is_taken(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        work = [appended(probe, running, child, uuid4(), 0) for _ in range(8)]
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        assert sorted(type(o).__name__ for o in outcomes) == ["Moved"] * 7 + ["int"]


async def test_a_decision_sees_what_was_recorded_while_it_was_made(probe: Probe) -> None:
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        seen: list[int] = []

        def decide(state: State) -> Decided:
            seen.append(len(state.own))
            return Decided([probe.draft(child, HELD)])

        commands = [replace(a_command(probe, child), decide=decide) for _ in range(6)]
        answers = await asyncio.gather(*(carry_out(running.store, [one]) for one in commands))
        assert sorted(answer["version"] for (answer,) in answers) == [1, 2, 3, 4, 5, 6]
        assert set(range(6)) <= set(seen)


async def test_the_append_has_no_more_rights_than_its_caller(probe: Probe) -> None:
    owner = await asyncpg.connect(probe.owner_dsn)
    try:
        await owner.execute(f'revoke insert on fact from "{probe.name}"')
    finally:
        await owner.close()
    async with probe.parts_only() as running:
        (child,) = await children(running, 1)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await appended(probe, running, child, uuid4())


def told(facts: Iterable[Said]) -> set[tuple[object, ...]]:
    return {
        (f.id, f.type, f.source, f.topic, f.effective, f.known, f.stream_version, f.origin, f.authority, f.stated_in,
         f.schema, msgspec.json.encode(f.data))
        for f in facts
    }  # fmt: skip


async def test_the_quick_reading_says_of_every_fact_what_the_plain_one_says(probe: Probe) -> None:
    async with probe.running() as running:
        child, other = await children(running, 2)
        facts = await says(running, child, HELD, HealthAssessmentHeld(kind="initial"))
        await says(running, child, FactRetracted(corrects=facts[0].id, type=HELD.wire, reason="twice"))
        await probe.caught_up(running)
        async with running.pool.acquire() as connection:
            quick = await kept.facts_of(connection, [child, other])
            plain = await facts_of(connection, [child, other])
    assert told(quick[child]) == told(plain[child])
    assert (len(quick[child]), other in quick) == (3, False)


async def test_the_quick_reading_of_a_rebuild_folds_to_the_same_state(probe: Probe) -> None:
    async with probe.running() as running:
        first, second = await children(running, 2)
        facts = await says(running, first, HELD, HealthAssessmentHeld(kind="initial"))
        body = FactCorrected(
            corrects=facts[0].id, type=HELD.wire, effective="2026-01-01", replacement=HELD.model_dump(mode="json")
        )
        await says(running, first, body)
        await says(running, second, HELD)
        await probe.caught_up(running)
        async with running.pool.acquire() as connection:
            quick = await kept_facts(connection, TALLIES, [first, second])
            plain = await facts_of(connection, [first, second])
        for child in (first, second):
            assert fold(TALLIES, quick[child], running.kinds) == fold(TALLIES, plain[child], running.kinds)
