"""Rebuilding a projection while it serves: fold from the own copy in shards, compare, then switch slice by slice.

Readers see of each child the old row until its slice is switched and the new one after it, never half of a child. No
transaction writes more than a shard or a slice, so live batches go on in between and no relay is held back. A fold
reads a snapshot: facts that arrive meanwhile are caught up by folding again the children they concern, the last of
them under the lock of their slice. What was folded is kept in a table of the run with how far it came, and so is how
far the switch came: a run that was killed is gone on with, cleared away, or taken back. The rows that a switch
replaced are kept until the next one.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import crash
from carejourney.folding import Folded, Folder, Folders, Source
from carejourney.keys import Keys
from carejourney.projection import Kinds
from carejourney.rebuild_compare import Comparison
from carejourney.rebuild_rows import Rows
from carejourney.rebuild_switch import Switching, TakingBack
from carejourney.refold import SHARD, Run, definition_of, shards
from carejourney.service import Parts
from carejourney.settings import Settings

MANY: Final = 20_000
REBUILD_LOCK: Final = 0x666F_6C64  # "fold"
LOCK_SECONDS: Final = 2.0


class RebuildRefused(Exception):  # noqa: N818 - told to an operator as it is
    """The rebuild cannot begin, or there is nothing to take back; the message says why."""


@dataclass(frozen=True)
class Watcher:
    """Who is told how a rebuild goes: `folded(projection, done, total)`, and the differences before the switch."""

    folded: Callable[[str, int, int], None] = lambda *_: None
    differs: Callable[[Mapping[str, Any]], None] = lambda _: None


NOBODY: Final = Watcher()


async def rebuild_service(
    parts: Parts,
    settings: Settings,
    only: str | None = None,
    *,
    dry_run: bool = False,
    anew: bool = False,
    watcher: Watcher = NOBODY,
) -> list[dict[str, Any]]:
    """Rebuild the projections of a service; a report for each.

    `{projection, subjects, different, missing, left_over, columns, examples, parked, resumed, switched,
    longest_transaction}`: rows that differ, with how often each column does and up to twenty examples `{subject, kind,
    columns}`, and the seconds of the longest transaction, waiting for locks included. A child whose facts cannot be
    folded is parked, and what is shown of it stays as it was. With `dry_run` nothing is switched or kept; `anew` does
    not go on with a run that was killed. A run killed in its switch has told its report before, and tells it again.

    Raises ValueError for a projection the service does not have, RebuildRefused while another rebuild of it runs.
    """
    async with _rebuilds(parts, settings, only) as chosen:
        return [await one.run(dry_run=dry_run, anew=anew, watcher=watcher) for one in chosen]


async def roll_back(parts: Parts, settings: Settings, projection: str) -> dict[str, Any]:
    """Put back the rows that the last rebuild replaced: `{projection, restored, refolded, longest_transaction}`.

    Children of whom something was heard since are folded again. A switch that was killed is taken back as far as it
    came; one taking back that was killed is gone on with. Raises RebuildRefused where nothing is kept.
    """
    async with _rebuilds(parts, settings, projection) as chosen:
        return await chosen[0].roll_back()


async def forget(parts: Parts, settings: Settings, only: str | None = None) -> list[str]:
    """Drop the rows kept for a roll back, and what a killed run left; the projections of which there was any."""
    async with _rebuilds(parts, settings, only) as chosen:
        return [one.projection.name for one in chosen if await one.forget()]


@asynccontextmanager
async def _rebuilds(parts: Parts, settings: Settings, only: str | None) -> AsyncIterator[list["_Rebuild"]]:
    chosen = [p for p in parts.projections if only in (None, p.name)]
    if only is not None and not chosen:
        names = ", ".join(p.name for p in parts.projections)
        raise ValueError(f"{parts.name} has no projection {only}; it has: {names}")
    wrapper = settings.wrapper()
    kinds = Kinds(parts.catalogue)
    async with (
        asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=1, max_size=2) as pool,
        asyncpg.create_pool(settings.keys_database_url.get_secret_value(), min_size=1, max_size=1) as keys_pool,
    ):
        keys = Keys(keys_pool, wrapper)
        dsns = settings.database_url.get_secret_value(), settings.keys_database_url.get_secret_value()
        sources = [Source(*dsns, settings, projection, kinds) for projection in chosen]
        yield [_Rebuild(pool, source, keys) for source in sources]


class _Rebuild:
    """One projection."""

    def __init__(self, pool: asyncpg.Pool, source: Source, keys: Keys) -> None:
        self.projection = source.projection
        self._pool = pool
        self._source = source
        self._keys = keys
        self._name = source.projection.name
        self._rows = Rows(source, keys)

    async def run(self, *, dry_run: bool, anew: bool, watcher: Watcher) -> dict[str, Any]:
        async with self._alone() as connection:
            run = await self._begin(connection, anew=anew)
            switching = Switching(connection, self._rows, run)
            if run.switch is None:
                report, slices = await self._compared(connection, run, watcher)
                crash.point("rebuild.before_switch")
            else:
                report, slices = run.switch.report, None
                watcher.differs(report)
            if not dry_run:
                await self._switch(switching, report, slices)
            if run.switch is None or not dry_run:
                await self._rows.clear(connection)
            crash.point("rebuild.after_switch")
            told = {"parked": len(run.parked), "resumed": run.resumed, "switched": not dry_run}
            return {**report, **told, "longest_transaction": round(run.longest, 3)}

    async def _compared(
        self, connection: asyncpg.Connection, run: Run, watcher: Watcher
    ) -> tuple[dict[str, Any], list[tuple[UUID, UUID]]]:
        """Fold everybody and tell what differs; the report, and the slices in which there is something to switch."""
        total = await connection.fetchval("select count(*) from (select distinct subject from lane) l")
        watcher.folded(self._name, run.subjects, total)
        async for shard, folded in self._each(connection, run, total):
            await self._keep_shard(connection, run, shard, folded)
            watcher.folded(self._name, run.subjects, total)
        await self._catch_up(connection, run)
        found = await Comparison(connection, self._rows, run).differences()
        report = {"projection": self._name, "subjects": run.subjects, **found.told()}
        watcher.differs(report)
        return report, found.slices

    async def _switch(
        self, switching: Switching, report: dict[str, Any], slices: list[tuple[UUID, UUID]] | None
    ) -> None:
        if slices is not None:
            await switching.begin(report, slices)
        await switching.go_on()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that holds the right to rebuild this projection, as long as it lives."""
        async with self._pool.acquire() as connection:
            await self._only_one(connection)
            try:
                yield connection
            finally:
                await connection.close(timeout=LOCK_SECONDS)

    async def _only_one(self, connection: asyncpg.Connection) -> None:
        """Take the lock; a run that was killed lets go of it only when the server notices."""
        deadline = time.monotonic() + LOCK_SECONDS
        while not await connection.fetchval("select pg_try_advisory_lock($1, hashtext($2))", REBUILD_LOCK, self._name):
            if time.monotonic() > deadline:
                raise RebuildRefused(f"another rebuild of {self._name} is running: wait for it or stop it")
            await asyncio.sleep(0.1)

    async def _begin(self, connection: asyncpg.Connection, *, anew: bool) -> Run:
        """Go on with a run that was killed, where projection and code are the same; else begin one."""
        definition = definition_of(self.projection)
        found = await connection.fetchrow("select * from rebuild_run where projection = $1", self._name)
        if found is not None and found["definition"] == definition and not anew:
            run = Run(found["run"], found["begun"], found["last_subject"], found["subjects"], resumed=True)
            run.unpack(found["parked"])
            return run
        await self._rows.clear(connection)
        run = Run(secrets.token_hex(4), 0)
        async with run.writing(connection):
            await run.look(connection, await self._rows.arrived(connection))
            await connection.execute(
                f"create table {self._rows.fresh(run.name)}"
                f" (like {self._rows.live} including defaults including constraints, primary key (subject))"
            )
            await connection.execute(
                "insert into rebuild_run (projection, run, definition, begun, parked) values ($1, $2, $3, $4, $5)",
                self._name, run.name, definition, run.begun, run.packed,
            )  # fmt: skip
        crash.point("rebuild.after_begin")
        return run

    async def _each(
        self, connection: asyncpg.Connection, run: Run, total: int
    ) -> AsyncIterator[tuple[list[UUID], Folded]]:
        """Every shard that is still to be folded: by processes of their own where there are many."""
        left = shards(connection, run.last)
        if total - run.subjects < MANY:
            async for shard in left:
                yield shard, await Folder(self._source, connection, self._keys).fold(shard)
            return
        with Folders(self._source) as folders:
            async for shard, folded in folders.fold(left):
                yield shard, folded

    async def _keep_shard(self, connection: asyncpg.Connection, run: Run, subjects: list[UUID], fold: Folded) -> None:
        rows, parked = fold
        run.parked |= parked
        run.last, run.subjects = subjects[-1], run.subjects + len(subjects)
        async with run.writing(connection):
            await self._rows.write(connection, run, rows)
            await connection.execute(
                "update rebuild_run set last_subject = $2, subjects = $3, parked = $4, moved_at = now()"
                " where projection = $1",
                self._name, run.last, run.subjects, run.packed,
            )  # fmt: skip
        crash.point("rebuild.after_shard")

    async def _catch_up(self, connection: asyncpg.Connection, run: Run) -> None:
        """Fold again whom something was heard of, until so few are left that the switch can do it under its locks."""
        while True:
            async with connection.transaction():
                late = sorted(await run.heard_since(connection, await self._rows.arrived(connection)))
            for begin in range(0, len(late), SHARD):
                async with run.writing(connection):
                    await self._rows.refold(connection, run, late[begin : begin + SHARD])
            await connection.execute(
                "update rebuild_run set begun = $2, parked = $3, moved_at = now() where projection = $1",
                self._name, run.begun, run.packed,
            )  # fmt: skip
            if len(late) < SHARD:
                return

    async def roll_back(self) -> dict[str, Any]:
        """Put the kept rows back, and fold again those of whom something was heard since."""
        async with self._alone() as connection:
            found = await connection.fetchrow("select * from rebuild_kept where projection = $1", self._name)
            if found is None:
                raise RebuildRefused(f"nothing is kept of a rebuild of {self._name}: there is none to take back")
            await self._rows.clear(connection)
            told = await TakingBack(connection, self._rows, found).go_on()
            async with connection.transaction():
                await self._rows.drop_kept(connection)
        return {"projection": self._name, **told}

    async def forget(self) -> bool:
        """Drop what is kept and what a killed run left; whether there was anything."""
        async with self._alone() as connection, connection.transaction():
            kept = await self._rows.drop_kept(connection)
            return await self._rows.clear(connection) or kept
