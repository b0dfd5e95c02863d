"""A rebuild as a process of its own, to be killed at a named point: `python -m ... NAME`."""

import asyncio
import sys

from carejourney.rebuild import rebuild_service
from carejourney.settings import Settings
from tests.integration.chassis.probe import Probe

if __name__ == "__main__":
    probe = Probe(sys.argv[1], Settings(), "", "")
    asyncio.run(rebuild_service(probe.parts(), probe.settings))
