"""A service of its own for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest_asyncio

from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, make_probe

_NUMBERS = count()


@asynccontextmanager
async def a_probe(surroundings: Surroundings) -> AsyncIterator[Probe]:
    """A database, a topic and a consumer group of its own, for as long as the block lasts."""
    made = await make_probe(surroundings, f"probe{next(_NUMBERS)}")
    yield made
    admin = await asyncpg.connect(made.admin_dsn)
    try:
        await admin.execute(f'drop database "{made.name}" with (force)')
    finally:
        await admin.close()


@pytest_asyncio.fixture(loop_scope="session")
async def probe(surroundings: Surroundings) -> AsyncIterator[Probe]:
    """A database, a topic and a consumer group that no other test uses."""
    async with a_probe(surroundings) as made:
        yield made
