from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fixtures.system import Surroundings, System, running_services
from tests.integration.education.neighbours import Neighbours, neighbours_of


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def education(surroundings: Surroundings) -> AsyncIterator[System]:
    """The education service alone; every test uses children, and where it counts them an authority, of its own."""
    async with running_services(surroundings, ["education"]) as running:
        await running.settled()
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def neighbours(education: System) -> AsyncIterator[Neighbours]:
    async with neighbours_of(education.running["education"]) as found:
        yield found
