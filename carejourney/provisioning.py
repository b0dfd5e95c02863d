"""Databases and roles on a PostgreSQL server: one database a service, and one for the keys of personal fields.

The same function serves the embedded system, tests, compose and Kubernetes. Running it again changes nothing but
a password that differs.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

KEYS = "keys"
KEYS_OWNER = f"{KEYS}_owner"
_ITERATIONS = 4096
_SCHEME = "SCRAM-SHA-256"
# A process that hangs in a transaction would hold back the relays of the whole server for as long as it is there.
_ABANDONED = "idle_in_transaction_session_timeout"
_ABANDONED_AFTER = "60s"
# Two provisioners at once would stumble over each other's new roles.
_LOCK = 7_305_190_402

KeySchema = Callable[[asyncpg.Connection, Sequence[str]], Awaitable[None]]


def login_roles(services: Iterable[str]) -> list[str]:
    """List the roles that have a password: each service's owner (migrations) and the service itself."""
    return [role for service in services for role in (f"{service}_owner", service)]


async def provision(
    admin_dsn: str,
    *,
    passwords: Callable[[str], str],
    services: Sequence[str],
    key_schema: KeySchema | None = None,
) -> None:
    """Make what the services need on this server, idempotently.

    For each service: a database of its name, owned by `<service>_owner`, and a login role `<service>` that may
    connect to it and to nothing else of ours but `keys`; what it may do there is granted by migrations. `passwords`
    gives the password of a role of `login_roles`. `admin_dsn` is a superuser's, or a role's with CREATEROLE and
    CREATEDB. `key_schema` makes the tables of `keys`, by default `carejourney.keys.create_schema`.
    """
    _refuse_odd_names(services)
    async with _connected(admin_dsn) as admin:
        await admin.execute("select pg_advisory_lock($1)", _LOCK)
        await _make_roles(admin, {role: passwords(role) for role in login_roles(services)})
        for service in services:
            await _make_database(admin, service, f"{service}_owner", [service])
        await _make_database(admin, KEYS, KEYS_OWNER, services)
    async with _connected(_database_of(admin_dsn, KEYS)) as keys:
        await keys.execute(f'set role "{KEYS_OWNER}"')
        await (key_schema or _key_tables)(keys, services)


async def _key_tables(connection: asyncpg.Connection, roles: Sequence[str]) -> None:
    # The keys' cryptography is not needed by those who bring their own schema.
    from carejourney.keys import create_schema  # noqa: PLC0415

    await create_schema(connection, roles)


def scram_verifier(password: str, salt: bytes) -> str:
    """Give what the server stores for a password (RFC 5802), so that the password itself is never in a statement."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    return f"{_SCHEME}${_ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _matches(verifier: str | None, password: str) -> bool:
    if verifier is None or not verifier.startswith(f"{_SCHEME}${_ITERATIONS}:"):
        return False
    salt = base64.b64decode(verifier.split(":")[1].split("$")[0])
    return hmac.compare_digest(scram_verifier(password, salt), verifier)


def _refuse_odd_names(services: Sequence[str]) -> None:
    odd = [name for name in services if not name.isidentifier() or name == KEYS]
    if odd:
        raise ValueError(f"not names of services: {', '.join(odd)}")


def _database_of(dsn: str, database: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _make_roles(admin: asyncpg.Connection, passwords: dict[str, str]) -> None:
    known = await _verifiers(admin, [*passwords, KEYS_OWNER])
    if KEYS_OWNER not in known:
        await _make_role(admin, f'"{KEYS_OWNER}" nologin')
    for role, password in passwords.items():
        verifier = scram_verifier(password, os.urandom(16))
        if role not in known:
            await _make_role(admin, f"\"{role}\" login password '{verifier}'")
        elif not _matches(known[role], password):
            await admin.execute(f"alter role \"{role}\" login password '{verifier}'")
    await _bound_transactions(admin, list(passwords))


async def _bound_transactions(admin: asyncpg.Connection, roles: list[str]) -> None:
    """No session of these roles may stay idle in a transaction; what an operator has set for one is left."""
    rows = await admin.fetch(
        "select rolname from pg_roles where rolname = any($1)"
        " and not exists (select from unnest(rolconfig) as said where said like $2)",
        roles, f"{_ABANDONED}=%",
    )  # fmt: skip
    for row in rows:
        await admin.execute(f"alter role \"{row['rolname']}\" set {_ABANDONED} = '{_ABANDONED_AFTER}'")


async def _make_role(admin: asyncpg.Connection, definition: str) -> None:
    await admin.execute(f"create role {definition}")
    if not await admin.fetchval("select rolsuper from pg_roles where rolname = current_user"):
        # Who is no superuser may hand a database over only to a role that it can become.
        await admin.execute(f"grant {definition.split(maxsplit=1)[0]} to current_user with set true, inherit true")


async def _verifiers(admin: asyncpg.Connection, roles: list[str]) -> dict[str, str | None]:
    readable = await admin.fetchval("select has_table_privilege('pg_authid', 'select')")
    stored = "rolpassword" if readable else "null"
    table = "pg_authid" if readable else "pg_roles"
    rows = await admin.fetch(f"select rolname, {stored} as verifier from {table} where rolname = any($1)", roles)  # noqa: S608 - constants
    return {row["rolname"]: row["verifier"] for row in rows}


async def _make_database(admin: asyncpg.Connection, database: str, owner: str, guests: Sequence[str]) -> None:
    if not await admin.fetchval("select true from pg_database where datname = $1", database):
        await admin.execute(f'create database "{database}" owner "{owner}"')
    await admin.execute(f'revoke all on database "{database}" from public')
    names = ", ".join(f'"{guest}"' for guest in guests)
    await admin.execute(f'grant connect on database "{database}" to {names}')
