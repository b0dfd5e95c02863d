"""The databases, broker and master key of an installation, as its administrator reaches them.

From `CAREJOURNEY_ADMIN_DATABASE_URL`, `CAREJOURNEY_KAFKA` and the settings of the master key where these are set, else
those of the embedded system's data folder.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pydantic import ValidationError

from carejourney.cli.connecting import ConnectionProblem
from carejourney.embedded.layout import LOOPBACK, Folders, load_ports
from carejourney.embedded.postgres import SUPERUSER, PostgresServer
from carejourney.erasure.scan import database_of
from carejourney.keys import Keys, MasterKeySettings, Wrapper
from carejourney.provisioning import KEYS


@dataclass(frozen=True, slots=True)
class Reach:
    """Where to reach what; `ledger` is the file of erased ids that no restore of a database touches."""

    admin_dsn: str
    kafka: str
    master: MasterKeySettings
    ledger: Path

    @asynccontextmanager
    async def key_store(self) -> AsyncIterator[tuple[asyncpg.Pool, Wrapper]]:
        """The key store's database as its administrator, and the wrapper."""
        wrapper = self.master.wrapper()
        try:
            dsn = database_of(self.admin_dsn, KEYS)
            async with asyncpg.create_pool(dsn, min_size=1, max_size=2, timeout=10, command_timeout=60) as pool:
                yield pool, wrapper
        except (OSError, asyncpg.PostgresConnectionError) as error:
            raise ConnectionProblem(f"the key store cannot be reached: {type(error).__name__}") from error
        finally:
            await wrapper.close()

    async def secret(self, name: str) -> bytes:
        """A secret of the installation."""
        async with self.key_store() as (pool, wrapper):
            return await Keys(pool, wrapper).secret(name)


def reach(data: Path) -> Reach:
    """Raises `ConnectionProblem` where neither the environment nor the data folder says where things are."""
    folders = Folders.at(data)
    ledger = Path(os.environ.get("CAREJOURNEY_ERASURE_LEDGER", folders.root / "erased.jsonl"))
    if "CAREJOURNEY_ADMIN_DATABASE_URL" in os.environ:
        return Reach(_told("CAREJOURNEY_ADMIN_DATABASE_URL"), _told("CAREJOURNEY_KAFKA"), _master(), ledger)
    if not folders.passwords.exists():
        raise ConnectionProblem(
            f"no system was started in {folders.root} and CAREJOURNEY_ADMIN_DATABASE_URL is not set:"
            " name the data folder with --data, or set CAREJOURNEY_ADMIN_DATABASE_URL, CAREJOURNEY_KAFKA and the"
            " settings of the master key"
        )
    ports = load_ports(folders)
    password = json.loads(folders.passwords.read_text())[SUPERUSER]
    server = PostgresServer(folders.postgres, port=ports.postgres, password=password, log=folders.log("postgres"))
    master = MasterKeySettings(key_file=folders.master_key, kms_url=None)
    return Reach(server.dsn, f"{LOOPBACK}:{ports.kafka}", master, ledger)


def _told(name: str) -> str:
    if not os.environ.get(name):
        raise ConnectionProblem(f"{name} is not set")
    return os.environ[name]


def _master() -> MasterKeySettings:
    try:
        return MasterKeySettings()
    except ValidationError as error:
        raise ConnectionProblem(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
