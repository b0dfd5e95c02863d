"""The rows shown against those folded afresh, slice by slice, before any is switched."""
# ruff: noqa: S608 - statements over names of our own tables

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.rebuild_rows import EVERYBODY, Rows
from carejourney.refold import NOBODY_YET, Run, example_of

EXAMPLES: Final = 20
_LATE: Final = "select distinct subject from received where arrival > $1 and subject > $2 and subject <= $3"
_PARKED: Final = "select exists (select from parked where projection = $1 and subject > $2 and subject <= $3)"


@dataclass
class Differences:
    """What was found, and the slices `(after, up to)` in which there is something to do."""

    different: int = 0
    missing: int = 0
    left_over: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    slices: list[tuple[UUID, UUID]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """The part of the report that tells of them."""
        return {
            "different": self.different, "missing": self.missing, "left_over": self.left_over,
            "columns": {c: n for c, n in self.columns.items() if n}, "examples": self.examples,
        }  # fmt: skip


class Comparison:
    """Compares one projection's rows with those of a run; a child of whom something is heard meanwhile is left out.

    Each slice is looked at as of one moment. Where nothing differs, nothing was heard and nobody is parked, the rows
    shown are the fold and stay so, because the projector goes on from them: the switch need not look there again.
    """

    def __init__(self, connection: asyncpg.Connection, rows: Rows, run: Run) -> None:
        self._connection = connection
        self._rows = rows
        self._run = run
        self._shown = [c for c in rows.columns if c != "subject"]
        other = {c: f'l."{c}" is distinct from f."{c}"' for c in self._shown}
        both = "l.subject is not null and f.subject is not null"
        differ = f"({both} and ({' or '.join(other.values())}))"
        part = "where subject > $2 and subject <= $3"
        joined = (
            f"from (select * from {rows.live} {part}) l full join (select * from {rows.fresh(run.name)} {part}) f"
            " using (subject) where coalesce(l.subject, f.subject) <> all($1)"
        )
        columns = ", ".join(f"count(*) filter (where {both} and {test})" for test in other.values())
        self._counts = (
            f"select count(*) filter (where {differ}), count(*) filter (where l.subject is null),"
            f" count(*) filter (where f.subject is null), {columns} {joined}"
        )
        which = ", ".join(f"case when {test} then '{c}' end" for c, test in other.items())
        self._examples = (
            "select coalesce(l.subject, f.subject) as subject, l.subject is null as missing,"
            f" f.subject is null as left_over, array_remove(array[{which}], null) as columns {joined}"
            f" and (l.subject is null or f.subject is null or {differ}) order by 1 limit $4"
        )

    async def differences(self) -> Differences:
        """Everybody, in id order."""
        found, after = Differences(), NOBODY_YET
        while after != EVERYBODY:
            end = await self._rows.slice_end(self._connection, after, EVERYBODY)
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                if await self._differs(found, after, end):
                    found.slices.append((after, end))
            after = end
        return found

    async def _differs(self, found: Differences, after: UUID, end: UUID) -> bool:
        late = await self._connection.fetch(_LATE, self._run.begun, after, end)
        left_out = [*(s for s in self._run.parked if after < s <= end), *(row["subject"] for row in late)]
        counts = await self._connection.fetchrow(self._counts, left_out, after, end)
        different, missing, left_over, *by_column = counts
        found.different += different
        found.missing += missing
        found.left_over += left_over
        found.columns.update(dict(zip(self._shown, by_column, strict=True)))
        differ = any(counts)
        if differ and len(found.examples) < EXAMPLES:
            more = EXAMPLES - len(found.examples)
            rows = await self._connection.fetch(self._examples, left_out, after, end, more)
            found.examples += [example_of(row) for row in rows]
        parked = await self._connection.fetchval(_PARKED, self._rows.name, after, end)
        return bool(differ or left_out or parked)
