"""Faults of those who write: a clock that is wrong, a newer program."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from events.health import HealthAssessmentHeld
from tests.faults.conftest import Trial
from tests.faults.rebuilding import rebuild
from tests.faults.waiting import until
from tests.faults.writing import store_of, write

HELD = HealthAssessmentHeld(kind="review")
HOUR = timedelta(hours=1)


class HeldSomewhere(HealthAssessmentHeld):
    """The fact as a later program may write it: with a field that no reader knows yet."""

    venue: Literal["home", "clinic"] = "clinic"


@pytest.mark.faults(case=19, ci=False)
async def test_case_19_a_writer_whose_clock_jumps_is_read_in_the_order_of_versions(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    now = datetime.now(UTC)
    async with store_of(world) as store:
        for moment in (now + HOUR, now - HOUR, now, now, now - 24 * HOUR):
            await write(store, child, [HELD], now=moment)
    await load.assess([child])
    async with world.admin("health") as admin:
        rows = await admin.fetch(
            "select topic_version from fact where subject = $1 order by transaction_id, position", child
        )
    assert [row["topic_version"] for row in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.faults(case=21, ci=False)
async def test_case_21_a_field_that_no_reader_knows_is_taken_in_and_kept_whole(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    async with store_of(world) as store:
        await write(store, child, [HELD, HeldSomewhere(kind="review"), HELD])

    async def whole() -> bool:
        async with world.admin("health") as admin:
            kept = await admin.fetch("select payload from received where subject = $1 order by topic_version", child)
        return [b"venue" in row["payload"] for row in kept] == [False, True, False]

    await until(whole, "the unknown field in the copy")
    assert await rebuild(world) == 0
