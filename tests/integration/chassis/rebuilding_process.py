"""A rebuild as a process of its own, to be killed at a named point: `python -m ... NAME [SLICE [back]]`."""

import asyncio
import sys

from carejourney import rebuild_rows
from carejourney.rebuild import rebuild_service, roll_back
from carejourney.settings import Settings
from tests.integration.chassis.probe import Probe

if __name__ == "__main__":
    name, size, *back = [*sys.argv[1:], str(rebuild_rows.SLICE)][:3]
    vars(rebuild_rows)["SLICE"] = int(size)
    probe = Probe(name, Settings(), "", "")
    if back == ["back"]:
        asyncio.run(roll_back(probe.parts(), probe.settings, "tally"))
    else:
        asyncio.run(rebuild_service(probe.parts(), probe.settings))
