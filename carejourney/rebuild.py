"""Rebuilding a projection while it serves: fold from the own copy in shards, compare, then switch in one transaction.

Readers see the old rows until the switch and the new ones after it. A fold reads a snapshot, so facts that arrive
meanwhile are caught up by folding again the children they concern, before the switch and under its lock. What was
folded is kept in a table of the run with how far it came: a run that was killed is gone on with, or cleared away.
The rows that a switch replaced are kept until the next one, so that it can be taken back.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import crash
from carejourney.folding import Folded, Folder, Folders, Source
from carejourney.keys import Keys
from carejourney.parking import GAP
from carejourney.projection import Kinds
from carejourney.projector import PARTITION_LOCK
from carejourney.refold import SHARD, Run, definition_of, example_of, park_unfolded, shards
from carejourney.service import Parts
from carejourney.settings import Settings

MANY: Final = 20_000
EXAMPLES: Final = 20
REBUILD_LOCK: Final = 0x666F_6C64  # "fold"
LOCK_SECONDS: Final = 2.0
SCHEMA: Final = "rebuild"

_WAITING = """
select jsonb_build_object('projection', 'gap', 'subject', l.subject, 'topic', l.topic, 'version', l.version)
from lane l join parked p on p.projection = 'gap' and p.subject = l.subject and p.topic = l.topic
"""


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

    `{projection, subjects, different, missing, left_over, columns, examples, parked, resumed, switched}`: rows that
    differ, with how often each column does and up to twenty examples `{subject, kind, columns}`. A child whose facts
    cannot be folded is parked, and what is shown of it stays as it was. With `dry_run` nothing is switched or kept;
    `anew` does not go on with a run that was killed.

    Raises ValueError for a projection the service does not have, RebuildRefused while another rebuild of it runs.
    """
    async with _rebuilds(parts, settings, only) as chosen:
        return [await one.run(dry_run=dry_run, anew=anew, watcher=watcher) for one in chosen]


