"""The rows of a rebuild: folded afresh, shown, and kept for a roll back; how some of them are read and written."""
# ruff: noqa: S608 - statements over names of our own tables

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.folding import Folder, Source
from carejourney.keys import Keys
from carejourney.projector import every_partition
from carejourney.refold import Run, park_unfolded

SCHEMA: Final = "rebuild"
SLICE: Final = 1_000
EVERYBODY: Final = UUID(int=2**128 - 1)


class Rows:
    """The rows of one projection. Fresh and kept ones lie in tables of the run, in a schema of their own."""

    def __init__(self, source: Source, keys: Keys) -> None:
        self.source = source
        self.name = source.projection.name
        self.columns = [c.name for c in source.projection.table.columns]
        self.shown = source.projection.table.name
        self.live = f'"{self.shown}"'
        self.names = ", ".join(f'"{c}"' for c in self.columns)
        self._keys = keys

    def table(self, what: str, run: str) -> str:
        """The name of a run's table, without its schema."""
        return f"{self.shown[:40]}__{what}_{run}"

    def fresh(self, run: str) -> str:
        return f'{SCHEMA}."{self.table("fresh", run)}"'

    def kept(self, run: str) -> str:
        return f'{SCHEMA}."{self.table("kept", run)}"'

    async def arrived(self, connection: asyncpg.Connection) -> int:
        """The last arrival, once no batch is in hand that could still bring an earlier one; in a transaction."""
        await every_partition(connection)
        last: int = await connection.fetchval("select coalesce(max(arrival), 0) from received")
        return last

    async def still(self, connection: asyncpg.Connection) -> int:
        """The last arrival, and until the end of the transaction nobody writes what is shown."""
        last = await self.arrived(connection)
        await connection.execute(f"lock table {self.live} in exclusive mode")
        return last

    async def slice_end(self, connection: asyncpg.Connection, after: UUID, end: UUID) -> UUID:
        """The last of so many children after one as a slice has; the end where there are fewer before it."""
        some = "subject > $1 and subject <= $2 order by subject limit $3"
        last, count = await connection.fetchrow(
            "select (array_agg(subject order by subject desc))[1], count(*) from (select subject from ("
            f"(select distinct subject from lane where {some}) union (select subject from {self.live} where {some})"
            ") both_of order by subject limit $3) first_of",
            after, end, SLICE,
        )  # fmt: skip
        found: UUID = last if count == SLICE else end
        return found

    async def folded(self, connection: asyncpg.Connection, run: Run, subjects: Sequence[UUID]) -> list[tuple[Any, ...]]:
        """The rows of these children as the facts say now; who cannot be folded is noted in the run."""
        rows, parked = await Folder(self.source, connection, self._keys).fold(subjects)
        run.parked = {s: reason for s, reason in run.parked.items() if s not in set(subjects)} | parked
        return rows

    async def write(self, connection: asyncpg.Connection, run: Run, rows: Iterable[tuple[Any, ...]]) -> None:
        await connection.copy_records_to_table(
            self.table("fresh", run.name), schema_name=SCHEMA, records=rows, columns=self.columns
        )

    async def refold(self, connection: asyncpg.Connection, run: Run, subjects: Sequence[UUID]) -> None:
        """Fold these children again into the fresh rows."""
        if not subjects:
            return
        rows = await self.folded(connection, run, subjects)
        await connection.execute(f"delete from {self.fresh(run.name)} where subject = any($1)", subjects)
        await self.write(connection, run, rows)

    async def mend(self, connection: asyncpg.Connection, subjects: Sequence[UUID]) -> None:
        """Fold these in place; a child that cannot be folded keeps its row and is parked."""
        if not subjects:
            return
        run = Run("", 0)
        rows = await self.folded(connection, run, subjects)
        mended = [s for s in subjects if s not in run.parked]
        await connection.execute(f"delete from {self.live} where subject = any($1)", mended)
        await connection.copy_records_to_table(self.shown, records=rows, columns=self.columns)
        await connection.execute("delete from parked where projection = $1 and subject = any($2)", self.name, mended)
        await park_unfolded(connection, self.name, run.parked)

    async def drop_kept(self, connection: asyncpg.Connection) -> bool:
        """Drop what is kept for a roll back; whether there was any."""
        run = await connection.fetchval("delete from rebuild_kept where projection = $1 returning run", self.name)
        if run is not None:
            await connection.execute(f"drop table if exists {self.kept(run)}")
        return run is not None

    async def clear(self, connection: asyncpg.Connection) -> bool:
        """Drop a run and its fresh rows; whether there was one."""
        async with connection.transaction():
            run = await connection.fetchval("delete from rebuild_run where projection = $1 returning run", self.name)
            if run is not None:
                await connection.execute(f"drop table if exists {self.fresh(run)}")
        return run is not None
