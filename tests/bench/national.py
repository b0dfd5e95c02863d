"""Ten national years: a copy of millions of facts, folded cold and warm, with the memory it takes.

A child's facts lie together in the copy, as a load leaves them. The children are those of the sample again and again
under subjects of their own, whose keys are not there: their sealed fields read as forgotten. Folding is measured apart
(`national.cold`, `national.flat`), and the whole as it is asked for, with comparison and switch, twice: where every row
is a new one, and where none differs.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import uvloop

from carejourney.collecting import collect_seldom
from carejourney.embedded.processes import PROC
from carejourney.folding import Folders
from carejourney.rebuild import Watcher, rebuild_service
from services.journey.app import PARTS
from tests.bench.corpus import children_with
from tests.bench.ground import Ground, Kit, kit, settings_of, standing_on
from tests.bench.rebuilding import RECEIVED, SEED_FACTS, SHARD, folded_rate, received_rows, source_of
from tests.bench.result import Result

NATIONAL: Final = 20_000_000
QUARTER: Final = 4
LOADERS: Final = 2
STEPS: Final = 20
MOST_SECONDS: Final = 180
MOST_SECONDS_OF_ONE: Final = 1.0
MOST_GIBIBYTES: Final = 1.5
FLAT: Final = 0.85

# Loaded as a dump is: without log, and with keys and indexes made at the end.
_BARE_TABLES: Final = """
create table bench_rows (like children including all);
drop index received_in_order_of_arrival;
alter table received drop constraint received_pkey;
alter table lane drop constraint lane_pkey;
create unlogged table bench_received (like received);
alter table bench_received drop column arrival;
create unlogged table bench_lane (like lane)
"""
_LANES: Final = "insert into bench_lane select subject, topic, max(topic_version), min(authority) from bench_received"
_KEYS: Final = (
    "set maintenance_work_mem = '512MB'",
    "alter table received add primary key (subject, topic, topic_version)",
    "alter table lane add primary key (subject, topic)",
    "create index received_in_order_of_arrival on received (arrival)",
    "analyze received, lane",
    "checkpoint",
)
_COPY_AGAIN: Final = (
    """
    insert into received (subject, topic, topic_version, id, type, authority, headers, payload)
    select md5(subject::text || $1)::uuid, topic, topic_version, id, type, authority, headers, payload
    from bench_received
    """,
    "insert into lane select md5(subject::text || $1)::uuid, topic, version, authority from bench_lane",
)
_NEXT: Final = "select distinct subject from lane where subject > $1 order by subject limit $2"


async def measure(ground: Ground, facts: int) -> list[Result]:
    """The rate at the whole size and at a quarter of it, the first time after the files left memory and again."""
    async with kit(ground, PARTS) as one:
        owner = await _administrator(ground)
        count = await _load(ground, one, owner, facts)
        children = await owner.fetchval("select count(distinct subject) from lane")
        with Folders(source_of(ground)) as folders:
            folding = _Folding(ground, owner, folders, count / children)
            _, near = await folding.twice("a quarter", children // QUARTER)
            cold, warm = await folding.twice("all", children)
        await owner.execute("drop table bench_rows")
        new = await _whole(ground, count, "every row new")
        same = await _whole(ground, count, "no row different")
        await owner.close()
    return [*_results(count, children, cold, warm, near), *_results_of_the_whole(count, new, same)]


async def _whole(ground: Ground, count: int, what: str) -> "Run":
    """A rebuild as it is asked for: processes started, all folded and compared, and switched."""
    memory, told = 0.0, _Progress(f"rebuilding, {what}", count)

    def folded(_: str, done: int, total: int) -> None:
        nonlocal memory
        memory = max(memory, _gibibytes(os.getpid()))
        told.reached(count * done // total if total else 0)

    begun = time.perf_counter()
    (report,) = await rebuild_service(
        PARTS, settings_of(ground, "journey"), PARTS.projections[0].name, watcher=Watcher(folded)
    )
    rate = count / (time.perf_counter() - begun)
    longest: float = report["longest_transaction"]
    _say(f"rebuilding, {what}: {rate:,.0f} facts/s, longest transaction {longest} s, {memory:.2f} GiB")
    return Run(rate, max(memory, _gibibytes(os.getpid())), longest)


def _results_of_the_whole(count: int, new: "Run", same: "Run") -> list[Result]:
    goal = f"under {MOST_SECONDS} s"
    named = (("national.whole", "no row differs", same), ("national.whole_of_new_rows", "every row is a new one", new))
    rates = [
        Result(
            path, f"facts/s from start to switched, {what}; {run.memory:.2f} GiB", run.rate,
            goal=f"{goal} (took {count / run.rate:.0f} s)", goal_met=count / run.rate < MOST_SECONDS,
        )
        for path, what, run in named
    ]  # fmt: skip
    longest = max(new.longest, same.longest)
    return [
        *rates,
        Result(
            "national.longest_transaction", "seconds, waiting for locks included", longest,
            goal=f"under {MOST_SECONDS_OF_ONE:.0f} s", goal_met=longest < MOST_SECONDS_OF_ONE,
        ),
    ]  # fmt: skip


def _results(count: int, children: int, cold: "Run", warm: "Run", near: "Run") -> list[Result]:
    seconds = count / cold.rate
    return [
        Result(
            "national.cold", f"facts/s, {count:,} facts of {children:,} children; raw: warm", cold.rate, warm.rate,
            goal=f"under {MOST_SECONDS} s (took {seconds:.0f} s)", goal_met=seconds < MOST_SECONDS,
        ),
        Result(
            "national.flat", f"facts/s warm; raw: at {count // QUARTER:,} facts", warm.rate, near.rate,
            goal="within 15 % of the rate at a quarter", goal_met=warm.rate >= FLAT * near.rate,
        ),
        Result(
            "national.memory", "GiB of the rebuild and its processes at their peak; raw: at a quarter", warm.memory,
            near.memory, goal=f"under {MOST_GIBIBYTES} GiB", goal_met=warm.memory < MOST_GIBIBYTES,
        ),
    ]  # fmt: skip


class Run:
    """One folding or rebuild: facts a second, the peak of memory in GiB, seconds of the longest transaction."""

    def __init__(self, rate: float, memory: float, longest: float = 0.0) -> None:
        self.rate = rate
        self.memory = memory
        self.longest = longest


class _Folding:
    """Folds the first children of the copy, each of whom has so many facts."""

    def __init__(self, ground: Ground, owner: asyncpg.Connection, folders: Folders, facts: float) -> None:
        self._ground = ground
        self._owner = owner
        self._folders = folders
        self._facts = facts

    async def twice(self, what: str, children: int) -> tuple[Run, Run]:
        """Cold, then warm; the processes have begun before."""
        await folded_rate(self._owner, self._folders, self._shards(LOADERS * SHARD), 1)
        await asyncio.to_thread(_forget_files, self._ground.folder / "pg")
        return await self._once(f"{what}, cold", children), await self._once(f"{what}, warm", children)

    async def _once(self, what: str, children: int) -> Run:
        told = _Progress(f"folding {what}", children)
        facts = round(self._facts * children)
        rate = await folded_rate(self._owner, self._folders, self._shards(children, told), facts)
        memory = _gibibytes(os.getpid())
        _say(f"folding {what}: {rate:,.0f} facts/s, {memory:.2f} GiB")
        return Run(rate, memory)

    async def _shards(self, children: int, told: "_Progress | None" = None) -> AsyncIterator[list[UUID]]:
        reader = await asyncpg.connect(self._ground.dsn("journey", "journey"))
        try:
            last, given = UUID(int=0), 0
            while given < children:
                rows = await reader.fetch(_NEXT, last, min(SHARD, children - given))
                last, given = rows[-1]["subject"], given + len(rows)
                yield [row["subject"] for row in rows]
                if told:
                    told.reached(given)
        finally:
            await reader.close()


async def _administrator(ground: Ground) -> asyncpg.Connection:
    return await asyncpg.connect(ground.admin_dsn.rpartition("/")[0] + "/journey")


async def _load(ground: Ground, one: Kit, owner: asyncpg.Connection, facts: int) -> int:
    """Fill journey's copy: the sample by COPY, then again and again under other subjects; how many facts there are."""
    await owner.execute(_BARE_TABLES)
    for n in range(8):
        await owner.execute(f"alter table received_{n} set unlogged")
    await owner.execute("alter table lane set unlogged")
    lives = children_with(SEED_FACTS)
    await one.make_keys(child.subject for child in lives)
    rows = await received_rows(one, lives)
    await owner.copy_records_to_table("bench_received", records=rows, columns=RECEIVED)
    await owner.execute(_LANES + " group by 1, 2")
    copies = -(-facts // len(rows))
    told = _Progress("loading", copies * len(rows))
    left = iter(range(copies))
    await asyncio.gather(*(_copy_again(ground, left, told, len(rows)) for _ in range(LOADERS)))
    for statement in _KEYS:
        _say(statement)
        await owner.execute(statement)
    return copies * len(rows)


async def _copy_again(ground: Ground, left: Iterator[int], told: "_Progress", facts: int) -> None:
    connection = await _administrator(ground)
    for number in left:
        for statement in _COPY_AGAIN:
            await connection.execute(statement, str(number))
        told.reached((number + 1) * facts)
    await connection.close()


class _Progress:
    """Says how far something has come, and how long it will take."""

    def __init__(self, what: str, whole: int) -> None:
        self._what = what
        self._whole = whole
        self._begun = time.monotonic()
        self._said = 0

    def reached(self, done: int) -> None:
        step = done * STEPS // self._whole
        if step > self._said:
            self._said = step
            seconds = time.monotonic() - self._begun
            _say(f"{self._what}: {done:,} of {self._whole:,}, {seconds * (self._whole - done) / done:.0f} s to go")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _forget_files(folder: Path) -> None:
    """Have the system drop these files from memory, so that the next reading comes from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def _gibibytes(pid: int) -> float:
    """Peak memory of a process and of those it started."""
    children = Path(f"{PROC}/{pid}/task/{pid}/children").read_text().split()
    return _peak(pid) + sum(_peak(int(child)) for child in children if _is_python(child))


def _is_python(pid: str) -> bool:
    return b"multiprocessing" in (PROC / pid / "cmdline").read_bytes()


def _peak(pid: int) -> float:
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024**2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-national")
    parser.add_argument("--facts", type=int, default=NATIONAL)
    parser.add_argument("--base", type=Path, help="A folder with room for about 1.5 kB a fact.")
    asked = parser.parse_args()
    begun = time.monotonic()
    collect_seldom()
    with standing_on(asked.base) as place:
        results = uvloop.run(measure(place, asked.facts))
    sys.stdout.write(json.dumps({"results": [result.as_json() for result in results]}) + "\n")
    _say(f"{time.monotonic() - begun:.0f} s with the loading")
    sys.exit(int(any(result.goal_met is False for result in results)))
