"""Ten national years: a copy of millions of facts loaded by COPY, folded cold and warm, and the memory it takes."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import uvloop

from carejourney.embedded.processes import PROC
from carejourney.folding import Folders
from services.journey.app import PARTS
from tests.bench.ground import Ground, kit, standing_on
from tests.bench.rebuilding import SHARD, fill, folded_rate, source_of
from tests.bench.result import Result

NATIONAL: Final = 20_000_000
QUARTER: Final = 4
MOST_SECONDS: Final = 180
MOST_GIBIBYTES: Final = 1.5
FLAT: Final = 0.85


async def measure(ground: Ground, facts: int) -> list[Result]:
    """The rate at the whole size and at a quarter of it, the first time after loading and again."""
    async with kit(ground, PARTS) as one:
        owner = await asyncpg.connect(ground.owner("journey"))
        await owner.execute("create table bench_rows (like children including all)")
        count = await fill(ground, one, facts)
        rows = await one.pool.fetch("select distinct subject from lane order by subject")
        shards = _shards([row["subject"] for row in rows])
        with Folders(source_of(ground)) as folders:
            part = shards[: max(1, len(shards) // QUARTER)]
            cold = await folded_rate(owner, folders, shards, count)
            quarter = await folded_rate(owner, folders, part, count * len(part) // len(shards))
            warm = await folded_rate(owner, folders, shards, count)
            memory = _gibibytes(os.getpid())
        await owner.close()
    seconds = count / cold
    return [
        Result(
            "national.cold", f"facts/s, {count:,} facts of {len(rows):,} children", cold, warm,
            goal=f"under {MOST_SECONDS} s (took {seconds:.0f} s)", goal_met=seconds < MOST_SECONDS,
        ),
        Result(
            "national.flat", "facts/s warm; raw: at a quarter of the size", warm, quarter,
            goal="within 15 % of the rate at a quarter", goal_met=warm >= FLAT * quarter,
        ),
        Result(
            "national.memory", "GiB of the rebuild and its processes at their peak", memory,
            goal=f"under {MOST_GIBIBYTES} GiB", goal_met=memory < MOST_GIBIBYTES,
        ),
    ]  # fmt: skip


def _shards(subjects: Sequence[UUID]) -> list[list[UUID]]:
    return [list(subjects[at : at + SHARD]) for at in range(0, len(subjects), SHARD)]


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
    with standing_on(asked.base) as place:
        results = uvloop.run(measure(place, asked.facts))
    sys.stdout.write(json.dumps({"results": [result.as_json() for result in results]}) + "\n")
    sys.stderr.write(f"{time.monotonic() - begun:.0f} s with the loading\n")
    sys.exit(int(any(result.goal_met is False for result in results)))
