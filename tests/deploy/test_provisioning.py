"""The jobs that run before the services, on a server of their own: they set the passwords of its roles."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from carejourney.cli.provisioning import make_development_secrets, migrate_service, provision_server
from carejourney.embedded.postgres import PostgresServer, throw_away_server
from carejourney.provisioning import login_roles

OWNER = "CAREJOURNEY_OWNER_DATABASE_URL"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with throw_away_server() as running:
        yield running


@pytest.fixture(autouse=True)
def told(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREJOURNEY_ADMIN_DATABASE_URL", server.dsn)
    monkeypatch.setenv("CAREJOURNEY_ENVIRONMENT", "development")


def _as(server: PostgresServer, role: str, database: str, folder: Path) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server.port, user=role, database=database, passfile=folder / "pgpass"
        )
        try:
            return str(await connection.fetchval("select current_user"))
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_development_system_gets_its_secrets_and_can_log_in_with_them(server: PostgresServer, tmp_path: Path) -> None:
    assert provision_server(tmp_path) == 0
    assert _as(server, "health", "health", tmp_path) == "health"
    assert _as(server, "leaving_care_owner", "leaving_care", tmp_path) == "leaving_care_owner"
    assert _as(server, "journey", "keys", tmp_path) == "journey"


def test_provisioning_again_keeps_every_secret(tmp_path: Path) -> None:
    assert provision_server(tmp_path) == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert provision_server(tmp_path) == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_only_the_public_keys_may_be_read_by_others(tmp_path: Path) -> None:
    make_development_secrets(tmp_path)
    open_to_others = {file.name for file in tmp_path.iterdir() if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)}
    assert open_to_others == {"jwks.json"}


def test_production_takes_passwords_from_a_folder_and_makes_none(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAREJOURNEY_ENVIRONMENT", "production")
    assert provision_server(tmp_path) == 2
    assert provision_server() == 2
    assert "CAREJOURNEY_PASSWORDS" in capsys.readouterr().err
    for role in login_roles(["placement", "planning", "education", "health", "leaving_care", "journey"]):
        (tmp_path / role).write_text(f"{role}-pw\n")
    monkeypatch.setenv("CAREJOURNEY_PASSWORDS", str(tmp_path))
    assert provision_server() == 0
    (tmp_path / "pgpass").write_text("*:*:*:health:health-pw\n")
    (tmp_path / "pgpass").chmod(0o600)
    assert _as(server, "health", "health", tmp_path) == "health"


def test_a_missing_password_is_named_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAREJOURNEY_PASSWORDS", str(tmp_path))
    assert provision_server() == 1
    assert "placement_owner" in capsys.readouterr().err


def test_a_database_is_migrated_by_its_owner_and_once(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision_server(tmp_path)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    monkeypatch.setenv(OWNER, f"postgresql://health_owner@127.0.0.1:{server.port}/health")
    assert migrate_service("health") == 0
    assert migrate_service("health") == 0


def test_who_may_not_migrate_is_told_so(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    provision_server(tmp_path)
    monkeypatch.setenv(OWNER, f"postgresql://planning_owner:wrong@127.0.0.1:{server.port}/planning")
    assert migrate_service("planning") == 1
    assert "planning was not migrated" in capsys.readouterr().err


def test_a_service_that_is_none_is_named_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate_service("adoption") == 2
    assert "leaving_care" in capsys.readouterr().err


def test_a_missing_address_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CAREJOURNEY_ADMIN_DATABASE_URL")
    with pytest.raises(SystemExit) as end:
        provision_server()
    assert end.value.code == 2
    assert "CAREJOURNEY_ADMIN_DATABASE_URL: Field required" in capsys.readouterr().err
