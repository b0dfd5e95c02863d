"""Several services may bring their databases to the newest revision at once, in one process."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

import services
from carejourney.embedded.postgres import throw_away_server
from carejourney.migrate import head, migrate
from carejourney.provisioning import provision

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")
ROOT = Path(services.__path__[0])


def owner_of(service: str, admin_dsn: str) -> str:
    parts = urlsplit(admin_dsn)
    return urlunsplit(parts._replace(netloc=f"{service}_owner:pw@{parts.hostname}:{parts.port}", path=f"/{service}"))


async def revision(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("select version_num from alembic_version"))
    finally:
        await connection.close()


async def test_services_migrate_at_once_in_one_process() -> None:
    with throw_away_server() as server:
        await provision(server.dsn, passwords=lambda _: "pw", services=SERVICES)
        dsns = {service: owner_of(service, server.dsn) for service in SERVICES}
        await asyncio.gather(*(migrate(name, ROOT / name / "migrations", dsn) for name, dsn in dsns.items()))
        assert {name: await revision(dsn) for name, dsn in dsns.items()} == {
            name: head(ROOT / name / "migrations") for name in SERVICES
        }
