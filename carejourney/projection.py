"""Projections: one question each, a pure `evolve` over the standing facts of one subject in effective order.

In order, the stored row evolves; late or corrected, the subject is folded again from the service's own copy. There is
one meaning and two costs. Facts of different lanes must commute in `evolve`, because lateness is judged in a lane.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa

from carejourney.envelope import CORRECTIONS, SEALED, Said
from carejourney.keys import FORGOTTEN, PREFIX, SubjectKey
from carejourney.standing import EDGES, Standing, lane_order, standing
from carejourney.versions import Versions

S = TypeVar("S")
Order = tuple[str, int, str, str, int]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a row may be computed with: the subject's key where it still exists, and the keyed digest for look-ups."""

    key: SubjectKey | None
    digest: Callable[[str], str]

    def open(self, field: str, value: str | None) -> str | None:
        """The plain text of a sealed field; None where it is absent or forgotten."""
        if value is None or not value.startswith(PREFIX):
            return value
        plain = self.key.open(field, value) if self.key else FORGOTTEN
        return None if plain == FORGOTTEN else plain


class Saved(msgspec.Struct, Generic[S]):
    """A subject's folded state, with the last place reached in each lane."""

    state: S
    reached: dict[str, Order] = {}


@dataclass(frozen=True)
class Projection(Generic[S]):
    """`table` has `subject` as primary key, `state` (bytes) and the columns that `row` fills.

    `row` gives None where the subject has no place in the projection; nothing is then shown of it. `sealed` are the
    columns that hold something personal, and the paths within the state (`state.schools.urn`; lists add no step, and
    what lies beneath a path belongs to it): an envelope or nothing, as the receipt of an erasure vouches.
    """

    name: str
    version: int
    table: sa.Table
    state: type[S]
    handles: frozenset[str]
    evolve: Callable[[S, Standing], S]
    row: Callable[[S, Secrets], dict[str, Any] | None]
    sealed: frozenset[str] = frozenset()

    def decode(self, saved: bytes) -> Saved[S]:
        found: Saved[S] = _decoder(self.state).decode(saved)  # type: ignore[arg-type]
        return found

    def empty(self) -> Saved[S]:
        return Saved(self.state(), {})


@cache
def _decoder(state: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Saved[state])  # type: ignore[valid-type]


class Kinds:
    """What the projector must know of each fact type: its lane and whether it starts or ends an interval."""

    def __init__(self, catalogue: Mapping[str, Any]) -> None:
        self._lane = {wire: (cls.lane, cls.edge) for wire, cls in catalogue.items()}
        self.versions = Versions(catalogue)

    def lane(self, wire: str) -> str:
        return str(self._lane.get(wire, (wire, "point"))[0])

    def knows(self, fact: Said) -> bool:
        """Whether a fact is of a type and version of the published language as this program has it."""
        return self.versions.knows(fact)

    def order(self, fact: Standing) -> Order:
        return lane_order(fact, self._lane.get(fact.type, ("", "point"))[1])

    @property
    def edges(self) -> Mapping[str, int]:
        return {wire: EDGES[edge] for wire, (_, edge) in self._lane.items()}


def ordered(facts: Iterable[Said], kinds: Kinds) -> list[Standing]:
    """The standing facts of one subject that were not retracted, in effective order."""
    return sorted((f for f in standing(kinds.versions.newest(facts)) if not f.retracted), key=kinds.order)


def fold(projection: Projection[S], facts: Iterable[Said], kinds: Kinds) -> Saved[S]:
    """The state from zero."""
    return _advance(projection, projection.empty(), ordered(facts, kinds), kinds)


def advance(projection: Projection[S], saved: Saved[S], news: Iterable[Said], kinds: Kinds) -> Saved[S] | None:
    """The state after news that come in order; None where the subject must be folded again."""
    fresh = list(news)
    if any(f.type in CORRECTIONS for f in fresh):
        return None
    facts = ordered(fresh, kinds)
    for fact in facts:
        reached = saved.reached.get(kinds.lane(fact.type))
        if reached is not None and kinds.order(fact) < reached:
            return None
    return _advance(projection, saved, facts, kinds)


def _advance(projection: Projection[S], saved: Saved[S], facts: Iterable[Standing], kinds: Kinds) -> Saved[S]:
    state, reached = saved.state, dict(saved.reached)
    for fact in facts:
        if fact.type in projection.handles:
            state = projection.evolve(state, fact)
            reached[kinds.lane(fact.type)] = kinds.order(fact)
        if fact.type == SEALED:
            reached[SEALED] = kinds.order(fact)
    return Saved(state, reached)


def encode(saved: Saved[Any]) -> bytes:
    return msgspec.json.encode(saved, order="deterministic")


@cache
def upsert_sql(table: sa.Table) -> tuple[str, list[str]]:
    """One statement that writes many rows from arrays, and the columns in the order of its arguments."""
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    columns = [c.name for c in table.columns]
    arrays = ", ".join(f"${n}::{column.type.compile(dialect)}[]" for n, column in enumerate(table.columns, start=1))
    changes = ", ".join(f'"{c}" = excluded."{c}"' for c in columns if c != "subject")
    names = ", ".join(f'"{c}"' for c in columns)
    insert = f'insert into "{table.name}" ({names}) select * from unnest({arrays})'  # noqa: S608 - names of our tables
    return f"{insert} on conflict (subject) do update set {changes}", columns


def write_values(projection: Projection[S], subject: UUID, saved: Saved[S], secrets: Secrets) -> dict[str, Any] | None:
    """The whole row of a subject, its state included; None where it has no place, or its record is sealed."""
    row = None if SEALED in saved.reached else projection.row(saved.state, secrets)
    if row is None:
        return None
    return {"subject": subject, "state": encode(saved), **row}
