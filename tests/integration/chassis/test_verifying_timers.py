"""A timer that is not as its reaction would set it is found, and so is an authority that nobody named."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from carejourney.reactions import Outcome, Reaction, Situation
from carejourney.service import Running
from carejourney.verify import Report, verify
from events.health import HealthAssessmentHeld
from events.placement import ConvictionRecorded
from tests.integration.chassis.probe import Probe, children, says
from tests.integration.chassis.whereabouts import place_of

HELD = HealthAssessmentHeld(kind="review")
COMING = datetime(2099, 1, 1, tzinfo=UTC)


def decide(situation: Situation) -> Outcome:
    """Look again far in the future at whoever was assessed."""
    return Outcome((), COMING if situation.heard else None)


WAITS = Reaction("waits", frozenset({HELD.wire}), frozenset({ConvictionRecorded.wire}), decide)


async def verified(probe: Probe) -> Report:
    return await verify(place_of(probe, reactions=(WAITS,)))


async def told(probe: Probe, statement: str, *arguments: Any) -> list[tuple[str, str | None, str]]:
    """What a verification finds after somebody has tampered with one of two children; before, all is equal."""
    async with probe.running(reactions=(WAITS,)) as running:
        child = await heard(probe, running)
        assert (await verified(probe)).differences == []
        await running.pool.execute(statement, child, *arguments)
        report = await verified(probe)
    assert {difference.subject for difference in report.differences} <= {str(child)}
    return [(one.check, one.column, one.detail) for one in report.differences]


async def heard(probe: Probe, running: Running) -> UUID:
    child, other = await children(running, 2)
    for one in (child, other):
        await says(running, one, HELD)
    await probe.caught_up(running)
    return child


@pytest.mark.parametrize(
    ("tampering", "detail"),
    [
        ("delete from timer where subject = $1", "the timer of waits is missing"),
        ("update timer set due_at = due_at + interval '1 day' where subject = $1",
         "the timer of waits is not at the time the facts say"),
        ("update timer set name = 'another' where subject = $1", "there is a timer that no reaction would set"),
    ],
)  # fmt: skip
async def test_a_timer_that_is_not_as_the_facts_say_is_found(probe: Probe, tampering: str, detail: str) -> None:
    assert ("timer", None, detail) in await told(probe, tampering)


async def test_a_timer_that_is_due_is_no_difference(probe: Probe) -> None:
    async with probe.parts_only(reactions=(WAITS,)) as running:
        (child,) = await children(running, 1)
        await running.pool.execute("insert into lane values ($1, $2, 0, 'E08000025')", child, probe.topic)
        await running.pool.execute("insert into timer values ($1, 'waits', now() - interval '1 minute')", child)
    assert {one.check for one in (await verified(probe)).differences} <= {"kafka", "copy"}


async def test_an_authority_that_no_fact_of_the_lane_names_is_found(probe: Probe) -> None:
    found = await told(probe, "update lane set authority = 'E08000099' where subject = $1")
    assert found == [("copy", "authority", "no fact of the lane names this authority")]
