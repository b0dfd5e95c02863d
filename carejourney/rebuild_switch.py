"""The switch of a rebuild, and its taking back: slices of children, each in a short transaction of its own.

A child's row, its parked lane and what is kept of both change together, with how far the switch has come. A switch
that was killed is gone on with from there, or taken back from there. Between two slices live batches get their turn.
"""
# ruff: noqa: S608 - statements over names of our own tables

import json
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import crash
from carejourney import rebuild_rows as rows_of
from carejourney.parking import GAP
from carejourney.rebuild_rows import Rows
from carejourney.refold import NOBODY_YET, Run, Switch, park_unfolded

_PUT_BACK: Final = """
insert into parked select p.* from {kept} k, jsonb_populate_recordset(null::parked, k.lanes) p
where k.whose = any($1) on conflict do nothing
"""
_PART: Final = "subject > $1 and subject <= $2"


class Switching:
    """Puts the fresh rows of a run in the place of those shown."""

    def __init__(self, connection: asyncpg.Connection, rows: Rows, run: Run) -> None:
        self._connection = connection
        self._rows = rows
        self._run = run
        self._fresh = rows.fresh(run.name)
        self._kept = rows.kept(run.name)

    async def begin(self, report: dict[str, Any], slices: list[tuple[UUID, UUID]]) -> None:
        """Note what is to be switched, and make room for what is replaced; from here on it can be taken back."""
        run = self._run
        run.switch, run.last = Switch(report, slices), NOBODY_YET
        waiting = [
            {"projection": GAP, "subject": str(subject), "topic": topic, "version": version}
            for (subject, topic), version in run.waiting.items()
        ]
        async with run.writing(self._connection):
            await self._rows.drop_kept(self._connection)
            await self._connection.execute(
                f"create table {self._kept} as select {self._rows.names}, subject as whose, true as shown,"
                f" true as differs, '[]'::jsonb as lanes, now() as at from {self._rows.live} with no data"
            )
            await self._connection.execute(f"alter table {self._kept} add primary key (whose)")
            await self._connection.execute(
                "insert into rebuild_kept (projection, run, arrival, parked) values ($1, $2, $3, $4)",
                self._rows.name, run.name, run.begun, json.dumps(waiting),
            )  # fmt: skip
            await self._connection.execute(
                "update rebuild_run set last_subject = $2, parked = $3, moved_at = now() where projection = $1",
                self._rows.name, run.last, run.packed,
            )  # fmt: skip
        crash.point("rebuild.after_switch_begun")

    async def go_on(self) -> None:
        """Switch every slice that is still to be switched."""
        for first, end in self._run.switch.slices if self._run.switch else ():
            after = max(first, self._run.last)
            while after < end:
                after = await self._slice(after, end)
                crash.point("rebuild.after_slice")

    async def _slice(self, after: UUID, end: UUID) -> UUID:
        """Switch the children after one, as many as a slice has at most; the last of them."""
        run, connection = self._run, self._connection
        async with run.writing(connection):
            arrived = await self._rows.still(connection)
            last = await self._rows.slice_end(connection, after, end)
            run.late |= await run.heard_since(connection, arrived)
            await self._rows.refold(connection, run, sorted(s for s in run.late if after < s <= last))
            run.late = {s for s in run.late if s > last}
            await self._keep(after, last)
            await self._replace(after, last)
            await self._park(after, last)
            await connection.execute(
                "update rebuild_run set last_subject = $2, moved_at = now() where projection = $1",
                self._rows.name, last,
            )  # fmt: skip
        run.last = last
        return last

    async def _keep(self, after: UUID, last: UUID) -> None:
        """Keep the rows that will be other ones, and the lanes that are parked or will be."""
        live, fresh = (", ".join(f'{t}."{c}"' for c in self._rows.columns) for t in ("l", "f"))
        await self._connection.execute(
            f"insert into {self._kept} select {live}, coalesce(l.subject, f.subject), l.subject is not null, true,"
            f" '[]', now() from (select * from {self._rows.live} where {_PART}) l"
            f" full join (select * from {self._fresh} where {_PART}) f using (subject)"
            f" where coalesce(l.subject, f.subject) <> all($3) and ({live}) is distinct from ({fresh})",
            after, last, self._parked(after, last),
        )  # fmt: skip
        await self._connection.execute(
            f"insert into {self._kept} (whose, shown, differs, lanes, at)"
            " select subject, false, false, coalesce(jsonb_agg(to_jsonb(p)) filter (where p.subject is not null), '[]')"
            ", now() from unnest($3::uuid[]) as newly(subject)"
            f" full join (select * from parked where projection = $4 and {_PART}) p using (subject) group by subject"
            " on conflict (whose) do update set lanes = excluded.lanes",
            after, last, self._parked(after, last), self._rows.name,
        )  # fmt: skip

    async def _replace(self, after: UUID, last: UUID) -> None:
        """Write only the rows that are other ones."""
        live, names = self._rows.live, self._rows.names
        changes = ", ".join(f'"{c}" = excluded."{c}"' for c in self._rows.columns if c != "subject")
        others = f"select whose from {self._kept} where differs and whose > $1 and whose <= $2"
        await self._connection.execute(
            f"delete from {live} where {_PART} and subject in ({others})"
            f" and not exists (select from {self._fresh} f where f.subject = {live}.subject)",
            after, last,
        )  # fmt: skip
        await self._connection.execute(
            f"insert into {live} ({names}) select {names} from {self._fresh} where {_PART}"
            f" and subject in ({others}) on conflict (subject) do update set {changes}",
            after, last,
        )  # fmt: skip

    async def _park(self, after: UUID, last: UUID) -> None:
        await self._connection.execute(
            f"delete from parked where {_PART} and projection = $3", after, last, self._rows.name
        )
        parked = {subject: self._run.parked[subject] for subject in self._parked(after, last)}
        await park_unfolded(self._connection, self._rows.name, parked)

    def _parked(self, after: UUID, last: UUID) -> list[UUID]:
        return [subject for subject in self._run.parked if after < subject <= last]


