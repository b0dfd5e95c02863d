"""Folding many children's facts into rows at once: the work of a rebuild, apart from where the rows go.

Also what a run remembers, and how it hears of whom it must fold again.
"""

import hashlib
import inspect
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.envelope import CORRECTIONS, SEALED, Said
from carejourney.faults import Fault, UnknownVersion
from carejourney.keys import SubjectKey
from carejourney.projecting import first_fault
from carejourney.projection import Kinds, Projection, Secrets, fold, write_values

NOBODY_YET: Final = UUID(int=0)
SHARD: Final = 1_000

_SUBJECTS: Final = "select distinct subject from lane where subject > $1 order by subject limit $2"
_LATE: Final = "select distinct subject from received where arrival > $1 and arrival <= $2"
_WAITING: Final = """
select l.subject, l.topic, l.version from lane l join (
  select subject, topic from parked where projection = 'gap'
  union select subject, topic from unnest($1::uuid[], $2::text[]) as w(subject, topic)
) as w using (subject, topic)
"""
_PARK: Final = """
insert into parked (projection, subject, topic, reason, place, fact)
select $1, w.subject, '', w.reason, w.place, w.fact
from unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) as w(subject, reason, place, fact) on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Why a child could not be folded: the kind of the fault, where it happened, and the fact it happened at."""

    reason: str
    place: str | None = None
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch that has begun goes by: the report told before it, and the slices `(after, up to)` that differ."""

    report: dict[str, Any]
    slices: list[tuple[UUID, UUID]]


@dataclass
class Run:
    """How far a run has come: what had arrived when it began, and the last child folded or, in the switch, written.

    `late` is of whom something was heard since the switch began; `longest` the seconds of the longest transaction.
    """

    name: str
    begun: int
    last: UUID = NOBODY_YET
    subjects: int = 0
    parked: dict[UUID, Unfolded] = field(default_factory=dict)
    waiting: dict[tuple[UUID, str], int] = field(default_factory=dict)
    resumed: bool = False
    switch: Switch | None = None
    late: set[UUID] = field(default_factory=set)
    longest: float = 0.0

    @asynccontextmanager
    async def writing(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """A transaction that counts for the longest, waiting for locks included."""
        begun = time.perf_counter()
        async with connection.transaction():
            yield
        self.longest = max(self.longest, time.perf_counter() - begun)

    @property
    def packed(self) -> str:
        """The parked children, the lanes that waited at a gap with how far each had come, and the switch, as JSON."""
        parked = {str(subject): [why.reason, why.place, why.fact] for subject, why in self.parked.items()}
        waiting = [[str(subject), topic, version] for (subject, topic), version in self.waiting.items()]
        told: dict[str, Any] = {"parked": parked, "waiting": waiting}
        if self.switch:
            slices = [[str(after), str(end)] for after, end in self.switch.slices]
            told["switch"] = {"report": self.switch.report, "slices": slices}
        return json.dumps(told)

    def unpack(self, packed: str) -> None:
        """Take in what another process has packed."""
        found = json.loads(packed)
        self.parked = {UUID(subject): Unfolded(*why) for subject, why in found["parked"].items()}
        self.waiting = {(UUID(subject), topic): version for subject, topic, version in found["waiting"]}
        if begun := found.get("switch"):
            self.switch = Switch(begun["report"], [(UUID(after), UUID(end)) for after, end in begun["slices"]])

    async def heard_since(self, connection: asyncpg.Connection, until: int) -> set[UUID]:
        """Of whom something was heard since the run last looked, up to an arrival; it has looked then.

        A gap may be filled by a fact that the service does not keep: then nothing arrives, and what lay beyond the gap
        counts all the same. So lanes that waited are looked at too.
        """
        late = await connection.fetch(_LATE, self.begun, until)
        return {row["subject"] for row in late} | await self.look(connection, until)

    async def look(self, connection: asyncpg.Connection, until: int) -> set[UUID]:
        """Note the last arrival and which lanes wait at a gap; whose lane went on since this was noted last."""
        lanes = sorted(self.waiting)
        rows = await connection.fetch(_WAITING, [subject for subject, _ in lanes], [topic for _, topic in lanes])
        now = {(subject, topic): version for subject, topic, version in rows}
        moved = {subject for (subject, topic), was in self.waiting.items() if now.get((subject, topic), was) != was}
        self.begun, self.waiting = until, now
        return moved


def fold_rows(
    projection: Projection[Any],
    kinds: Kinds,
    facts: Mapping[UUID, Sequence[Said]],
    keys: Mapping[UUID, SubjectKey],
    digest: Callable[[str], str],
) -> tuple[list[tuple[Any, ...]], dict[UUID, Unfolded]]:
    """The rows of these children, in the order of the table's columns, and those whose facts cannot be folded."""
    columns = [c.name for c in projection.table.columns]
    rows: list[tuple[Any, ...]] = []
    parked: dict[UUID, Unfolded] = {}
    for subject, recorded in facts.items():
        concerned = [f for f in recorded if f.type in projection.handles or f.type in {*CORRECTIONS, SEALED}]
        if not any(f.type in projection.handles for f in concerned):
            continue
        try:
            for fact in concerned:
                if not kinds.knows(fact):
                    raise UnknownVersion(fact.id)  # noqa: TRY301 - parked like any other fault
            saved = fold(projection, concerned, kinds)
            row = write_values(projection, subject, saved, Secrets(keys.get(subject), digest))
        except Exception as error:  # noqa: BLE001 - any fault of a projection parks one child's lane, never the others
            fault = Fault.of(error)
            where = error.fact if isinstance(error, UnknownVersion) else first_fault(projection, concerned, kinds)
            parked[subject] = Unfolded(fault.kind, fault.place, where)
            continue
        if row is not None:
            rows.append(tuple(row.get(c) for c in columns))
    return rows, parked


async def shards(connection: asyncpg.Connection, last: UUID) -> AsyncIterator[list[UUID]]:
    """Everybody a service has heard of after one child, in id order, some at a time."""
    while rows := await connection.fetch(_SUBJECTS, last, SHARD):
        last = rows[-1]["subject"]
        yield [row["subject"] for row in rows]


async def park_unfolded(connection: asyncpg.Connection, projection: str, parked: Mapping[UUID, Unfolded]) -> None:
    """Park the children that could not be folded; one that is parked already stays as it is."""
    why = list(parked.values())
    facts = [UUID(one.fact) if one.fact else None for one in why]
    await connection.execute(_PARK, projection, list(parked), [w.reason for w in why], [w.place for w in why], facts)


def definition_of(projection: Projection[Any]) -> str:
    """What a fold depends on: a run may be gone on with only by the code that began it."""
    said = hashlib.sha256(f"{projection.version} {[str(c.type) + c.name for c in projection.table.columns]}".encode())
    for file in sorted({inspect.getfile(f) for f in (projection.evolve, projection.row, projection.state)}):
        said.update(Path(file).read_bytes())
    return said.hexdigest()


def example_of(row: asyncpg.Record) -> dict[str, Any]:
    """One row that differs, as a report shows it."""
    kind = "missing" if row["missing"] else "left_over" if row["left_over"] else "different"
    return {
        "subject": str(row["subject"]),
        "kind": kind,
        "columns": list(row["columns"]) if kind == "different" else [],
    }
