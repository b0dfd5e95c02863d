"""Commands and faults in an order nobody chose; the seed is printed, and what fails is shrunk to what is needed."""

import asyncio
import os
import time

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import Ground, Mixed
from tests.faults.world import World

EVERYTHING = os.environ.get("CAREJOURNEY_FAULTS") == "all"
RUNS = int(os.environ.get("CAREJOURNEY_FAULTS_RUNS", "8" if EVERYTHING else "3"))
STEPS = 12
# Shrinking a failure takes runs of its own, each in an installation made anew.
SECONDS = 1_500


@pytest.mark.faults(case=0, ci=True)
@pytest.mark.timeout(SECONDS)
async def test_case_00_whatever_the_order_of_commands_and_faults_every_promise_holds(
    world: World, pytestconfig: pytest.Config
) -> None:
    number = int(pytestconfig.getoption("--hypothesis-seed") or time.time_ns() % 1_000_000)
    print(f"seed {number}: --hypothesis-seed={number} repeats this run")  # noqa: T201 - a failure is repeated with it
    ground = Mixed.ground = Ground(world, asyncio.get_running_loop())
    limits = settings(
        max_examples=RUNS, stateful_step_count=STEPS, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        await asyncio.to_thread(run_state_machine_as_test, seed(number)(Mixed), settings=limits)
    finally:
        await ground.close()
