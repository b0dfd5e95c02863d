"""Folding a whole copy from zero on two cores, against reading, decoding and COPY alone.

`rebuild` is what is new in it: read, fold, write. `rebuild.whole` is what an operator waits for: with the start of the
processes, the comparison with every row shown, and the switch; where no row differs, and where every row is a new one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any, Final, Self
from uuid import UUID

import asyncpg
import msgspec

from carejourney.collecting import collect_seldom
from carejourney.envelope import headers_of, instant
from carejourney.folding import Folded, Folders, Source
from carejourney.keys import MasterKeySettings
from carejourney.projection import Kinds
from carejourney.rebuild import forget, rebuild_service
from carejourney.store import payload_of
from events.catalogue import CATALOGUE
from services.journey.app import PARTS
from tests.bench.corpus import Child, a_context, children_with
from tests.bench.ground import Ground, Kit, emptied, kit, settings_of
from tests.bench.measuring import Rates, in_turn
from tests.bench.result import Result, verdict

SEED_FACTS: Final = 20_000
# More children than `carejourney.rebuild` folds without processes of their own.
FACTS: Final = 500_000
ROUNDS: Final = 3
SHARD: Final = 1_000
GOAL: Final = 200_000
RATIO: Final = 0.5

RECEIVED: Final = ("subject", "topic", "topic_version", "id", "type", "authority", "headers", "payload")
_MULTIPLY: Final = """
insert into {table} ({columns}) select md5(subject::text || n)::uuid, {others} from {table}, generate_series(1, $1) n
"""
_COLUMNS: Final = [column.name for column in PARTS.projections[0].table.columns]


async def measure(ground: Ground) -> list[Result]:
    """Journey's own copy, folded into its projection's rows; the rows are written by COPY."""
    async with kit(ground, PARTS) as one:
        count = await fill(ground, one, FACTS)
        subjects = [r["subject"] for r in await one.pool.fetch("select distinct subject from lane order by subject")]
        shards = [subjects[at : at + SHARD] for at in range(0, len(subjects), SHARD)]
        owner = await asyncpg.connect(ground.owner("journey"))
        await owner.execute("create table bench_rows (like children including all)")
        try:
            with Folders(source_of(ground)) as folders, _Readers(ground) as readers:
                rates = await in_turn(
                    {
                        "ours": lambda: folded_rate(owner, folders, _one_by_one(shards), count),
                        "bare": lambda: readers.rate(owner, shards, count),
                        "new": lambda: whole_rate(ground, owner, count, anew=True),
                        "same": lambda: whole_rate(ground, owner, count),
                    },
                    ROUNDS,
                )
        finally:
            await owner.execute("drop table bench_rows")
            await owner.close()
            await forget(PARTS, settings_of(ground, "journey"))
        await emptied(ground, "journey")
    return _results(rates, count, len(subjects))


def _results(rates: Rates, count: int, children: int) -> list[Result]:
    what = f"facts/s, {count:,} facts of {children:,} children, two processes"
    return [
        Result.of(
            "rebuild", what, rates, raw="bare",
            goal=f"{GOAL:,} facts/s, and {RATIO} of read, decode and COPY alone",
            goal_met=verdict(rates, "ours", at_least=GOAL, ratio=RATIO, raw="bare"),
        ),
        Result.of("rebuild.whole", f"{what}; start, comparison and switch included", rates, ours="same", raw="bare"),
        Result.of("rebuild.whole_of_new_rows", "the same where every row is a new one", rates, ours="new", raw="bare"),
    ]  # fmt: skip


async def whole_rate(ground: Ground, owner: asyncpg.Connection, count: int, *, anew: bool = False) -> float:
    """Facts a second of a rebuild as it is asked for, of rows that are right; with `anew` there are none before."""
    if anew:
        await owner.execute("truncate children")
    begun = time.perf_counter()
    (report,) = await rebuild_service(PARTS, settings_of(ground, "journey"), PARTS.projections[0].name)
    seconds = time.perf_counter() - begun
    if report["different"] or (report["missing"] > 0) != anew:
        raise AssertionError(f"{report['different']} rows were different, {report['missing']} missing")
    return count / seconds


def source_of(ground: Ground) -> Source:
    """Journey's projection over the benchmark's databases."""
    dsn, keys = ground.dsn("journey", "journey"), ground.dsn("journey", "keys")
    return Source(
        dsn, keys, MasterKeySettings(key_file=ground.master, kms_url=None), PARTS.projections[0], Kinds(CATALOGUE)
    )


async def fill(ground: Ground, one: Kit, facts: int) -> int:
    """Put at least so many facts into journey's copy by COPY; how many there are."""
    children = children_with(SEED_FACTS)
    await one.make_keys(child.subject for child in children)
    rows = await received_rows(one, children)
    copies = max(0, -(-facts // len(rows)) - 1)
    owner = await asyncpg.connect(ground.owner("journey"))
    try:
        await owner.copy_records_to_table("received", records=rows, columns=RECEIVED)
        await _multiply(owner, "received", RECEIVED, copies)
        await owner.execute(
            "insert into lane select subject, topic, max(topic_version), min(authority) from received group by 1, 2"
        )
        await owner.execute("vacuum (analyze) received, lane")
    finally:
        await owner.close()
    return len(rows) * (copies + 1)


async def _multiply(owner: asyncpg.Connection, table: str, columns: Sequence[str], copies: int) -> None:
    if copies:
        names, others = ", ".join(columns), ", ".join(columns[1:])
        await owner.execute(_MULTIPLY.format(table=table, columns=names, others=others), copies)


async def received_rows(one: Kit, children: Sequence[Child]) -> list[tuple[Any, ...]]:
    """The facts of these children as a copy keeps them."""
    keys = await one.keys.of({child.subject for child in children})
    rows = []
    for child in children:
        versions: dict[str, int] = {}
        context, now = a_context("placement"), instant(datetime.now(UTC))
        for draft in child.drafts:
            version = versions[draft.topic] = versions.get(draft.topic, 0) + 1
            headers = msgspec.json.encode(headers_of(draft, context, time=now, stream_version=version))
            payload = payload_of(draft, keys[child.subject], CATALOGUE)
            rows.append(
                (child.subject, draft.topic, version, draft.id, draft.body.wire, context.authority, headers, payload)
            )
    return rows


async def _one_by_one(shards: Sequence[list[UUID]]) -> AsyncIterator[list[UUID]]:
    for shard in shards:
        yield shard


async def folded_rate(
    owner: asyncpg.Connection, folders: Folders, shards: AsyncIterator[list[UUID]], count: int
) -> float:
    """Facts a second, of so many that these shards' children have."""
    await owner.execute("truncate bench_rows")
    begun = time.perf_counter()
    async for _, (rows, _parked) in folders.fold(shards):
        await owner.copy_records_to_table("bench_rows", records=rows, columns=_COLUMNS)
    return count / (time.perf_counter() - begun)


class _Readers:
    """Two processes that read and decode every fact, and COPY a row a child, with no meaning at all."""

    def __init__(self, ground: Ground) -> None:
        self._pool = ProcessPoolExecutor(2, get_context("spawn"), _begin, (ground.dsn("journey", "journey"),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    async def rate(self, owner: asyncpg.Connection, shards: Sequence[list[UUID]], count: int) -> float:
        await owner.execute("truncate bench_rows")
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()
        work = [loop.run_in_executor(self._pool, _read, shard) for shard in shards]
        for done in work:
            rows, _ = await done
            await owner.copy_records_to_table("bench_rows", records=rows, columns=_COLUMNS)
        return count / (time.perf_counter() - begun)


_READ: Final = "select subject, headers, payload from received where subject = any($1) order by subject"
_OWN: dict[str, Any] = {}


def _begin(dsn: str) -> None:
    collect_seldom()
    _OWN["loop"] = asyncio.new_event_loop()
    _OWN["connection"] = _OWN["loop"].run_until_complete(asyncpg.connect(dsn))


def _read(subjects: list[UUID]) -> Folded:
    decode = msgspec.json.Decoder().decode
    found = _OWN["loop"].run_until_complete(_OWN["connection"].fetch(_READ, subjects))
    last: dict[UUID, dict[str, Any]] = {}
    for subject, headers, payload in found:
        last[subject] = {**decode(headers), "value": decode(payload)}
    state = b"x" * 200
    rows = [
        (subject, state, headers["ce_authority"], None, None, True, True, None, None, None)
        for subject, headers in last.items()
    ]
    return rows, {}
