"""A rebuild hears of a gap that was filled while it ran, and names the fact at which a child cannot be folded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from carejourney import rebuild as rebuilding
from carejourney.envelope import Recorded
from carejourney.rebuild import rebuild_service, roll_back
from carejourney.service import Running
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.integration.chassis.probe import Probe, children, parked, says, tallies

HELD = HealthAssessmentHeld(kind="review")
KEPT = frozenset({HealthOutcomesReported.wire})


@asynccontextmanager
async def waiting(probe: Probe) -> AsyncIterator[tuple[Running, UUID, Recorded]]:
    """A child's lane that waits for a fact which the service does not keep; the fact that is lacking."""
    async with probe.parts_only() as writer:
        (child,) = await children(writer, 1)
        first, lacking, beyond = await says(
            writer, child, HealthOutcomesReported(year=2024), HELD, HealthOutcomesReported(year=2025)
        )
    await probe.produce(first, beyond)
    async with probe.running(topics=(), keeps=KEPT) as running:
        await probe.caught_up(running)
        assert await parked(running) == {("gap", child)}
        assert await tallies(running) == {child: 1}
        yield running, child, lacking


async def fill(running: Running, fact: Recorded) -> None:
    """The fact that was lacking, taken in as if Kafka had brought it."""
    async with running.pool.acquire() as connection, connection.transaction():
        await running.projector.applying.apply(connection, [fact])


async def test_a_gap_filled_while_a_rebuild_runs_by_what_nobody_keeps_is_heard_of(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with waiting(probe) as (running, child, lacking):
        switch = rebuilding._Rebuild._switch

        async def late(self: object, *arguments: object) -> None:
            await fill(running, lacking)
            await switch(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(rebuilding._Rebuild, "_switch", late)
        await rebuild_service(probe.parts(topics=(), keeps=KEPT), probe.settings)
        assert await tallies(running) == {child: 2}
        assert await parked(running) == set()


async def test_a_rebuild_taken_back_keeps_what_a_filled_gap_brought(probe: Probe) -> None:
    async with waiting(probe) as (running, child, lacking):
        await running.pool.execute("update tally set count = 99")
        parts = probe.parts(topics=(), keeps=KEPT)
        await rebuild_service(parts, probe.settings)
        await fill(running, lacking)
        told = await roll_back(parts, probe.settings, "tally")
        assert (told["restored"], told["refolded"]) == (1, 1)
        assert await tallies(running) == {child: 2}


@pytest.mark.parametrize("live", [True, False])
async def test_a_fact_of_a_later_version_parks_its_child_and_is_named(probe: Probe, live: bool) -> None:
    async with probe.running(topics=()) as running:
        async with probe.parts_only() as writer:
            child, other = await children(writer, 2)
            first, odd = await says(writer, child, HELD, HELD)
            fine = await says(writer, other, HELD)
        odd.headers = {**odd.headers, "ce_dataschema": f"urn:carejourney:{HELD.wire}:9"}
        await probe.produce(*fine, first, odd)
        await probe.caught_up(running)
        if not live:
            await running.pool.execute("delete from parked")
            (report,) = await rebuild_service(probe.parts(topics=()), probe.settings)
            assert (report["parked"], report["switched"]) == (1, True)
        rows = await running.pool.fetch("select subject, reason, fact from parked")
        assert [tuple(row) for row in rows] == [(child, "UnknownVersion", UUID(odd.id))]
        assert (await tallies(running))[other] == 1
