"""Reactions and durable timers: once for each occurrence, whatever happens to the process that waits."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from carejourney.envelope import Draft, instant
from carejourney.reactions import TIMER_BATCH, Outcome, Reaction, Situation
from carejourney.service import Running
from carejourney.telemetry import REGISTRY
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from events.placement import ChildLeftCare, ConvictionRecorded
from tests.builders import a_context
from tests.integration.chassis.probe import ODD_YEAR, Probe, children, parked, says, tallies, until

REVIEW = HealthAssessmentHeld(kind="review")
CONVICTED = ConvictionRecorded.wire


class Clock:
    """The time as the test says it is."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)
        self.fault: Exception | None = None
        self.asked = asyncio.Event()

    def __call__(self) -> datetime:
        if self.fault:
            self.asked.set()
            raise self.fault
        return self.now


def reminder(probe: Probe, odd_year: int | None = ODD_YEAR) -> Reaction:
    """A week after each assessment one fact is recorded; it cannot take the outcomes of one year."""

    def decide(situation: Situation) -> Outcome:
        if odd_year and any(f.data.get("year") == odd_year for f in situation.heard):
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


DUE_AT_ONCE = 2_000


async def weekly(running: Running, clock: Clock, count: int) -> list[UUID]:
    """Children with a timer each, all of them due."""
    found = await children(running, count)
    topic = running.parts.topics[0]
    async with running.store.unit(found) as unit:
        for child in found:
            unit.append([Draft(child, REVIEW, "2026-05-30", topic)], a_context(source=running.parts.name))
    await until_timers(running, count)
    clock.now += timedelta(days=30)
    return found


async def until_timers(running: Running, count: int) -> None:
    async def set_() -> bool:
        return await timers(running) == count

    await until(set_, f"{count} timers", 60)


async def test_a_week_down_is_caught_up_in_batches_that_let_commands_through(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(reactions=(reminder(probe),), clock=clock) as running:
        found = await weekly(running, clock, DUE_AT_ONCE)
        assert len(found) == DUE_AT_ONCE
        (other,) = await children(running, 1)
        waited: list[float] = []

        async def caught_up() -> bool:
            begun = time.monotonic()
            await says(running, other, ChildLeftCare(reason="E4A"))
            waited.append(time.monotonic() - begun)
            return await timers(running) == 0

        await until(caught_up, "every timer fired", 60)
        assert max(waited) < 2
        assert len(waited) > DUE_AT_ONCE / TIMER_BATCH / 2
        await probe.caught_up(running, 60)
        assert await convicted(running) == DUE_AT_ONCE


async def convicted(running: Running) -> int:
    return int(
        await running.pool.fetchval(
            "select count(*) from fact where position(convert_to($1, 'UTF8') in headers) > 0", CONVICTED
        )
    )


async def test_a_scheduler_waits_out_what_is_away_and_fires_what_came_due(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(reactions=(reminder(probe),), clock=clock) as running:
        (child,) = await children(running, 1)
        await says(running, child, REVIEW, on="2026-05-30")
        await until_timers(running, 1)
        clock.fault = ConnectionResetError()
        await asyncio.wait_for(clock.asked.wait(), 10)
        clock.fault = None
        clock.now += timedelta(days=30)

        async def fired() -> bool:
            return await reminded(running, child) == 1

        await until(fired, "the timer after the fault")


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


async def test_what_reactions_and_timers_record_is_counted_once_it_is_committed(probe: Probe) -> None:
    clock = Clock()
    async with probe.running(reactions=(reminder(probe),), clock=clock) as running:
        past, coming = await children(running, 2)
        await says(running, past, REVIEW, on="2026-01-05")
        await says(running, coming, REVIEW, on="2026-05-30")
        await probe.caught_up(running)
        assert counted(probe) == 1
        clock.now += timedelta(days=30)

        async def fired() -> bool:
            return await timers(running) == 0

        await until(fired, "the timer")
        await probe.caught_up(running)
    assert counted(probe) == 2


def counted(probe: Probe) -> float:
    """Facts recorded by the service's own doing, as its metric tells."""
    labels = {"service": probe.name, "topic": probe.topic}
    return REGISTRY.get_sample_value("carejourney_facts_recorded_total", labels) or 0
