"""Whatever goes wrong, the logs tell kind and place and quote nothing; work that a bug ends ends the process."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from carejourney.embedded.processes import free_port
from events.health import HealthAssessmentHeld
from tests.integration.chassis.faulty import CANARY
from tests.integration.chassis.probe import Probe, children, parked, says, until
from tests.integration.chassis.test_crashing import ROOT, environment

HELD = HealthAssessmentHeld(kind="review")
FAULTY = "tests.integration.chassis.faulty"


@asynccontextmanager
async def faulty(probe: Probe) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The process, once it is ready."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", FAULTY, probe.name, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(probe.settings.model_copy(update={"port": port}), ""),
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def ready() -> bool:
                try:
                    return bool((await client.get("/health/ready")).json().get("projector") == "moving")
                except httpx.TransportError:
                    return False

            await until(ready, "ready", 30)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def told(output: bytes) -> list[dict[str, Any]]:
    """The lines of a log; each is one object."""
    return [json.loads(line) for line in output.decode().splitlines()]


def place(lines: list[dict[str, Any]], fault: str) -> set[str]:
    return {line["at"].partition(":")[0] for line in lines if line.get("fault") == fault and "at" in line}


async def test_no_fault_is_quoted_in_a_log_and_a_broken_clock_ends_the_process(probe: Probe) -> None:
    async with probe.parts_only() as writer, faulty(probe) as (process, client):
        answer = await client.get("/request")
        assert (answer.status_code, CANARY in answer.text) == (500, False)
        for where in ("task", "callback", "warning"):
            assert (await client.get(f"/{where}")).status_code == 200
        (child,) = await children(writer, 1)
        await says(writer, child, HELD)
        await until(lambda: both_parked(writer), "the lane parked by both", 20)
        await client.get("/clock")
        output, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 1
    assert CANARY not in output.decode()
    lines = told(output)
    kinds = {line.get("fault") or line.get("kind") for line in lines}
    assert {"ValueError", "LookupError", "RuntimeWarning", "ArithmeticError", "KeyError", "TypeError"} <= kinds
    assert place(lines, "LookupError") == {"__main__"}
    assert place(lines, "ArithmeticError") == {"__main__"}
    assert {"carejourney.http", "__main__"} & place(lines, "ValueError")


async def test_a_service_that_cannot_start_says_what_it_lacks_and_ends(probe: Probe) -> None:
    settings = probe.settings.model_copy(update={"key_file": ROOT / "no-such-key", "port": free_port()})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", FAULTY, probe.name, cwd=ROOT, stderr=asyncio.subprocess.PIPE,
        env=environment(settings, ""),
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 3
    lines = told(errors)
    assert place(lines, "ValueError") == {"carejourney.keys.wrapping"}
    assert "CAREJOURNEY_KEY_FILE" in {line.get("setting") for line in lines}


async def both_parked(running: Any) -> bool:
    return {name for name, _ in await parked(running)} == {"tally", "looks"}
