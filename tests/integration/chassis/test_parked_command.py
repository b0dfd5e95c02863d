"""`carejourney parked` and `carejourney redrive`, against a service that answers over HTTP."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from carejourney.service import build
from tests.browser.looking import served
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, says
from tests.integration.chassis.test_projecting import HELD, ODD


@dataclass(frozen=True)
class Answer:
    """What a run of the program came to."""

    exit_code: int | None
    stdout: str


@pytest_asyncio.fixture(loop_scope="session")
async def command(probe: Probe, surroundings: Surroundings) -> AsyncIterator[Any]:
    """Runs the program as an operator of a service with one parked lane."""
    app = build(probe.parts(), probe.settings.model_copy(update={"instance": "same"}))
    async with served(app) as address:
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD, ODD)
        await probe.caught_up(app.state.running)
        told = {"CAREJOURNEY_HEALTH_URL": address, "CAREJOURNEY_TOKEN": surroundings.token("operations")}

        async def run(*words: str) -> Answer:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "carejourney", *words, "--service", "health",
                env={**os.environ, **told}, stdout=PIPE, stderr=PIPE,
            )  # fmt: skip
            stdout, _ = await process.communicate()
            return Answer(process.returncode, stdout.decode())

        yield run


async def test_parked_lanes_are_told_to_programs_and_to_people(command: Any) -> None:
    answer = await command("parked", "--json")
    found = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert (found["total"], [lane["reason"] for lane in found["lanes"]]) == (1, ["ZeroDivisionError"])
    assert set(found) == {"total", "lanes", "unreadable", "conflicts", "unknown"}
    assert "1 parked lanes" in (await command("parked", "--reason", "ZeroDivisionError")).stdout


async def test_a_redrive_that_leaves_or_would_leave_lanes_parked_has_exit_status_1(command: Any) -> None:
    rehearsal = await command("redrive", "--all", "--dry-run", "--json")
    assert rehearsal.exit_code == 1
    (told,) = json.loads(rehearsal.stdout)["services"]
    assert (told["service"], told["lanes"], told["still_parked"]) == ("health", 1, 1)
    answer = await command("redrive", "--reason", "ZeroDivisionError")
    assert answer.exit_code == 1
    assert "1 of tally: ZeroDivisionError" in answer.stdout


@pytest.mark.parametrize("words", [(), ("--all", "--reason", "gap")])
async def test_a_redrive_without_a_clear_choice_is_misuse(command: Any, words: tuple[str, ...]) -> None:
    assert (await command("redrive", *words)).exit_code == 2
