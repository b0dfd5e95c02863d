"""The probe as a process of its own, to be killed at a named point: `python -m ... NAME TOPIC COMMIT`."""

import asyncio
import sys
from uuid import UUID

from carejourney.service import assemble, start
from carejourney.settings import Settings
from events.health import HealthAssessmentHeld
from tests.integration.chassis.probe import Probe, says


async def run(name: str, child: str) -> None:
    """Serve until killed; with a child, record facts about it as well."""
    probe = Probe(name, Settings(), "", "")
    running = await assemble(probe.parts(), probe.settings)
    await start(running)
    if child != "-":
        await says(running, UUID(child), HealthAssessmentHeld(kind="review"), HealthAssessmentHeld(kind="review"))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
