"""A whole authority's year through the running system: how long from command to caught up, and in how much memory."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carejourney.embedded.layout import Folders, load_ports, service_environment
from carejourney.embedded.processes import PROC
from tests.bench.limits import (
    facts_of,
    seconds_a_fact_of_the_peer,
    seconds_to_copy,
    seconds_to_produce,
    seconds_to_read,
)
from tests.bench.result import Result
from tests.e2e.importing import today
from tests.e2e.installation import PROGRAM, Installation, free_port_base
from tests.e2e.return_folders import children_in, of_children, read_tables, write_tables

YEAR_SECONDS: Final = 30.0
UP_SECONDS: Final = 10.0
FLAT: Final = 1.25
PART: Final = 4
OTHER_AUTHORITY: Final = "E06999999"


@dataclass(frozen=True, slots=True)
class Run:
    """One import: rows taken, seconds from command to everything caught up, and the importer's peak memory in MB."""

    rows: int
    facts: int
    seconds: float
    megabytes: float


def import_run(installation: Installation, folder: Path, authority: str) -> Run:
    """Import a folder by the program, waiting as it does until everything is in every projection."""
    line = [*PROGRAM, "import", "ssda903", str(folder), "--authority", authority, "--json", "--data"]
    with tempfile.TemporaryFile() as output:
        begun = time.monotonic()
        with subprocess.Popen([*line, str(installation.folder)], stdout=output) as process:
            megabytes = _watched(process)
        seconds = time.monotonic() - begun
        if process.returncode:
            raise SystemExit(f"the import ended with status {process.returncode}")
        output.seek(0)
        report = json.load(output)
    return Run(report["rows_taken"], report["facts_recorded"], seconds, megabytes)


def _watched(process: subprocess.Popen[bytes]) -> float:
    """Wait for the end of a process; its peak memory in MB, which its parent's does not colour as rusage's is."""
    peak = 0.0
    while process.poll() is None:
        with suppress(OSError, StopIteration):
            lines = (PROC / str(process.pid) / "status").read_text().splitlines()
            peak = float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
        time.sleep(0.02)
    return peak


@contextmanager
def running(folder: Path) -> Iterator[tuple[Installation, float]]:
    """A system that has been up before; how many seconds `up` took this time."""
    installation = Installation(folder)
    installation.up(free_port_base())
    installation.run("down")
    begun = time.monotonic()
    installation.up()
    seconds = time.monotonic() - begun
    try:
        yield installation, seconds
    finally:
        installation.run("down")


def part_of(folder: Path, out: Path) -> Path:
    """A quarter of the return's children, under other names."""
    tables = read_tables(folder)
    return write_tables(out, of_children(tables, children_in(tables)[::PART], "part-"))


def measure(folder: Path, authority: str, work: Path) -> list[Result]:
    """Every benchmark of the import of one folder."""
    with running(work / "system") as (installation, up):
        part = import_run(installation, part_of(folder, work / "part"), OTHER_AUTHORITY)
        whole = import_run(installation, folder, authority)
        return [
            *_import_results(installation, folder, authority, whole),
            Result(
                "embedded.up", "seconds", up, goal=f"under {UP_SECONDS:.0f} s when everything is there",
                goal_met=up < UP_SECONDS,
            ),
            Result(
                "import.memory", f"MB at {whole.rows} rows; raw: at {part.rows} rows", whole.megabytes, part.megabytes,
                goal=f"flat: at most {FLAT} times at four times the size",
                goal_met=whole.megabytes <= FLAT * part.megabytes,
            ),
        ]  # fmt: skip


def _import_results(installation: Installation, folder: Path, authority: str, whole: Run) -> list[Result]:
    import asyncio  # noqa: PLC0415 - nothing else here is asynchronous

    reading = seconds_to_read(folder, today())
    copying, producing, a_fact = asyncio.run(_limits(installation, authority))
    rows, facts, rate = whole.rows, whole.facts, whole.rows / whole.seconds
    return [
        Result(
            "import.year", "rows/s", rate, rows / (reading + copying + producing), rows / (facts * a_fact),
            goal=f"at most {YEAR_SECONDS:.0f} s from command to everything caught up (took {whole.seconds:.1f} s)",
            goal_met=whole.seconds <= YEAR_SECONDS,
        ),
        Result("import.facts", "facts/s", facts / whole.seconds, facts / (copying + producing), 1 / a_fact),
        Result("limit.read_and_check", "rows/s", rows / reading),
        Result("limit.copy", "facts/s", facts / copying),
        Result("limit.produce", "facts/s", facts / producing),
    ]  # fmt: skip


async def _limits(installation: Installation, authority: str) -> tuple[float, float, float]:
    place = installation.whereabouts()
    facts = await facts_of(list(place.databases.values()), authority, place.databases["placement"])
    owner = _owner(installation)
    copying, producing = await seconds_to_copy(owner, facts), await seconds_to_produce(place.kafka, facts)
    return copying, producing, await seconds_a_fact_of_the_peer(place.kafka, owner, facts)


def _owner(installation: Installation) -> str:
    folders = Folders.at(installation.folder)
    passwords = json.loads(folders.passwords.read_text())
    told = service_environment(folders, load_ports(folders), "placement", passwords)
    return told["CAREJOURNEY_OWNER_DATABASE_URL"]
