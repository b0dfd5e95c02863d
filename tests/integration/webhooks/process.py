"""A replica as a process of its own, to be killed: `python -m ... NAME`."""

import asyncio
import sys

from carejourney.service import assemble
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from tests.integration.chassis.probe import Probe
from tests.integration.webhooks.sender import TOPIC, TWIN


async def run(name: str) -> None:
    """Send until killed."""
    probe = Probe(name, Settings(), "", "")
    running = await assemble(probe.parts(catalogue=CATALOGUE, topics=(TOPIC, TWIN)), probe.settings)
    running.background.start("webhooks", running.webhooks.run())
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