async def roll_back(parts: Parts, settings: Settings, projection: str) -> dict[str, Any]:
    """Put back the rows that the last rebuild replaced: `{projection, restored, refolded}`.

    Children of whom something was heard since are folded again. Raises RebuildRefused where nothing is kept.
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


@dataclass
class _Rebuild:
    """One projection."""

    pool: asyncpg.Pool
    source: Source
    keys: Keys

    def __post_init__(self) -> None:
        self.projection = self.source.projection
        self._name = self.projection.name
        self._columns = [c.name for c in self.projection.table.columns]
        self._live = f'"{self.projection.table.name}"'

    def _table(self, what: str, run: str) -> str:
        """The name of a run's table, without its schema."""
        return f"{self.projection.table.name[:40]}__{what}_{run}"

    async def run(self, *, dry_run: bool, anew: bool, watcher: Watcher) -> dict[str, Any]:
        async with self._alone() as connection:
            run = await self._begin(connection, anew=anew)
            total = await connection.fetchval("select count(*) from (select distinct subject from lane) l")
            watcher.folded(self._name, run.subjects, total)
            async for shard, folded in self._each(connection, run, total):
                await self._keep_shard(connection, run, shard, folded)
                watcher.folded(self._name, run.subjects, total)
            await self._catch_up(connection, run)
            report = {"projection": self._name, "subjects": run.subjects, **await self._differences(connection, run)}
            watcher.differs(report)
            if dry_run:
                await self._clear(connection)
            else:
                crash.point("rebuild.before_switch")
                await self._switch(connection, run)
                crash.point("rebuild.after_switch")
            return {**report, "parked": len(run.parked), "resumed": run.resumed, "switched": not dry_run}

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that holds the right to rebuild this projection, as long as it lives."""
        async with self.pool.acquire() as connection:
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
        await self._clear(connection)
        run = Run(secrets.token_hex(4), 0)
        async with connection.transaction():
            await run.look(connection, await self._arrived(connection))
            await connection.execute(
                f'create table {SCHEMA}."{self._table("fresh", run.name)}"'
                f" (like {self._live} including defaults including constraints, primary key (subject))"
            )
            await connection.execute(
                "insert into rebuild_run (projection, run, definition, begun, parked) values ($1, $2, $3, $4, $5)",
                self._name, run.name, definition, run.begun, run.packed,
            )  # fmt: skip
        crash.point("rebuild.after_begin")
        return run

    async def _arrived(self, connection: asyncpg.Connection) -> int:
        """The last arrival, once no batch is in hand that could still bring an earlier one; in a transaction."""
        places = await connection.fetch("select distinct partition from checkpoint order by partition")
        for place in places:
            await connection.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, place["partition"])
        last: int = await connection.fetchval("select coalesce(max(arrival), 0) from received")
        return last

    async def _each(
        self, connection: asyncpg.Connection, run: Run, total: int
    ) -> AsyncIterator[tuple[list[UUID], Folded]]:
        """Every shard that is still to be folded: by processes of their own where there are many."""
        left = shards(connection, run.last)
        if total - run.subjects < MANY:
            async for shard in left:
                yield shard, await Folder(self.source, connection, self.keys).fold(shard)
            return
        with Folders(self.source) as folders:
            async for shard, folded in folders.fold(left):
                yield shard, folded

    async def _keep_shard(self, connection: asyncpg.Connection, run: Run, subjects: list[UUID], fold: Folded) -> None:
        rows, parked = fold
        run.parked |= parked
        run.last, run.subjects = subjects[-1], run.subjects + len(subjects)
        async with connection.transaction():
            await self._write(connection, run, rows)
            await connection.execute(
                "update rebuild_run set last_subject = $2, subjects = $3, parked = $4, moved_at = now()"
                " where projection = $1",
                self._name, run.last, run.subjects, run.packed,
            )  # fmt: skip
        crash.point("rebuild.after_shard")

    async def _folded(
        self, connection: asyncpg.Connection, run: Run, subjects: Sequence[UUID]
    ) -> list[tuple[Any, ...]]:
        rows, parked = await Folder(self.source, connection, self.keys).fold(subjects)
        run.parked = {s: reason for s, reason in run.parked.items() if s not in set(subjects)} | parked
        return rows

    async def _write(self, connection: asyncpg.Connection, run: Run, rows: Iterable[tuple[Any, ...]]) -> None:
        await connection.copy_records_to_table(
            self._table("fresh", run.name), schema_name=SCHEMA, records=rows, columns=self._columns
        )

    async def _catch_up(self, connection: asyncpg.Connection, run: Run) -> None:
        """Fold again whom something was heard of, until so few are left that the switch can do it under its lock."""
        while True:
            async with connection.transaction():
                late = sorted(await run.heard_since(connection, await self._arrived(connection)))
            for begin in range(0, len(late), SHARD):
                async with connection.transaction():
                    await self._refold(connection, run, late[begin : begin + SHARD])
            await connection.execute(
                "update rebuild_run set begun = $2, parked = $3, moved_at = now() where projection = $1",
                self._name, run.begun, run.packed,
            )  # fmt: skip
            if len(late) < SHARD:
                return

    async def _refold(self, connection: asyncpg.Connection, run: Run, subjects: list[UUID]) -> None:
        fresh = f'{SCHEMA}."{self._table("fresh", run.name)}"'
        await connection.execute(f"delete from {fresh} where subject = any($1)", subjects)
        await self._write(connection, run, await self._folded(connection, run, subjects))

    async def _differences(self, connection: asyncpg.Connection, run: Run) -> dict[str, Any]:
        """Where the rows shown are not those folded, as of one moment; who was heard of since is left out."""
        shown = [c for c in self._columns if c != "subject"]
        both = "l.subject is not null and f.subject is not null"
        other = {c: f'l."{c}" is distinct from f."{c}"' for c in shown}
        columns = ", ".join(f"count(*) filter (where {both} and {test})" for test in other.values())
        which = ", ".join(f"case when {test} then '{c}' end" for c, test in other.items())
        rows = (
            f'from {self._live} l full join {SCHEMA}."{self._table("fresh", run.name)}" f using (subject)'
            " where coalesce(l.subject, f.subject) <> all($1)"
        )
        differ = f"({both} and ({' or '.join(other.values())}))"
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            late = await connection.fetch("select distinct subject from received where arrival > $1", run.begun)
            left_out = [*run.parked, *(row["subject"] for row in late)]
            counts = await connection.fetchrow(
                f"select count(*) filter (where {differ}), count(*) filter (where l.subject is null),"
                f" count(*) filter (where f.subject is null), {columns} {rows}",
                left_out,
            )
            examples = await connection.fetch(
                f"select coalesce(l.subject, f.subject) as subject, l.subject is null as missing,"
                f" f.subject is null as left_over, array_remove(array[{which}], null) as columns {rows}"
                f" and (l.subject is null or f.subject is null or {differ}) order by 1 limit {EXAMPLES}",
                left_out,
            )
        different, missing, left_over, *by_column = counts
        return {
            "different": different,
            "missing": missing,
            "left_over": left_over,
            "columns": {c: n for c, n in zip(shown, by_column, strict=True) if n},
            "examples": [example_of(row) for row in examples],
        }

    async def _switch(self, connection: asyncpg.Connection, run: Run) -> None:
        async with connection.transaction():
            arrived = await self._arrived(connection)
            await connection.execute(f"lock table {self._live} in exclusive mode")
            await self._refold(connection, run, sorted(await run.heard_since(connection, arrived)))
            await self._drop_kept(connection)
            await self._replace(connection, run)
            await connection.execute(
                "insert into rebuild_kept (projection, run, arrival, parked) select $1, $2, $3,"
                " coalesce((select jsonb_agg(to_jsonb(p)) from parked p where p.projection = $1), '[]')"
                f" || coalesce((select jsonb_agg(w.lane) from ({_WAITING}) as w(lane)), '[]')",
                self._name, run.name, arrived,
            )  # fmt: skip
            await connection.execute("delete from parked where projection = $1", self._name)
            await park_unfolded(connection, self._name, run.parked)
            await self._clear(connection)

    async def _replace(self, connection: asyncpg.Connection, run: Run) -> None:
        """Write only the rows that are other ones, and keep what they were."""
        fresh = f'{SCHEMA}."{self._table("fresh", run.name)}"'
        kept = f'{SCHEMA}."{self._table("kept", run.name)}"'
        names, live, new = (", ".join(f'{t}"{c}"' for c in self._columns) for t in ("", "l.", "f."))
        changes = ", ".join(f'"{c}" = excluded."{c}"' for c in self._columns if c != "subject")
        await connection.execute(
            f"create table {kept} as select {live}, l.subject is not null as shown,"
            f" coalesce(l.subject, f.subject) as whose from {self._live} l full join {fresh} f using (subject)"
            f" where coalesce(l.subject, f.subject) <> all('{{{','.join(map(str, run.parked))}}}'::uuid[])"
            f" and ({live}) is distinct from ({new})"
        )
        await connection.execute(
            f"delete from {self._live} where subject in (select whose from {kept} where shown)"
            f" and not exists (select from {fresh} f where f.subject = {self._live}.subject)"
        )
        await connection.execute(
            f"insert into {self._live} ({names}) select {names} from {fresh}"
            f" where subject in (select whose from {kept}) on conflict (subject) do update set {changes}"
        )

    async def roll_back(self) -> dict[str, Any]:
        """Put the kept rows back, and fold again those of whom something was heard since."""
        async with self._alone() as connection, connection.transaction():
            arrived = await self._arrived(connection)
            found = await connection.fetchrow("select * from rebuild_kept where projection = $1", self._name)
            if found is None:
                raise RebuildRefused(f"nothing is kept of a rebuild of {self._name}: there is none to take back")
            await connection.execute(f"lock table {self._live} in exclusive mode")
            kept = f'{SCHEMA}."{self._table("kept", found["run"])}"'
            names = ", ".join(f'"{c}"' for c in self._columns)
            await connection.execute(f"delete from {self._live} where subject in (select whose from {kept})")
            done = await connection.execute(
                f"insert into {self._live} ({names}) select {names} from {kept} where shown"
            )
            await connection.execute(
                "delete from parked where projection = $1 and parked_at <= $2", self._name, found["switched_at"]
            )
            await connection.execute(
                "insert into parked select * from jsonb_populate_recordset(null::parked, $1)"
                " where projection <> 'gap' on conflict do nothing",
                found["parked"],
            )
            since = Run("", found["arrival"])
            since.waiting = {
                (UUID(one["subject"]), one["topic"]): one["version"]
                for one in json.loads(found["parked"]) if one["projection"] == GAP
            }  # fmt: skip
            heard = await since.heard_since(connection, arrived)
            back = await connection.fetch(f"select whose from {kept} where whose = any($1)", sorted(heard))
            late = [row["whose"] for row in back]
            await self._mend(connection, late)
            await self._drop_kept(connection)
        return {"projection": self._name, "restored": int(done.rsplit(" ", 1)[1]), "refolded": len(late)}

    async def _mend(self, connection: asyncpg.Connection, subjects: list[UUID]) -> None:
        """Fold these in place; a child that cannot be folded keeps its row and is parked."""
        run = Run("", 0)
        rows = await self._folded(connection, run, subjects)
        mended = [s for s in subjects if s not in run.parked]
        await connection.execute(f"delete from {self._live} where subject = any($1)", mended)
        await connection.copy_records_to_table(self.projection.table.name, records=rows, columns=self._columns)
        await park_unfolded(connection, self._name, run.parked)

    async def forget(self) -> bool:
        """Drop what is kept and what a killed run left; whether there was anything."""
        async with self._alone() as connection, connection.transaction():
            kept = await self._drop_kept(connection)
            return await self._clear(connection) or kept

    async def _drop_kept(self, connection: asyncpg.Connection) -> bool:
        run = await connection.fetchval("delete from rebuild_kept where projection = $1 returning run", self._name)
        if run is not None:
            await connection.execute(f'drop table if exists {SCHEMA}."{self._table("kept", run)}"')
        return run is not None

    async def _clear(self, connection: asyncpg.Connection) -> bool:
        async with connection.transaction():
            run = await connection.fetchval("delete from rebuild_run where projection = $1 returning run", self._name)
            if run is not None:
                await connection.execute(f'drop table if exists {SCHEMA}."{self._table("fresh", run)}"')
        return run is not None
