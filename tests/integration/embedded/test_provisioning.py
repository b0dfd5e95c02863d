"""Databases and roles on a real server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from carejourney.embedded.postgres import PostgresServer, throw_away_server
from carejourney.provisioning import provision

SERVICES = ("placement", "education")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with throw_away_server() as started:
        yield started


def _password(role: str) -> str:
    return f"of-{role}"


@asynccontextmanager
async def _as(server: PostgresServer, role: str, database: str) -> AsyncIterator[asyncpg.Connection]:
    dsn = f"postgresql://{role}:{_password(role)}@127.0.0.1:{server.port}/{database}"
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _catalogue(server: PostgresServer) -> list[Any]:
    connection = await asyncpg.connect(server.dsn)
    try:
        roles = await connection.fetch("select rolname, rolpassword, rolcanlogin from pg_authid order by 1")
        databases = await connection.fetch("select datname, datdba, datacl::text from pg_database order by 1")
        return [*roles, *databases]
    finally:
        await connection.close()


async def _provision(server: PostgresServer) -> None:
    await provision(server.dsn, passwords=_password, services=SERVICES)


async def test_provisioning_twice_changes_nothing(server: PostgresServer) -> None:
    await _provision(server)
    once = await _catalogue(server)
    await _provision(server)
    assert await _catalogue(server) == once


async def test_a_service_cannot_connect_to_the_database_of_another(server: PostgresServer) -> None:
    await _provision(server)
    for role in ("education", "education_owner"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            async with _as(server, role, "placement"):
                pass


async def test_a_service_cannot_make_tables_where_its_owner_can(server: PostgresServer) -> None:
    await _provision(server)
    async with _as(server, "education", "education") as application:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute("create table mine (n int)")
    async with _as(server, "education_owner", "education") as owner:
        await owner.execute("create table if not exists mine (n int)")


async def test_every_service_reads_and_adds_keys_but_cannot_change_their_table(server: PostgresServer) -> None:
    await _provision(server)
    for service in SERVICES:
        async with _as(server, service, "keys") as keys:
            assert await keys.fetchval("select count(*) from subject_key") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await keys.execute("drop table subject_key")


async def test_a_changed_password_takes_effect_and_is_stored_as_a_verifier(server: PostgresServer) -> None:
    await _provision(server)
    await provision(server.dsn, passwords=lambda role: f"new-{role}", services=SERVICES)
    with pytest.raises(asyncpg.InvalidPasswordError):
        async with _as(server, "education", "education"):
            pass
    stored = [row["rolpassword"] for row in await _catalogue(server) if row.get("rolname") == "education"]
    assert stored[0].startswith("SCRAM-SHA-256$4096:")


async def test_an_administrator_who_is_no_superuser_can_provision() -> None:
    with throw_away_server() as fresh:
        connection = await asyncpg.connect(fresh.dsn)
        await connection.execute("create role steward login createrole createdb password 'of-steward'")
        await connection.close()
        steward = f"postgresql://steward:of-steward@127.0.0.1:{fresh.port}/postgres"
        await provision(steward, passwords=_password, services=SERVICES)
        await provision(steward, passwords=_password, services=SERVICES)
        async with _as(fresh, "placement", "placement") as application:
            assert await application.fetchval("select current_user") == "placement"


async def test_a_name_that_is_no_identifier_is_refused(server: PostgresServer) -> None:
    with pytest.raises(ValueError, match="not names of services"):
        await provision(server.dsn, passwords=_password, services=['x" superuser'])
