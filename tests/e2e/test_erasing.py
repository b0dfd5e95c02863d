"""A child is erased while everything else goes on; and stays erased when an older backup is restored."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carejourney.cli.erasing_for_good import issue
from carejourney.cli.reaching import Reach
from carejourney.embedded.layout import SERVICES, Folders, load_ports
from carejourney.embedded.postgres import SUPERUSER, PostgresServer, programs
from carejourney.erasure.scan import database_of
from carejourney.keys import FORGOTTEN, MasterKeySettings
from carejourney.rebuild import rebuild_service
from tests.e2e.canonical import Whereabouts, canonical, differences
from tests.e2e.importing import Importing, new_authority
from tests.e2e.installation import Installation, free_port_base
from tests.e2e.made_children import whole_child
from tests.e2e.return_folders import Tables, children_in, of_children, write_tables
from tests.fixtures.system import System
from tests.integration.erasure.erasing import (
    SEEN,
    a_canary,
    canaries_in,
    dumped,
    erased,
    everything_logged,
    published,
)

DATABASES: Final = (*SERVICES, "keys")


@pytest.fixture
def reach(system: System, tmp_path: Path) -> Reach:
    there = system.surroundings
    master = MasterKeySettings(key_file=there.folder / "master.key", kms_url=None)
    return Reach(there.admin_dsn, there.kafka, master, tmp_path / "erased.jsonl")


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of this process from now on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def whereabouts(system: System) -> Whereabouts:
    there = system.surroundings
    databases = {name: there.dsn(name, name) for name in SERVICES}
    return Whereabouts(databases, there.dsn("placement", "keys"), there.folder / "master.key", there.kafka)


def some(years: dict[int, Tables], count: int, prefix: str, folder: Path) -> Path:
    """The return of some children of the sample, renamed."""
    tables = years[2026]
    return write_tables(folder / prefix, of_children(tables, children_in(tables)[:count], f"{prefix}-"))


@asynccontextmanager
async def everything_else_going_on(system: System, folder: Path) -> AsyncIterator[None]:
    """Another authority is imported and projected, and read models are rebuilt, until what is within is done."""

    async def rebuild() -> None:
        while True:
            for service in ("education", "journey", "placement", "leaving_care"):
                await rebuild_service(system.running[service].parts, system.surroundings.settings(service))
                await asyncio.sleep(0)

    rebuilding = asyncio.create_task(rebuild())
    importing = asyncio.create_task(Importing(system, new_authority()).returns(folder))
    try:
        yield
        assert (await importing).rows_refused == 0
        assert not rebuilding.done(), rebuilding.exception()
    finally:
        rebuilding.cancel()
        await asyncio.gather(rebuilding, importing, return_exceptions=True)


def of_the_child(kept: dict[str, bytes], child: UUID) -> bytes:
    """The lines that are about the child: rows of dumps, records, log lines."""
    lines = (line for content in kept.values() for line in content.splitlines())
    return b"\n".join(line for line in lines if str(child).encode() in line)


@pytest.mark.timeout(300)
async def test_a_child_is_erased_while_others_are_imported_and_projections_are_rebuilt(
    system: System, reach: Reach, years: dict[int, Tables], tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    others, local_id = Importing(system, new_authority()), f"CANARY-{uuid4().hex[:12]}"
    await others.returns(some(years, 6, "OTHERS", tmp_path))
    before = await canonical(whereabouts(system), others.authority)
    with everything_logged() as lines:
        child = await a_canary(system, local_id)
        async with everything_else_going_on(system, some(years, 40, "MORE", tmp_path)):
            receipt = await issue(reach, await erased(system, child))
        await system.settled()
        told = (await system["journey"].get(f"/children/{child}/history")).json()

    kept = {**await everything_kept(system, reach), "logs": lines.getvalue().encode(), "traces": told_by(spans)}
    unique = (local_id, *(one for one in SEEN if not one.startswith("20")))
    assert (receipt["child"], told["local_id"]) == (str(child), FORGOTTEN)
    assert {place: found for place, content in kept.items() if (found := canaries_in(content, unique))} == {}
    # What is not sealed is found where it is, so what is not found is not there.
    assert canaries_in(of_the_child(kept, child), (*SEEN, "placement.subject_erased")) == ["placement.subject_erased"]
    assert canaries_in(kept["topics"], ("placement.subject_erased",)) == ["placement.subject_erased"]
    assert differences(before, await canonical(whereabouts(system), others.authority)) == []


async def everything_kept(system: System, reach: Reach) -> dict[str, bytes]:
    """Every database, every record on every topic, and what is measured."""
    metrics = (await system["placement"].get("/metrics")).content
    return {**dumped(reach.admin_dsn), "topics": await published(reach.kafka), "metrics": metrics}


def told_by(spans: InMemorySpanExporter) -> bytes:
    """Every span, of which there must be some."""
    finished = spans.get_finished_spans()
    assert len(finished) > 10
    return "".join(span.to_json() for span in finished).encode()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that nothing else uses, with two children of whom everything is said."""
    one = Installation(tmp_path_factory.mktemp("alone"))
    one.up(free_port_base())
    for child in ("GONE", "STAYS"):
        folder = write_tables(tmp_path_factory.mktemp(child), whole_child(child))
        one.told("import ssda903", folder, "--authority", "E08000025", "--year", "2026")
    yield one
    one.run("down")


