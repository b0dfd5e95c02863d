"""Migrations of one service's database, by Alembic, as the role that owns it."""

import asyncio
import threading
from pathlib import Path

import asyncpg
import structlog

log = structlog.get_logger()

# What runs a migration is kept by Alembic in the module, for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def head(migrations: Path) -> str:
    """The newest revision: the number its file begins with."""
    return max(path.stem.split("_")[0] for path in (migrations / "versions").glob("[0-9]*.py"))


async def migrate(service: str, migrations: Path, owner_dsn: str) -> None:
    """Bring the database to the newest revision; nothing is loaded where it already is there."""
    wait = 0.1
    while True:
        try:
            connection = await asyncpg.connect(owner_dsn, timeout=10)
            break
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5)
    try:
        await connection.execute("select pg_advisory_lock(7235)")
        if await connection.fetchval("select to_regclass('alembic_version')") is None:
            current = None
        else:
            current = await connection.fetchval("select version_num from alembic_version")
        if current != head(migrations):
            await asyncio.to_thread(_upgrade, migrations, owner_dsn)
            log.info("database.migrated", service=service, revision=head(migrations))
    finally:
        await connection.close()


def _upgrade(migrations: Path, owner_dsn: str) -> None:
    from alembic import command  # noqa: PLC0415 - a second of imports that most starts do not need
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["dsn"] = owner_dsn
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")
