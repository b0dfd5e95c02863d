"""What the documents and the compose file say is what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from carejourney.cli.running import SERVICES
from carejourney.settings import Settings
from carejourney.web.addresses import Addresses

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/operations.md")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = {
        target for line in re.findall(r"(?:`|^\$ )make ((?:[a-z]+ ?)+)", text, re.MULTILINE) for target in line.split()
    }
    assert named <= _targets()


def test_every_setting_of_a_service_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    pages = [str(field.validation_alias).removeprefix("CAREJOURNEY_") for field in Addresses.model_fields.values()]
    assert [name for name in (*Settings.model_fields, *pages) if f"`{name.upper()}`" not in text] == []


def test_compose_has_every_service_with_its_own_database_and_name(compose: dict[str, Any]) -> None:
    for role in SERVICES:
        service = role.replace("_", "-")
        environment = compose[service]["environment"]
        assert compose[service]["command"] == ["run", service]
        assert environment["CAREJOURNEY_DATABASE_URL"] == f"postgresql://{role}@postgres/{role}"
        assert environment["CAREJOURNEY_OWNER_DATABASE_URL"] == f"postgresql://{role}_owner@postgres/{role}"
        assert environment["CAREJOURNEY_KEYS_DATABASE_URL"] == f"postgresql://{role}@postgres/keys"
        assert environment["CAREJOURNEY_INSTANCE"] == f"{service}-0"


def test_compose_gives_no_setting_that_a_service_does_not_read(compose: dict[str, Any]) -> None:
    pages = {str(field.validation_alias) for field in Addresses.model_fields.values()}
    known = {f"CAREJOURNEY_{field}".upper() for field in Settings.model_fields} | pages | {"PGPASSFILE"}
    for role in SERVICES:
        assert compose[role.replace("_", "-")]["environment"].keys() <= known


def test_compose_publishes_on_loopback_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose.values() for port in service.get("ports", ())]
    assert len(published) == len(SERVICES) + 1
    assert all(port.startswith("127.0.0.1:${") for port in published)


def test_what_serves_in_compose_may_neither_write_nor_gain_privileges(compose: dict[str, Any]) -> None:
    for role in SERVICES:
        service = compose[role.replace("_", "-")]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