class TakingBack:
    """Puts the kept rows of a switch back, whether it had come to its end or not."""

    def __init__(self, connection: asyncpg.Connection, rows: Rows, found: asyncpg.Record) -> None:
        self._connection = connection
        self._rows = rows
        self._kept = rows.kept(found["run"])
        self._since = Run(found["run"], found["arrival"])
        self._since.waiting = {
            (UUID(one["subject"]), one["topic"]): one["version"]
            for one in json.loads(found["parked"]) if one["projection"] == GAP
        }  # fmt: skip

    async def go_on(self) -> dict[str, Any]:
        """Put back every row that is still kept; how many rows, how many of them folded again, and the longest wait."""
        restored = refolded = 0
        while some := await self._next():
            async with self._since.writing(self._connection):
                restored_now, late = await self._put_back(some)
            restored, refolded = restored + restored_now, refolded + late
            crash.point("rebuild.after_slice_back")
        return {"restored": restored, "refolded": refolded, "longest_transaction": round(self._since.longest, 3)}

    async def _next(self) -> list[UUID]:
        rows = await self._connection.fetch(f"select whose from {self._kept} order by whose limit $1", rows_of.SLICE)
        return [row["whose"] for row in rows]

    async def _put_back(self, some: list[UUID]) -> tuple[int, int]:
        connection, live, names = self._connection, self._rows.live, self._rows.names
        arrived = await self._rows.still(connection)
        self._since.late |= await self._since.heard_since(connection, arrived)
        late = [subject for subject in some if subject in self._since.late]
        of_these = f"select whose from {self._kept} where whose = any($1)"
        await connection.execute(f"delete from {live} where subject in ({of_these} and differs)", some)
        done = await connection.execute(
            f"insert into {live} ({names}) select {names} from {self._kept} where whose = any($1) and shown", some
        )
        await connection.execute(
            f"delete from parked p using {self._kept} k where p.projection = $2 and p.subject = k.whose"
            " and k.whose = any($1) and p.parked_at <= k.at",
            some, self._rows.name,
        )  # fmt: skip
        await connection.execute(_PUT_BACK.format(kept=self._kept), [s for s in some if s not in self._since.late])
        await self._rows.mend(connection, late)
        await connection.execute(f"delete from {self._kept} where whose = any($1)", some)
        return int(done.rpartition(" ")[2]), len(late)
