"""A rebuild of one service as a process of its own, to be killed at a named point, or taken back."""

import asyncio
import importlib

from carejourney.rebuild import rebuild_service, roll_back
from carejourney.service import Parts
from carejourney.settings import Settings
from tests.faults.waiting import ended
from tests.faults.world import World


async def rebuild(world: World, crash_at: str | None = None, *, back: bool = False) -> int:
    """Rebuild health in a process of its own, or take the last rebuild back; its exit status."""
    replica = await world.replica("health")
    call = f"{__name__}:{'take_back' if back else 'rebuild_all'}"
    process = world.nursery.fork("health", replica.environment(crash_at), world.folder / "rebuild.log", call)
    await ended("the end of the rebuild", 80, lambda: process.poll() is None)
    status = process.poll()
    assert status is not None
    return status


def rebuild_all(service: str) -> None:
    """Rebuild every projection of a service."""
    asyncio.run(rebuild_service(_parts(service), Settings()))


def take_back(service: str) -> None:
    """Take back the last rebuild of every projection of a service."""
    for projection in _parts(service).projections:
        asyncio.run(roll_back(_parts(service), Settings(), projection.name))


def _parts(service: str) -> Parts:
    found: Parts = importlib.import_module(f"services.{service}.app").PARTS
    return found
