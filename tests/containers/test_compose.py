"""`docker compose up --build --wait`, the newcomer's path against it, and `down -v`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.containers.composed import ROOT, SERVICES, Composed, docker, remains, without_identities

AUTHORITY = "E08000025"
CHILDREN = 30
Journeys = dict[str, Any]


def _program(*arguments: str, data: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAREJOURNEY_")}
    command = [sys.executable, "-m", "carejourney", *arguments, "--data", str(data)]
    done = subprocess.run(command, env=environment, cwd=data.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"carejourney {' '.join(arguments)}: {done.stdout[-500:]} {done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The returns of a generated authority, readable by the user of a container."""
    folder = tmp_path_factory.mktemp("sample")
    options = ("--children", str(CHILDREN), "--years", "2024-2025", "--seed", "7", "--authority", AUTHORITY)
    subprocess.run([sys.executable, "-m", "carejourney", "sample", *options, "--out", folder], check=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same system without Docker, in a folder of its own."""
    data = tmp_path_factory.mktemp("embedded") / "data"
    _program("up", "--detach", "--port-base", "27000", data=data)
    yield data
    _program("down", data=data)


def _commands(returns: str) -> list[list[str]]:
    taken = ["--authority", AUTHORITY, "--json"]
    return [
        ["import", "ssda903", f"{returns}/2024", *taken],
        ["import", "ssda903", f"{returns}/2025", *taken],
        ["import", "enrolments", f"{returns}/enrolments.csv", *taken],
    ]


def _by_local_id(lines: str) -> Journeys:
    return {told["local_id"]: without_identities(told) for told in map(json.loads, lines.splitlines())}


@pytest.fixture(scope="module")
def imported(composed: Composed, sample: Path) -> list[dict[str, Any]]:
    """The reports of the imports into the composed system."""
    return [json.loads(composed.cli(*command, folder=sample)) for command in _commands("/returns")]


def test_every_service_answers_on_its_published_port(composed: Composed) -> None:
    for service in SERVICES:
        answer = httpx.get(f"http://127.0.0.1:{composed.ports[service]}/health/ready")
        assert (service, answer.status_code, answer.json()["ready"]) == (service, 200, True)


async def test_a_client_on_this_machine_can_subscribe(composed: Composed) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{composed.ports['kafka']}")
    await admin.start()
    try:
        assert {"care.placement", "care.education", "care.health"} <= set(await admin.list_topics())
    finally:
        await admin.close()


def test_the_services_are_confined(composed: Composed) -> None:
    for service in SERVICES:
        found = json.loads(docker("inspect", composed.compose("ps", "--quiet", service).strip()))[0]
        host = found["HostConfig"]
        assert found["Config"]["User"] == "10001:10001"
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
        assert {port["HostIp"] for ports in host["PortBindings"].values() for port in ports} == {"127.0.0.1"}


def test_an_import_shows_the_same_journeys_as_the_embedded_system(
    composed: Composed, imported: list[dict[str, Any]], embedded: Path, sample: Path
) -> None:
    reports = [json.loads(_program(*command, data=embedded)) for command in _commands(str(sample))]
    assert [r["facts_recorded"] for r in imported] == [r["facts_recorded"] for r in reports]
    asked = ("history", "--all", "--authority", AUTHORITY, "--json")
    composed_journeys = _by_local_id(composed.cli(*asked, folder=sample))
    embedded_journeys = _by_local_id(_program(*asked, data=embedded))
    assert len(composed_journeys) >= CHILDREN
    assert composed_journeys == embedded_journeys


def test_what_was_imported_survives_a_restart_of_everything(
    composed: Composed, imported: list[dict[str, Any]], sample: Path
) -> None:
    assert imported[0]["facts_recorded"] > 0
    asked = ("history", "--all", "--authority", AUTHORITY, "--json")
    before = composed.cli(*asked, folder=sample)
    composed.compose("restart", "--timeout", "40")
    composed.compose("up", "--wait", "--wait-timeout", "480")
    again = json.loads(composed.cli(*_commands("/returns")[1], folder=sample))
    assert again["facts_recorded"] == 0
    assert composed.cli(*asked, folder=sample) == before


def test_logs_name_no_child(composed: Composed, imported: list[dict[str, Any]], sample: Path) -> None:
    assert imported
    header = next(sample.glob("2025/*eader.csv")).read_text().splitlines()[1:]
    logs = composed.compose("logs", "--no-color")
    assert not [line for line in header if line.split(",")[0] in logs]


def test_the_pages_of_the_kafka_subscribers_hold_for_it(composed: Composed, tmp_path: Path) -> None:
    services = {name: composed.ports[name] for name in SERVICES}
    told = {f"CAREJOURNEY_{n.upper().replace('-', '_')}_URL": f"http://127.0.0.1:{p}" for n, p in services.items()}
    told["CAREJOURNEY_PAGES_KAFKA"] = f"127.0.0.1:{composed.ports['kafka']}"
    told["CAREJOURNEY_TOKEN"] = composed.cli("token", folder=tmp_path).strip()
    told["TOKEN"] = composed.cli("token", "--role", "social-work", folder=tmp_path).strip()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/subscribers/test_kafka_pages.py"]
    done = subprocess.run(command, env={**os.environ, **told}, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "skipped" not in done.stdout, done.stdout[-3000:]


def test_down_leaves_nothing_behind(composed: Composed) -> None:
    composed.down()
    assert remains() == []
