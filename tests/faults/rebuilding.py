"""A rebuild of one service as a process of its own, to be killed at a named point, or taken back."""

import asyncio
import importlib
from typing import Final

from carejourney import rebuild_rows
from carejourney.rebuild import rebuild_service, roll_back
from carejourney.service import Parts
from carejourney.settings import Settings
from tests.faults.waiting import ended
from tests.faults.world import World

# So few that the few children of a trial are switched in several slices.
SLICE: Final = 1
STRAY: Final = """
insert into health_record (subject, state, authority, in_care, on_or_before, due_on_or_before)
select gen_random_uuid(), '{}', 'E08000025', false, false, false from generate_series(1, 2)
"""


async def rebuild(world: World, crash_at: str | None = None, *, back: bool = False) -> int:
    """Rebuild health in a process of its own, or take the last rebuild back; its exit status."""
    replica = await world.replica("health")
    call = f"{__name__}:{'take_back' if back else 'rebuild_all'}"
    process = world.nursery.fork("health", replica.environment(crash_at), world.folder / "rebuild.log", call)
    await ended("the end of the rebuild", 80, lambda: process.poll() is None)
    status = process.poll()
    assert status is not None
    return status


async def rows_of_nobody(world: World) -> None:
    """Put rows into health's projection that no fact speaks of, so that a switch has something to write."""
    async with world.admin("health") as admin:
        await admin.execute(STRAY)


def rebuild_all(service: str) -> None:
    """Rebuild every projection of a service."""
    asyncio.run(rebuild_service(_parts(service), Settings()))


def take_back(service: str) -> None:
    """Take back the last rebuild of every projection of a service."""
    for projection in _parts(service).projections:
        asyncio.run(roll_back(_parts(service), Settings(), projection.name))


def _parts(service: str) -> Parts:
    vars(rebuild_rows)["SLICE"] = SLICE
    found: Parts = importlib.import_module(f"services.{service}.app").PARTS
    return found