def server_of(one: Installation) -> PostgresServer:
    folders = Folders.at(one.folder)
    password = json.loads(folders.passwords.read_text())[SUPERUSER]
    return PostgresServer(
        folders.postgres, port=load_ports(folders).postgres, password=password, log=folders.log("postgres")
    )


def restore(one: Installation, backup: Path) -> None:
    """Put every database back as it was, with the services and Kafka stopped."""
    server = server_of(one)
    server.start()
    try:
        for database in DATABASES:
            words = ("--clean", "--create", "--if-exists", f"--dbname={server.dsn}", str(backup / database))
            subprocess.run([str(programs() / "pg_restore"), *words], check=True, capture_output=True)
    finally:
        server.stop()


def back_up(one: Installation, backup: Path) -> None:
    """Dump every database, the key store's too."""
    backup.mkdir()
    for database in DATABASES:
        dsn = database_of(server_of(one).dsn, database)
        words = ("--format=custom", f"--file={backup / database}", dsn)
        subprocess.run([str(programs() / "pg_dump"), *words], check=True, capture_output=True)


def local_ids(one: Installation) -> list[str]:
    lines = one.run("history --all", "--authority", "E08000025", "--json").splitlines()
    return sorted(json.loads(line)["local_id"] for line in lines)


def receipt_of(one: Installation, child: str) -> dict[str, Any]:
    words = ("--authority", "E08000025", "--reason", "retention_ended", "--yes")
    receipt: dict[str, Any] = json.loads(one.run("erase", child, *words))
    return receipt


@pytest.mark.timeout(420)
def test_a_restored_backup_does_not_bring_an_erased_child_back(alone: Installation, tmp_path: Path) -> None:
    backup, ledger = tmp_path / "backup", alone.folder / "erased.jsonl"
    alone.settle()
    back_up(alone, backup)
    receipt = receipt_of(alone, "GONE")
    saved = tmp_path / "receipt.json"
    saved.write_text(json.dumps(receipt))
    assert alone.told("erase", "--verify", saved) == {"valid": True}
    assert json.loads(alone.run("erase", "--receipt", receipt["receipt"])) == receipt
    assert local_ids(alone) == [FORGOTTEN, "STAYS"]

    alone.run("down")
    restore(alone, backup)
    alone.up()
    alone.settle()
    assert local_ids(alone) == ["GONE", "STAYS"]

    assert json.loads(alone.run("erase", "--apply-ledger", ledger)) == {"entries": 1, "forgotten": 1}
    assert local_ids(alone) == [FORGOTTEN, "STAYS"]
    assert [json.loads(line)["subject"] for line in ledger.read_text().splitlines()] == [receipt["child"]]


@pytest.mark.timeout(240)
def test_the_master_key_is_rotated_and_retired_while_the_system_serves(alone: Installation) -> None:
    before = local_ids(alone)
    first = alone.told("keys status")["versions"]
    wrapped = alone.told("keys rotate")["wrapped_anew"]
    retired = alone.told("keys retire")["retired"]
    after = {one["name"]: one for one in alone.told("keys status")["versions"]}
    assert wrapped == sum(one["keys"] for one in first) > 1
    assert retired == [one["name"] for one in first if one["current"]]
    assert [one["keys"] for one in after.values() if one["current"]] == [wrapped]
    assert local_ids(alone) == before
