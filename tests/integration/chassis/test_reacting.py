"""Reactions and durable timers: once for each occurrence, whatever happens to the process that waits."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from carejourney.envelope import instant
from carejourney.reactions import Outcome, Reaction, Situation
from carejourney.service import Running
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from events.placement import ChildLeftCare, ConvictionRecorded
from tests.integration.chassis.probe import ODD_YEAR, Probe, children, parked, says, tallies, until

REVIEW = HealthAssessmentHeld(kind="review")
CONVICTED = ConvictionRecorded.wire


class Clock:
    """The time as the test says it is."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def reminder(probe: Probe) -> Reaction:
    """A week after each assessment one fact is recorded; it cannot take the outcomes of one year."""

    def decide(situation: Situation) -> Outcome:
        if any(f.data.get("year") == ODD_YEAR for f in situation.heard):
            raise ZeroDivisionError
        days = {datetime.fromisoformat(f"{f.effective}T00:00:00+00:00") for f in situation.heard if f.effective}
        due = sorted(day + timedelta(days=7) for day in days)
        done = {f.effective for f in situation.own if f.type == CONVICTED}
        body = ConvictionRecorded(year=2026, convicted=False)
        drafts = [
            probe.draft(situation.subject, body, instant(day))
            for day in due if day <= situation.now and instant(day) not in done
        ]  # fmt: skip
        return Outcome(drafts, next((day for day in due if day > situation.now), None))

    listens = frozenset({HealthAssessmentHeld.wire, HealthOutcomesReported.wire})
    return Reaction("reminder", listens, frozenset({CONVICTED}), decide)


async def reminded(running: Running, child: UUID) -> int:
    rows = await running.pool.fetch("select convert_from(headers, 'UTF8') as h from fact where subject = $1", child)
    return sum(CONVICTED in row["h"] for row in rows)


async def fire(running: Running) -> int:
    async with running.pool.acquire() as connection:
        return await running.reactions.fire(connection)


async def timers(running: Running) -> int:
    return int(await running.pool.fetchval("select count(*) from timer"))


async def test_a_timer_fires_once_with_two_schedulers(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(reactions=(reminder(probe),), clock=clock) as running:
        found = await children(running, 5)
        for child in found:
            await says(running, child, REVIEW, on="2026-05-30")
        await probe.caught_up(running)
        assert await timers(running) == 5
        assert [await reminded(running, child) for child in found] == [0] * 5
        clock.now += timedelta(days=30)
        await asyncio.gather(*(fire(running) for _ in range(4)))
        assert [await reminded(running, child) for child in found] == [1] * 5
        assert (await fire(running), await timers(running)) == (0, 0)


async def test_a_timer_outlives_the_process_that_set_it(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(instance="same", reactions=(reminder(probe),), clock=clock) as running:
        (child,) = await children(running, 1)
        await says(running, child, REVIEW, on="2026-05-30")
        await probe.caught_up(running)
    clock.now += timedelta(days=365)
    async with probe.running(instance="same", reactions=(reminder(probe),), clock=clock) as running:

        async def fired() -> bool:
            return await reminded(running, child) == 1

        await until(fired, "the timer of the process before")
        await probe.caught_up(running)


async def test_occurrences_already_past_come_at_once_and_only_once(probe: Probe) -> None:
    async with probe.running(reactions=(reminder(probe),), clock=Clock()) as running:
        (child,) = await children(running, 1)
        for day in ("2026-01-05", "2026-02-05", "2026-03-05"):
            await says(running, child, REVIEW, on=day)
        await probe.caught_up(running)
        await says(running, child, REVIEW, on="2026-01-05")
        await probe.caught_up(running)
        assert await reminded(running, child) == 3


async def test_a_clock_that_steps_back_fires_nothing_again(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(reactions=(reminder(probe),), clock=clock) as running:
        (child,) = await children(running, 1)
        await says(running, child, REVIEW, on="2026-05-20")
        await probe.caught_up(running)
        clock.now -= timedelta(days=10)
        await says(running, child, HealthOutcomesReported(year=2026), on="2026-05-20")
        await probe.caught_up(running)
        clock.now += timedelta(days=20)
        await fire(running)
        assert await reminded(running, child) == 1


async def test_a_fault_in_a_reaction_parks_one_child_and_the_others_are_reacted_to(probe: Probe) -> None:
    async with probe.running(projections=(), reactions=(reminder(probe),), clock=Clock()) as running:
        bad, good = await children(running, 2)
        await says(running, bad, HealthOutcomesReported(year=ODD_YEAR), on="2026-01-05")
        await says(running, good, REVIEW, on="2026-01-05")
        await probe.caught_up(running)
        assert (await reminded(running, bad), await reminded(running, good)) == (0, 1)
        assert await parked(running) == {("reminder", bad)}
        assert running.projector.progress.fault is None


async def test_a_fact_that_waited_beyond_a_gap_wakes_its_reaction_when_the_gap_is_filled(probe: Probe) -> None:
    async with probe.parts_only() as writer:
        (child,) = await children(writer, 1)
        facts = await says(writer, child, ChildLeftCare(reason="E4A"), REVIEW, on="2026-01-05")
    await probe.produce(facts[1])
    async with probe.running(topics=(), reactions=(reminder(probe),), clock=Clock()) as running:
        await probe.caught_up(running)
        assert await reminded(running, child) == 0
        await probe.produce(facts[0])

        async def woken() -> bool:
            return await reminded(running, child) == 1

        await until(woken, "the reaction to the fact beyond the gap")


async def test_nothing_is_decided_of_a_child_whose_key_was_destroyed(probe: Probe) -> None:
    async with probe.parts_only() as writer:
        gone, here = await children(writer, 2)
        facts = [*await says(writer, gone, REVIEW, on="2026-01-05"), *await says(writer, here, REVIEW, on="2026-01-05")]
    await destroy(probe, gone)
    await probe.produce(*facts)
    async with probe.running(topics=(), reactions=(reminder(probe),), clock=Clock()) as running:
        await probe.caught_up(running)
        assert (await reminded(running, gone), await reminded(running, here)) == (0, 1)
        assert await tallies(running) == {gone: 1, here: 1}


async def destroy(probe: Probe, child: UUID) -> None:
    connection = await asyncpg.connect(probe.admin_dsn.rsplit("/", 1)[0] + "/keys")
    try:
        await connection.execute(
            "update subject_key set wrapped = null, destroyed_at = now() where subject = $1", child
        )
    finally:
        await connection.close()
