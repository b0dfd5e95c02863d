"""Bulk append, as an import does it: a hundred children a unit, two units under way, all checks."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import asyncpg

from tests.bench.corpus import Child, a_context, children_with
from tests.bench.ground import Ground, Kit, emptied, kit
from tests.bench.measuring import in_turn
from tests.bench.result import Result, verdict

FACTS: Final = 20_000
UNIT: Final = 100
UNDER_WAY: Final = 2
GOAL: Final = 50_000
RATIO: Final = 0.6

_ROWS: Final = """
select id, subject, stream, version, topic, topic_version, recorded_at, headers, payload from fact
"""
_COLUMNS: Final = (
    "id", "subject", "stream", "version", "topic", "topic_version", "recorded_at", "headers", "payload",
)  # fmt: skip


async def measure(ground: Ground) -> list[Result]:
    """Our units, bare COPY of the same rows into a table of the same shape, and into one without any index."""
    async with kit(ground) as one, Copying(ground) as copying:
        facts = await append(one, await _newborn(one))
        rows = [tuple(row) for row in await one.pool.fetch(_ROWS)]

        async def ours() -> float:
            fresh = await _newborn(one)
            await emptied(ground, "placement")
            begun = time.perf_counter()
            return await append(one, fresh) / (time.perf_counter() - begun)

        rates = await in_turn(
            {
                "ours": ours,
                "shape": lambda: copying.rate("bench_shape", rows),
                "bare": lambda: copying.rate("bench_bare", rows),
            }
        )
        await emptied(ground, "placement")
    return [
        Result.of(
            "append.bulk", "facts/s", rates, raw="bare", goal=f"{GOAL:,} facts/s, and {RATIO} of bare COPY",
            goal_met=verdict(rates, "ours", at_least=GOAL, ratio=RATIO, raw="bare"),
        ),
        Result.of(
            "append.bulk_same_indexes", f"facts/s, raw: COPY of {facts} rows into the same indexes", rates, raw="shape",
        ),
    ]  # fmt: skip


async def _newborn(one: Kit) -> list[Child]:
    fresh = await asyncio.to_thread(children_with, FACTS, "placement")
    await one.make_keys(child.subject for child in fresh)
    return fresh


async def append(one: Kit, fresh: Sequence[Child]) -> int:
    """Append all facts of these children; how many there were."""
    slots = asyncio.Semaphore(UNDER_WAY)

    async def unit(part: Sequence[Child]) -> int:
        async with slots, one.store.unit([child.subject for child in part]) as work:
            for child in part:
                work.append(child.drafts, a_context("placement"))
            return sum(len(child.drafts) for child in part)

    return sum(await asyncio.gather(*(unit(fresh[at : at + UNIT]) for at in range(0, len(fresh), UNIT))))


class Copying:
    """COPY of ready rows: the same bytes in the same pieces, nothing checked, nothing made."""

    def __init__(self, ground: Ground) -> None:
        self._dsn = ground.owner("placement")
        self._connections: list[asyncpg.Connection] = []

    async def __aenter__(self) -> Self:
        self._connections = [await asyncpg.connect(self._dsn) for _ in range(UNDER_WAY)]
        first = self._connections[0]
        await first.execute("create table bench_bare (like fact)")
        await first.execute("alter table bench_bare drop column position, drop column transaction_id")
        await first.execute("create table bench_shape (like fact including all) partition by hash (subject)")
        for n in range(8):
            await first.execute(
                f"create table bench_shape_{n} partition of bench_shape for values with (modulus 8, remainder {n})"
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connections[0].execute("drop table bench_bare, bench_shape")
        for connection in self._connections:
            await connection.close()

    async def rate(self, table: str, rows: Sequence[tuple[Any, ...]]) -> float:
        """Rows a second, in pieces of a unit's size."""
        await self._connections[0].execute(f"truncate {table}")
        pieces = [rows[at : at + 2_000] for at in range(0, len(rows), 2_000)]
        begun = time.perf_counter()
        await asyncio.gather(*(self._copy(table, c, pieces[n::UNDER_WAY]) for n, c in enumerate(self._connections)))
        return len(rows) / (time.perf_counter() - begun)

    async def _copy(self, table: str, connection: asyncpg.Connection, pieces: Sequence[Any]) -> None:
        for piece in pieces:
            await connection.copy_records_to_table(table, records=piece, columns=_COLUMNS)
