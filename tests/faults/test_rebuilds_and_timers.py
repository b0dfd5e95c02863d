"""Faults of what happens on the side: a rebuild killed at its steps, a scheduler killed as a timer fires."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.faults.cases import CASES
from tests.faults.conftest import Trial
from tests.faults.load import AUTHORITY
from tests.faults.rebuilding import rebuild, rows_of_nobody
from tests.faults.waiting import until

KILLED = -9
BACK = "rebuild.after_slice_back"


@pytest.mark.faults(case=20, ci=False)
@pytest.mark.parametrize("point", sorted({*CASES[20].points} - {BACK}))
async def test_case_20_a_rebuild_killed_at_any_point_while_facts_arrive_is_made_again(trial: Trial, point: str) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    async with load.under_way(children):
        await load.more(10)
        await rows_of_nobody(world)
        assert await rebuild(world, point) == KILLED
        await load.more(10)
        assert await rebuild(world) == 0


@pytest.mark.faults(case=20, ci=False)
async def test_case_20_a_switch_killed_between_slices_and_a_taking_back_too_leave_every_row_right(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    async with load.under_way(children):
        await rows_of_nobody(world)
        assert await rebuild(world) == 0
        await load.more(10)
        assert await rebuild(world, BACK, back=True) == KILLED
        await load.more(10)
        assert await rebuild(world, back=True) == 0
        assert await rebuild(world, "rebuild.after_slice") == KILLED
        assert await rebuild(world, back=True) == 0
        assert await rebuild(world) == 0


@pytest.mark.faults(case=20, ci=False)
async def test_case_20_two_rebuilds_at_once_and_one_taken_back_leave_every_row_right(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    async with load.under_way(children):
        assert min(await asyncio.gather(rebuild(world), rebuild(world))) == 0
        await load.more(10)
        assert await rebuild(world, back=True) == 0
        await load.more(10)


@pytest.mark.faults(case=29, ci=True)
@pytest.mark.parametrize("point", CASES[29].points)
async def test_case_29_a_scheduler_killed_as_a_timer_fires_fires_it_once(trial: Trial, point: str) -> None:
    world = trial.world
    child = await seventeen(trial)
    doomed = await world.restarted("leaving_care", point)
    async with world.admin("leaving_care") as admin:
        await admin.execute("update timer set due_at = now() where subject = $1", child)
        assert await doomed.dies() == KILLED
        await world.restarted("leaving_care")

        async def set_anew() -> bool:
            return bool(await admin.fetchval("select due_at > now() from timer where subject = $1", child))

        await until(set_anew, "the timer set for the next birthday")
        again = "select count(*) = count(distinct (subject, headers)) from fact"
        assert await admin.fetchval(again)


async def seventeen(trial: Trial) -> UUID:
    """A generated child in care, seventeen years old, of whom leaving care has heard."""
    (child,) = await trial.load.children(1)
    born = datetime.now(UTC).date() - timedelta(days=365 * 17 + 200)
    tables = {
        "header": [{"ref": 0, "sex": "2", "dob": born.isoformat(), "ethnic": "WBRI"}],
        "episodes": [
            {"ref": 0, "decom": "2025-05-01", "rne": "S", "ls": "C2", "cin": "N1", "place": "U6",
             "place_provider": "PR1"}
        ],
    }  # fmt: skip
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026, "tables": tables}
    replica = await trial.world.replica("placement")
    bearer = {"authorization": f"Bearer {trial.world.token()}"}
    answer = await replica.http.post("/returns/ssda903", content=json.dumps(line), headers=bearer, timeout=40)
    answer.raise_for_status()
    async with trial.world.admin("leaving_care") as admin:

        async def waits() -> bool:
            return bool(await admin.fetchval("select true from timer where subject = $1", child))

        await until(waits, "a timer for the next birthday")
    return child
