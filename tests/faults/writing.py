"""Health's store, written to from here: with another clock, by another version of the program, in great numbers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from carejourney.envelope import Draft
from carejourney.ids import new_id
from carejourney.keys import FileKey, Keys
from carejourney.store import Store
from events.catalogue import CATALOGUE
from events.event import Fact
from tests.builders import a_context
from tests.faults.world import World


@asynccontextmanager
async def store_of(world: World) -> AsyncIterator[Store]:
    """The store of health, as its application role."""
    async with (
        asyncpg.create_pool(world.dsn("health", "health"), min_size=1, max_size=2) as pool,
        asyncpg.create_pool(world.dsn("health", "keys"), min_size=1, max_size=1) as keys,
    ):
        yield Store(pool, Keys(keys, FileKey(world.key_file)), CATALOGUE, "health")


async def write(
    store: Store, child: UUID, bodies: Sequence[Fact], *, now: datetime | None = None, on: str = "2026-03-02"
) -> None:
    """Record facts of one child in one transaction, by the clock that is given."""
    async with store.unit([child], now=now) as unit:
        context = a_context(source="health", correlation=str(new_id()))
        unit.append([Draft(child, body, on, "care.health") for body in bodies], context)
