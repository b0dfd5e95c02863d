"""Faults of PostgreSQL: killed, its sessions ended, read-only, full."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from carejourney.embedded.account import postgres_account
from tests.faults.checker import check
from tests.faults.conftest import Trial
from tests.faults.load import Load
from tests.faults.waiting import until
from tests.faults.world import World

END_SESSIONS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = any($1) and pid <> pg_backend_pid()"
)
FULL_MEGABYTES = 256
REFUSED = 503
# More than the small disk has room for, in rows too short to be compressed.
BALLAST = "create table ballast as select repeat(md5(n::text), 50) from generate_series(1, 200000) as n"


async def end_sessions(world: World) -> None:
    async with world.admin("postgres") as admin:
        await admin.execute(END_SESSIONS, list(world.services))


@pytest.mark.faults(case=11, ci=True)
async def test_case_11_a_server_killed_under_load_loses_nothing_acknowledged(trial: Trial) -> None:
    world, load = trial.world, trial.load
    async with world.durable():
        children = await load.known_children(3)
        async with load.under_way(children):
            await load.more(20)
            await asyncio.to_thread(world.postgres.kill)
            await asyncio.to_thread(world.postgres.start)
            await load.more(20)


@pytest.mark.faults(case=11, ci=False)
async def test_case_11_sessions_ended_again_and_again_are_made_anew(trial: Trial) -> None:
    world, load = trial.world, trial.load
    children = await load.known_children(3)
    async with load.under_way(children):
        for _ in range(4):
            await load.more(10)
            await end_sessions(world)
        await load.more(10)


@pytest.mark.faults(case=13, ci=False)
async def test_case_13_a_read_only_database_refuses_plainly_and_recovers_by_itself(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    one = load.assessment(child)
    async with read_only(world, "health"):
        assert await load.once(one) == REFUSED
        await until_not_ready(world)
    await load.insist(one)


@asynccontextmanager
async def read_only(world: World, database: str) -> AsyncIterator[None]:
    async with world.admin("postgres") as admin:
        try:
            await admin.execute(f"alter database {database} set default_transaction_read_only = on")
            await end_sessions(world)
            yield
        finally:
            await admin.execute(f"alter database {database} reset default_transaction_read_only")
            await end_sessions(world)


@pytest.mark.faults(case=13, ci=False, mounts=True)
async def test_case_13_a_full_disk_refuses_plainly_and_recovers_by_itself(trial: Trial) -> None:
    world, load = trial.world, trial.load
    (child,) = await load.known_children(1)
    with small_disk(world.folder / "small") as disk:
        async with moved(world, "health", disk):
            filler = disk / "filler"
            await asyncio.to_thread(fill, filler)
            doomed = [load.assessment(child) for _ in range(200)]
            refused = [one for one in doomed if await load.once(one) == REFUSED]
            assert refused
            await until_database(world, "full")
            filler.unlink()
            await until_database(world, "up")
            for one in refused:
                await load.insist(one)


@pytest_asyncio.fixture(loop_scope="session")
async def cramped() -> AsyncIterator[tuple[World, Path]]:
    """An installation whose database has its write-ahead log on a small disk, and the place of a filler there."""
    made = World(("placement", "health"), durable=True)
    with small_disk(made.folder / "small") as disk:
        try:
            await made.make()
            await asyncio.to_thread(move_log, made, disk)
            yield made, disk / "filler"
        finally:
            await made.close()
    # What was under the disk could not be removed before.
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.mark.faults(case=13, ci=False, mounts=True)
async def test_case_13_a_full_disk_of_the_write_ahead_log_loses_nothing_acknowledged(
    cramped: tuple[World, Path],
) -> None:
    world, filler = cramped
    load = Load(world)
    children = await load.known_children(3)
    await load.assess(children, 3)
    await asyncio.to_thread(fill, filler)
    doomed = [load.assessment(child) for child in children]
    await use_up(world)
    refused = [one for one in doomed if await load.once(one) == REFUSED]
    assert refused
    await until_not_ready(world)

    filler.unlink()
    # Whoever runs the server starts it again: it ends where it has no room to recover.
    await asyncio.to_thread(world.postgres.start)
    for one in doomed:
        await load.insist(one)
    await check(world, load)


def move_log(world: World, disk: Path) -> None:
    """Put the write-ahead log on another disk, as a link in the data folder."""
    world.postgres.stop()
    log, there = world.postgres.folder / "pg_wal", disk / "wal"
    shutil.move(log, there)
    for path in (there, *there.rglob("*")):
        postgres_account().own(path)
    log.symlink_to(there)
    world.postgres.start()


async def use_up(world: World) -> None:
    """Write until the server has no room for its log, and gives up."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        async with world.admin("postgres") as admin:
            await admin.execute(BALLAST)
            raise AssertionError("the disk never was full")


async def until_not_ready(world: World) -> None:
    replica = await world.replica("health")

    async def told() -> bool:
        return not (await replica.state()).get("ready", True)

    await until(told, "readiness telling that the database does not take anything", 20)


async def until_database(world: World, wanted: str) -> None:
    """Wait until readiness says this of the database, and is ready only where it is up."""
    replica = await world.replica("health")

    async def told() -> bool:
        state = await replica.state()
        return state.get("database") == wanted and bool(state["ready"]) == (wanted == "up")

    await until(told, f"readiness telling that the database is {wanted}", 40)


def fill(filler: Path) -> None:
    """Write until there is no room."""
    with suppress(OSError), filler.open("wb", buffering=0) as written:
        while True:
            written.write(bytes(65_536))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few megabytes, which only root may mount."""
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={FULL_MEGABYTES}m", "tmpfs", str(folder)],
        check=True,
        capture_output=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def moved(world: World, database: str, disk: Path) -> AsyncIterator[None]:
    """The tables of a service on another disk, for as long as the block lasts."""
    place = disk / "tables"
    place.mkdir(mode=0o700)
    postgres_account().own(place)
    async with world.admin("postgres") as admin:
        await admin.execute(f"create tablespace small location '{place}'")
        await _move(world, admin, database, "small")
        try:
            yield
        finally:
            await _move(world, admin, database, "pg_default")
            await admin.execute("drop tablespace small")


async def _move(world: World, admin: asyncpg.Connection, database: str, tablespace: str) -> None:
    """A database moves only while nobody is connected to it: its service is down meanwhile."""
    replica = await world.replica(database)
    await replica.kill()
    await admin.execute(f"alter database {database} set tablespace {tablespace}")
    replica.start()
    await world.answers(replica)
