"""Which facts each year's return stated of a child, also those it only repeated: what it may be asked about again.

A fact tells who has the last word on it; that a return of another year said the same leaves no trace in it. This is
bookkeeping beside the facts, without personal data; importing the returns again makes it anew.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from carejourney.standing import Standing
from carejourney.store import Unit

TABLE: Final = """
create table stated_by_return (
  subject uuid not null,
  year integer not null,
  return_table text not null,
  facts uuid[] not null,
  primary key (subject, year, return_table)
)
"""

_LOAD: Final = "select subject, year, return_table, facts::text[] from stated_by_return where subject = any($1)"
_KEEP: Final = """
insert into stated_by_return (subject, year, return_table, facts)
select s, y, t, string_to_array(f, ',')::uuid[] from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) n(s, y, t, f)
on conflict (subject, year, return_table) do update set facts = excluded.facts
"""


def upgrade_stated(role: str) -> list[str]:
    """Statements that make the table; its rows can be deleted, for what is remembered of an erased child goes too."""
    return [TABLE, f'grant select, insert, update, delete on stated_by_return to "{role}"']


class Stated:
    """What the returns stated of one child: ids of first statements, by collection year and table.

    A decision asks it, and notes in it what the return now states.
    """

    def __init__(self, facts: Mapping[tuple[int, str], Iterable[str]] | None = None) -> None:
        self._facts = {key: set(found) for key, found in (facts or {}).items()}
        self._changed: set[tuple[int, str]] = set()

    def before(self, year: int, table: str, fact: Standing) -> bool:
        """Whether the return of that year is known to have stated a fact, be it the last to say so or not."""
        return fact.stated_in == f"ssda903/{year}" or fact.id in self._facts.get((year, table), ())

    def later(self, year: int, fact: str) -> bool:
        """Whether the return of a later year is known to have stated a fact."""
        return any(other > year and fact in found for (other, _), found in self._facts.items())

    def note(self, year: int, table: str, fact: str) -> None:
        """Remember that the return of that year states a fact."""
        known = self._facts.setdefault((year, table), set())
        if fact not in known:
            known.add(fact)
            self._changed.add((year, table))

    def forget(self, year: int, table: str, fact: str) -> None:
        """Remember no longer that the return of that year stated a fact, which it has taken back."""
        if fact in self._facts.get((year, table), ()):
            self._facts[year, table].remove(fact)
            self._changed.add((year, table))

    def changes(self) -> list[tuple[int, str, str]]:
        """Year, table and ids, with commas between them, of all that is no longer as it was read."""
        return [(year, table, ",".join(sorted(self._facts[year, table]))) for year, table in sorted(self._changed)]


class Memory:
    """What the returns stated of the children of one batch."""

    def __init__(self) -> None:
        self._children: dict[UUID, Stated] = {}

    def of(self, subject: UUID) -> Stated:
        """What is remembered of one child; nothing of a child that is new."""
        return self._children.setdefault(subject, Stated())

    @asynccontextmanager
    async def beside(self, unit: Unit) -> AsyncIterator[None]:
        """Read what is remembered of a unit's children, and write in its transaction what came of the decisions."""
        found: dict[UUID, dict[tuple[int, str], list[str]]] = {}
        for subject, year, table, facts in await unit.connection.fetch(_LOAD, list(unit.streams)):
            found.setdefault(subject, {})[year, table] = facts
        self._children = {subject: Stated(facts) for subject, facts in found.items()}
        yield
        rows = sorted((subject, *row) for subject, child in self._children.items() for row in child.changes())
        if rows:
            await unit.connection.execute(_KEEP, *map(list, zip(*rows, strict=True)))
