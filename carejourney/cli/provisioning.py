"""What runs before the services: `carejourney provision` for a server, `carejourney migrate` for one database.

The embedded system does the same by itself; a compose project and a cluster run these as jobs.
"""

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar

import asyncpg
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from carejourney.access import write_development_issuer
from carejourney.cli.running import SERVICES
from carejourney.embedded.secret_files import ensure_master_key, ensure_passwords, write_private
from carejourney.migrate import migrate
from carejourney.provisioning import login_roles, provision

PATIENCE: Final = 120.0


class ServerSettings(BaseSettings):
    """What `carejourney provision` is told by its environment."""

    model_config = SettingsConfigDict(env_prefix="CAREJOURNEY_", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = "production"
    admin_database_url: SecretStr = Field(description="A superuser's, or a role's with CREATEROLE and CREATEDB.")
    passwords: Path = Field(default=Path(), description="A folder with one file a role, as secrets are mounted.")


class OwnerSettings(BaseSettings):
    """What `carejourney migrate` is told by its environment."""

    model_config = SettingsConfigDict(env_prefix="CAREJOURNEY_", extra="ignore", frozen=True)

    owner_database_url: SecretStr


_Settings = TypeVar("_Settings", bound=BaseSettings)


def provision_server(secrets: Path | None = None) -> int:
    """Make databases, roles and the key store on the server of `CAREJOURNEY_ADMIN_DATABASE_URL`.

    The roles' passwords come from the folder `CAREJOURNEY_PASSWORDS`. With `secrets`, in development only, they are
    made there, together with the master key, the issuer's key and a PostgreSQL password file. Doing it again changes
    nothing. Gives the exit status.
    """
    settings = _told(ServerSettings)
    refusal = _unfit(settings, secrets)
    if refusal:
        return _refused(refusal, 2)
    dsn = settings.admin_database_url.get_secret_value()
    try:
        passwords = make_development_secrets(secrets) if secrets else read_passwords(settings.passwords)
        asyncio.run(_provision(dsn, passwords.__getitem__))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return _refused(f"the server was not provisioned: {error}", 1)
    return 0


def _unfit(settings: ServerSettings, secrets: Path | None) -> str | None:
    if secrets and settings.environment != "development":
        return "secrets are made in development only: mount those of your secret store, see docs/operations.md"
    if not (secrets or settings.passwords.name):
        return "CAREJOURNEY_PASSWORDS: a folder with one file a role, its password in it, is needed"
    return None


def migrate_service(name: str) -> int:
    """Bring one service's database to its newest revision, by `CAREJOURNEY_OWNER_DATABASE_URL`; gives exit status."""
    service = name.replace("-", "_")
    if service not in SERVICES:
        return _refused(f"there is no service {name}; choose one of: {', '.join(SERVICES)}", 2)
    dsn = _told(OwnerSettings).owner_database_url.get_secret_value()
    migrations = importlib.import_module(f"services.{service}.app").PARTS.migrations
    try:
        asyncio.run(migrate(service, migrations, dsn))
    except asyncpg.PostgresError as error:
        return _refused(f"{service} was not migrated: {error}", 1)
    return 0


def read_passwords(folder: Path) -> dict[str, str]:
    """Read the password of every role from the file of its name; raises FileNotFoundError."""
    return {role: (folder / role).read_text().strip() for role in login_roles(SERVICES)}


def make_development_secrets(folder: Path) -> dict[str, str]:
    """Make what a development system keeps secret, where it is not there yet, and give the password of each role.

    `master.key`, `issuer.json`, `jwks.json`, `passwords.json` and `pgpass` (for `PGPASSFILE`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    ensure_master_key(folder / "master.key")
    if not ((folder / "issuer.json").exists() and (folder / "jwks.json").exists()):
        write_development_issuer(folder / "issuer.json", folder / "jwks.json")
    passwords = ensure_passwords(folder / "passwords.json", login_roles(SERVICES))
    write_private(folder / "pgpass", "".join(f"*:*:*:{role}:{password}\n" for role, password in passwords.items()))
    return passwords


async def _provision(dsn: str, passwords: Callable[[str], str]) -> None:
    await _await_server(dsn)
    await provision(dsn, passwords=passwords, services=SERVICES)


async def _await_server(dsn: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = await asyncpg.connect(dsn, timeout=10)
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)
        else:
            await connection.close()
            return


def _told(kind: type[_Settings]) -> _Settings:
    try:
        return kind()
    except ValidationError as error:
        lines = [f"CAREJOURNEY_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise SystemExit(_refused(os.linesep.join(lines), 2)) from error


def _refused(reason: str, status: int) -> int:
    sys.stderr.write(f"{reason}\n")
    return status
