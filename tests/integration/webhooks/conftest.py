"""A service of its own for each test, with the tables of webhooks."""

from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest_asyncio

from carejourney.feed.schema import upgrade_v1
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, make_probe
from tests.integration.webhooks.receiver import Receiver, receiving
from tests.integration.webhooks.sender import Sender, sending

_NUMBERS = count()


@pytest_asyncio.fixture(loop_scope="session")
async def book(surroundings: Surroundings) -> AsyncIterator[Probe]:
    """A database that no other test uses."""
    made = await make_probe(surroundings, f"webhooks{next(_NUMBERS)}")
    owner = await asyncpg.connect(made.owner_dsn)
    for statement in upgrade_v1(made.name):
        await owner.execute(statement)
    await owner.close()
    yield made
    admin = await asyncpg.connect(made.admin_dsn)
    await admin.execute(f'drop database "{made.name}" with (force)')
    await admin.close()


@pytest_asyncio.fixture(loop_scope="session")
async def sender(book: Probe, surroundings: Surroundings) -> AsyncIterator[Sender]:
    """One replica, which may send to loopback."""
    async with sending(book, surroundings) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    """An agency's receiver that accepts everything, until it is told otherwise."""
    async with receiving() as one:
        yield one
