"""`carejourney dismiss`, against a service that answers over HTTP."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from carejourney.service import build
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe
from tests.integration.chassis.serving import serving
from tests.integration.chassis.test_dismissing import with_a_stranger
from tests.integration.chassis.test_parked_command import Answer


@pytest_asyncio.fixture(loop_scope="session")
async def command(probe: Probe, surroundings: Surroundings) -> AsyncIterator[tuple[Any, UUID]]:
    """Runs the program as an operator of a service whose copy holds a stranger of the child."""
    async with serving(build(probe.parts(), probe.settings)) as app:
        child, _ = await with_a_stranger(probe, app)
        address = f"http://127.0.0.1:{app.state.port}"
        told = {"CAREJOURNEY_HEALTH_URL": address, "CAREJOURNEY_TOKEN": surroundings.token("operations")}

        async def run(*words: str) -> Answer:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "carejourney", "dismiss", "--service", "health", "--reason", "a trial", *words,
                env={**os.environ, **told}, stdout=PIPE, stderr=PIPE,
            )  # fmt: skip
            stdout, _ = await process.communicate()
            return Answer(process.returncode, stdout.decode())

        yield run, child


async def test_a_dismissal_is_rehearsed_and_done_and_done_twice_finds_nothing(command: Any) -> None:
    run, child = command
    rehearsal = json.loads((await run("--child", str(child), "--dry-run", "--json")).stdout)
    assert (rehearsal["service"], rehearsal["dry_run"], len(rehearsal["dismissed"])) == ("health", True, 1)
    done = await run("--id", rehearsal["dismissed"][0]["id"])
    assert (done.exit_code, "1 facts dismissed" in done.stdout) == (0, True)
    assert (await run("--child", str(child))).exit_code == 1


@pytest.mark.parametrize("words", [(), ("--id", str(uuid4()), "--child", str(uuid4()))])
async def test_a_dismissal_without_a_clear_choice_is_misuse(command: Any, words: tuple[str, ...]) -> None:
    assert (await command[0](*words)).exit_code == 2
