"""Rebuilding a projection while it serves: fold from the own copy in shards, compare, then switch in one transaction.

Readers see the old rows until the switch and the new ones after it. A fold reads a snapshot, so facts that arrive
meanwhile are caught up by folding again the children they concern, before the switch and under its lock.
"""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import owncopy
from carejourney.keys import FileKey, Keys
from carejourney.projection import Kinds, Projection, Secrets, fold, write_values
from carejourney.projector import PARTITION_LOCK
from carejourney.service import Parts
from carejourney.settings import Settings

SHARD: Final = 1_000


async def rebuild_service(parts: Parts, settings: Settings, only: str | None = None) -> list[dict[str, Any]]:
    """Rebuild the projections of a service; for each `{projection, subjects, different, missing, left_over, parked}`.

    A child whose facts cannot be folded is parked, and what is shown of it stays as it was.

    Raises ValueError for a projection the service does not have.
    """
    chosen = [p for p in parts.projections if only in (None, p.name)]
    if only is not None and not chosen:
        names = ", ".join(p.name for p in parts.projections)
        raise ValueError(f"{parts.name} has no projection {only}; it has: {names}")
    wrapper = FileKey(settings.key_file)
    kinds = Kinds(parts.catalogue)
    async with (
        asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=1, max_size=2) as pool,
        asyncpg.create_pool(settings.keys_database_url.get_secret_value(), min_size=1, max_size=1) as keys_pool,
    ):
        keys = Keys(keys_pool, wrapper)
        return [await _Rebuild(pool, projection, kinds, keys, wrapper).run() for projection in chosen]


class _Rebuild:
    """One projection."""

    def __init__(
        self, pool: asyncpg.Pool, projection: Projection[Any], kinds: Kinds, keys: Keys, wrapper: FileKey
    ) -> None:
        self._pool = pool
        self._projection = projection
        self._kinds = kinds
        self._keys = keys
        self._wrapper = wrapper
        self._columns = [c.name for c in projection.table.columns]
        self._live = f'"{projection.table.name}"'
        self._fresh = f'"{projection.table.name}__fresh"'
        self._parked: dict[UUID, str] = {}

    async def run(self) -> dict[str, Any]:
        async with self._pool.acquire() as connection:
            await connection.execute(f"create temporary table {self._fresh} (like {self._live} including all)")
            try:
                begun = await self._begin(connection)
                subjects = 0
                async for shard in self._shards(connection):
                    await self._fold(connection, shard)
                    subjects += len(shard)
                return {
                    "projection": self._projection.name,
                    "subjects": subjects,
                    **await self._switch(connection, begun),
                    "parked": len(self._parked),
                }
            finally:
                await connection.execute(f"drop table {self._fresh}")

    async def _begin(self, connection: asyncpg.Connection) -> int:
        """The last arrival before the fold, once no batch is in hand that could still bring an earlier one."""
        async with connection.transaction():
            await self._no_batch_in_hand(connection)
            last: int = await connection.fetchval("select coalesce(max(arrival), 0) from received")
        return last

    async def _no_batch_in_hand(self, connection: asyncpg.Connection) -> None:
        places = await connection.fetch("select distinct partition from checkpoint order by partition")
        for place in places:
            await connection.execute("select pg_advisory_xact_lock($1, $2)", PARTITION_LOCK, place["partition"])

    async def _shards(self, connection: asyncpg.Connection) -> AsyncIterator[list[UUID]]:
        last = UUID(int=0)
        while True:
            rows = await connection.fetch(
                "select distinct subject from lane where subject > $1 order by subject limit $2", last, SHARD
            )
            if not rows:
                return
            yield [row["subject"] for row in rows]
            last = rows[-1]["subject"]

    async def _fold(self, connection: asyncpg.Connection, subjects: list[UUID]) -> None:
        facts = await owncopy.facts_of(connection, subjects)
        keys = await self._keys.of(subjects)
        rows = []
        for subject in subjects:
            concerned = [f for f in facts[subject] if f.type in self._projection.handles or f.corrects]
            if not any(f.type in self._projection.handles for f in concerned):
                continue
            secrets = Secrets(keys.get(subject), self._wrapper.digest)
            try:
                saved = fold(self._projection, concerned, self._kinds)
                row = write_values(self._projection, subject, saved, secrets)
            except Exception as error:  # noqa: BLE001 - any fault of a projection parks one child's lane, never the others
                self._parked[subject] = type(error).__name__
                continue
            if row is not None:
                rows.append(tuple(row.get(c) for c in self._columns))
        await connection.copy_records_to_table(self._fresh.strip('"'), records=rows, columns=self._columns)

    async def _switch(self, connection: asyncpg.Connection, begun: int) -> dict[str, int]:
        async with connection.transaction():
            await self._no_batch_in_hand(connection)
            await connection.execute(f"lock table {self._live} in exclusive mode")
            late = await connection.fetch("select distinct subject from received where arrival > $1", begun)
            again = [row["subject"] for row in late]
            await connection.execute(f"delete from {self._fresh} where subject = any($1)", again)
            await self._fold(connection, again)
            counts = await self._compare(connection)
            await self._replace(connection)
        return counts

    async def _compare(self, connection: asyncpg.Connection) -> dict[str, int]:
        shown = [c for c in self._columns if c != "state"]
        row, other = (", ".join(f'{t}."{c}"' for c in shown) for t in ("l", "f"))
        found = await connection.fetchrow(
            f"select count(*) filter (where l.subject is not null and f.subject is not null"
            f" and ({row}) is distinct from ({other})) as different,"
            f" count(*) filter (where l.subject is null) as missing,"
            f" count(*) filter (where f.subject is null) as left_over"
            f" from {self._live} l full join {self._fresh} f using (subject)"
            " where coalesce(l.subject, f.subject) <> all($1)",
            list(self._parked),
        )
        return dict(found)

    async def _replace(self, connection: asyncpg.Connection) -> None:
        names = ", ".join(f'"{c}"' for c in self._columns)
        changes = ", ".join(f'"{c}" = excluded."{c}"' for c in self._columns if c != "subject")
        await connection.execute(
            f"delete from {self._live} l where not exists (select 1 from {self._fresh} f where f.subject = l.subject)"
            " and l.subject <> all($1)",
            list(self._parked),
        )
        await connection.execute(
            f"insert into {self._live} ({names}) select {names} from {self._fresh}"
            f" on conflict (subject) do update set {changes}"
        )
        await connection.execute("delete from parked where projection = $1", self._projection.name)
        await connection.execute(
            "insert into parked (projection, subject, topic, reason) select $1, s, '', r"
            " from unnest($2::uuid[], $3::text[]) as p(s, r)",
            self._projection.name, list(self._parked), list(self._parked.values()),
        )  # fmt: skip
