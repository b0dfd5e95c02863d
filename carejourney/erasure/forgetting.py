"""What a service drops of a child who was erased.

It hears of it by a fact, and forgets in the transaction that takes the fact in: projections are folded again without a
key, which leaves no digest, and timers go, since one tells the day of a birthday. It also looks at the ledger itself
now and then: after a restore, what comes back is dropped although the fact was heard long ago.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import structlog

from carejourney.envelope import ERASED, Recorded
from carejourney.faults import is_transient

if TYPE_CHECKING:
    from carejourney.projection import Projection
    from carejourney.service import Running

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 60.0
DIGEST: Final = "_digest"
BESIDE: Final = ("timer", "stated_by_return")
_OF_REBUILDS: Final = """
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'rebuild'
join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject' where c.relkind = 'r'
"""


def erased_in(news: Iterable[Recorded]) -> list[UUID]:
    """The children of whom a batch says that they were erased."""
    return sorted({fact.subject for fact in news if fact.type == ERASED})


async def forget_beside(connection: asyncpg.Connection, subjects: Iterable[UUID]) -> None:
    """Drop what a service keeps of erased children beside facts and projections.

    That is timers, where one that is being set while we speak is waited for, and what returns stated.
    """
    wanted = list(subjects)
    if not wanted:
        return
    await connection.execute("select from stream where subject = any($1) order by subject for update", wanted)
    for table in await _beside(connection):
        await connection.execute(f"delete from {table} where subject = any($1)", wanted)  # noqa: S608


async def _beside(connection: asyncpg.Connection) -> list[str]:
    """Not every service reads returns."""
    return [t for t in BESIDE if await connection.fetchval("select to_regclass($1) is not null", t)]


async def keep_forgetting(running: "Running") -> None:
    """Sweep when the ledger has grown, and every minute; waits out a database or key service that is away."""
    swept, at = -1, 0.0
    while True:
        try:
            newest, erased = await running.keys.ledger()
            if newest != swept or time.monotonic() - at > SWEEP_SECONDS:
                await sweep(running, erased)
                swept, at = newest, time.monotonic()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("forgetting.waiting", service=running.parts.name, fault=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def sweep(running: "Running", erased: Iterable[UUID]) -> int:
    """Drop what is derived from children in the ledger and still there; how much there was."""
    dropped = 0
    async with running.pool.acquire() as connection:
        for projection in running.parts.projections:
            dropped += await _sweep_projection(running, connection, projection, erased)
        left: set[UUID] = set()
        for table in await _beside(connection):
            rows = await connection.fetch(f"select subject from {table} where subject = any($1)", list(erased))  # noqa: S608
            left |= {row["subject"] for row in rows}
        async with connection.transaction():
            await forget_beside(connection, left)
        return dropped + len(left) + await _sweep_rebuilds(connection, erased)


async def _sweep_rebuilds(connection: asyncpg.Connection, erased: Iterable[UUID]) -> int:
    """Drop what rebuilds made or kept of erased children: it is folded with their keys.

    A rebuild that goes on folds them again, since it hears of the erasure; one that is taken back leaves them as they
    are. A table that is locked or gone is looked at again the next time.
    """
    dropped = 0
    for row in await connection.fetch(_OF_REBUILDS):
        with contextlib.suppress(asyncpg.UndefinedTableError, asyncpg.LockNotAvailableError):
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '1s'")
                done = await connection.execute(
                    f'delete from rebuild."{row["name"]}" where subject = any($1)',  # noqa: S608 - a name of ours
                    list(erased),
                )
            dropped += int(done.rpartition(" ")[2])
    return dropped


async def _sweep_projection(
    running: "Running", connection: asyncpg.Connection, projection: "Projection[Any]", erased: Iterable[UUID]
) -> int:
    digests = [f'"{c.name}" is not null' for c in projection.table.columns if c.name.endswith(DIGEST)]
    if not digests:
        return 0
    rows = await connection.fetch(
        f'select subject from "{projection.table.name}" where subject = any($1) and ({" or ".join(digests)})',  # noqa: S608
        list(erased),
    )
    for row in rows:
        async with connection.transaction():
            await running.projecting.forget(connection, projection, [row["subject"]])
    return len(rows)
