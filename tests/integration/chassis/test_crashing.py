"""Killed at any of its named points and started again, a service has lost nothing and done nothing twice."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from carejourney.settings import Settings
from events.health import HealthAssessmentHeld
from tests.integration.chassis.probe import Probe, children, first_seen, says, tallies, versions

HELD = HealthAssessmentHeld(kind="review")
ROOT = Path(__file__).parents[3]
RELAY = ["relay.after_read", "relay.after_send", "relay.after_ack"]
PROJECTOR = ["projector.before_move", "projector.before_commit", "projector.after_commit"]


def environment(settings: Settings, crash_at: str) -> dict[str, str]:
    told = {name: value for name, value in settings.model_dump().items() if value is not None}
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else str(v) for n, v in told.items()}
    return {
        **os.environ, **{f"CAREJOURNEY_{name.upper()}": value for name, value in plain.items()},
        "CAREJOURNEY_CRASH_AT": crash_at,
    }  # fmt: skip


async def killed(probe: Probe, crash_at: str, child: UUID | None = None) -> None:
    """Run the probe in a process of its own until it dies where it was told to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.chassis.process", probe.name, str(child or "-"),
        env=environment(probe.settings, crash_at), cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == -signal.SIGKILL, errors.decode()


@pytest.mark.parametrize("point", RELAY)
async def test_a_relay_killed_at_any_point_loses_nothing(probe: Probe, point: str) -> None:
    async with probe.parts_only() as writer:
        found = await children(writer, 4)
        for child in found:
            await says(writer, child, HELD, HELD, HELD)
    await killed(probe, point)
    async with probe.running(instance=probe.settings.instance) as running:
        await probe.caught_up(running, 25)
        assert await tallies(running) == dict.fromkeys(found, 3)
    sent = versions(await probe.records())
    assert {child: first_seen(numbers) for child, numbers in sent.items()} == {str(c): [1, 2, 3] for c in found}


@pytest.mark.parametrize("point", PROJECTOR)
async def test_a_projector_killed_at_any_point_applies_each_fact_once(probe: Probe, point: str) -> None:
    async with probe.parts_only() as writer:
        found = await children(writer, 4)
        for child in found:
            await says(writer, child, HELD, HELD)
    await killed(probe, point)
    async with probe.parts_only() as reader:
        applied = sum((await tallies(reader)).values())
        moved = await reader.pool.fetchval("select coalesce(sum(applied), 0) from checkpoint")
        assert applied == moved
        assert (applied > 0) is (point == "projector.after_commit")
    async with probe.running(instance=probe.settings.instance) as running:
        await probe.caught_up(running, 25)
        assert await tallies(running) == dict.fromkeys(found, 2)


@pytest.mark.parametrize(("point", "kept"), [("store.before_commit", []), ("store.after_commit", [1, 2])])
async def test_a_writer_killed_around_its_commit_records_all_or_nothing(
    probe: Probe, point: str, kept: list[int]
) -> None:
    async with probe.parts_only() as reader:
        (child,) = await children(reader, 1)
        await killed(probe, point, child)
        rows = await reader.pool.fetch("select version from fact where subject = $1 order by version", child)
    assert [row["version"] for row in rows] == kept
