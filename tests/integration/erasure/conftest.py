"""A key store of its own, and the system as its administrator reaches it."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from carejourney.cli.reaching import Reach
from carejourney.keys import FileKey, MasterKeySettings, TransitKey, Wrapper, create_schema
from tests.fixtures.system import Surroundings
from tests.unit.chassis.transit_engine import Engine, transit_engine

_NUMBERS = count()


@pytest.fixture
def reach(surroundings: Surroundings, tmp_path: Path) -> Reach:
    """The in-process system's databases, broker and master key."""
    master = MasterKeySettings(key_file=surroundings.folder / "master.key", kms_url=None)
    return Reach(surroundings.admin_dsn, surroundings.kafka, master, tmp_path / "erased.jsonl")


@pytest.fixture
def engine() -> Iterator[Engine]:
    with transit_engine() as running:
        yield running


@pytest_asyncio.fixture(params=["file", "transit"], loop_scope="session")
async def wrapper(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> AsyncIterator[Wrapper]:
    master, token = tmp_path / "master.key", tmp_path / "token"
    master.write_text(base64.b64encode(os.urandom(32)).decode())
    token.write_text(engine.token)
    one: Wrapper = FileKey(master) if request.param == "file" else TransitKey(engine.url, "carejourney", token)
    yield one
    await one.close()


@pytest_asyncio.fixture(loop_scope="session")
async def key_store(postgres_admin_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """A key store that nothing else uses."""
    name = f"keys_alone{next(_NUMBERS)}"
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(f"create database {name}")
    try:
        async with asyncpg.create_pool(
            urlsplit(postgres_admin_dsn)._replace(path=f"/{name}").geturl(), min_size=1
        ) as pool:
            await create_schema(pool)
            await create_schema(pool)
            yield pool
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
