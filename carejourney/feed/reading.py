"""A service's own facts, topic by topic, in the order of publication.

They are read below the oldest running transaction, so that a commit which becomes visible late is never skipped: as
long as it runs, what came after it is not given either. Within a subject the order is that of the versions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from carejourney.envelope import Recorded, stored

# A look passes over so many facts of any topic at most, so that it is bounded however rare the topic is.
LOOK: Final = 5_000
# How many later versions are looked at to know a fact that was given before its turn; one overtaken by more of them
# is given twice, with the same id.
OVERTAKING: Final = 16


class Place(NamedTuple):
    """How far a reader has come: the transaction and position of the last fact passed, of whatever topic, and its id.

    The id tells whether it is still the same store. No fact up to here has a position above `highest`, where that is
    known: what lies above it cannot have been given before its turn. A place says how much was passed: show it to
    nobody.
    """

    transaction_id: int
    position: int
    fact: UUID | None = None
    highest: int | None = None


START: Final = Place(0, 0, None, 0)
Version = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found after a place: each fact with the place from which to go on after it.

    `reached` is the place from which to go on after all of it; `more` says that there is more already.
    """

    facts: list[tuple[Place, Recorded]] = field(default_factory=list)
    reached: Place = START
    more: bool = False


_READ: Final = """
select transaction_id, position, id, subject, topic, topic_version,
  case when topic = $3 then headers end as headers, case when topic = $3 then payload end as payload
from fact
where (transaction_id, position) > ($1::xid8, $2) and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id, position
limit $4
"""
_BEFORE: Final = """
select f.transaction_id, f.position, f.id, f.subject, f.topic, f.topic_version, f.headers, f.payload
from fact f join unnest($1::uuid[], $2::int[], $3::xid8[], $4::bigint[])
  as w(subject, topic_version, transaction_id, position)
  on f.subject = w.subject and f.topic_version = w.topic_version
where f.topic = $5 and (f.transaction_id, f.position) > (w.transaction_id, w.position)
"""
_GIVEN_BEFORE: Final = """
select w.subject, w.topic_version
from unnest($1::uuid[], $2::int[], $3::xid8[], $4::bigint[]) as w(subject, topic_version, transaction_id, position)
where exists (
  select from fact f
  where f.subject = w.subject and f.topic = $5
    and f.topic_version between w.topic_version + 1 and w.topic_version + $6
    and (f.transaction_id, f.position) < (w.transaction_id, w.position)
)
"""
_NEWEST: Final = """
select transaction_id, position, id from fact where transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id desc, position desc limit 1
"""
_THERE: Final = "select id from fact where transaction_id = $1::xid8 and position = $2"


async def read_after(connection: asyncpg.Connection, topic: str, after: Place, limit: int) -> Stretch:
    """The next facts of a topic, about `limit` of them. That there are fewer does not mean that there are no more."""
    rows: list[asyncpg.Record] = []
    own: list[int] = []
    place, more, look = after, True, limit + 1
    while more and len(own) <= limit and len(rows) < LOOK:
        found = await connection.fetch(_READ, *place[:2], topic, look)
        own += [len(rows) + n for n, row in enumerate(found) if row["topic"] == topic]
        rows += found
        more, place = len(found) == look, _place_of(found[-1], None) if found else place
        look = min(look * 4, LOOK)
    if len(own) > limit:
        rows, more = rows[: own[limit]], True
    if not rows:
        return Stretch(reached=after)
    places = list(_places(after, rows))
    facts = await _in_version_order(connection, topic, after, list(zip(places, rows, strict=True)))
    return Stretch(facts, places[-1], more)


async def newest(connection: asyncpg.Connection) -> Place:
    """The place after everything that can be given now."""
    row = await connection.fetchrow(_NEWEST)
    return START if row is None else _place_of(row, None)


async def still_there(connection: asyncpg.Connection, place: Place) -> bool:
    """Whether the fact that the place was taken from lies there still: if not, it was another store."""
    return place.fact is None or place.fact == await connection.fetchval(_THERE, *place[:2])


def _place_of(row: asyncpg.Record, highest: int | None) -> Place:
    return Place(row["transaction_id"], row["position"], row["id"], highest)


def _places(after: Place, rows: Iterable[asyncpg.Record]) -> Iterator[Place]:
    """The place after each row."""
    highest = after.highest
    for row in rows:
        highest = None if highest is None else max(highest, row["position"])
        yield _place_of(row, highest)


async def _in_version_order(
    connection: asyncpg.Connection, topic: str, after: Place, rows: Sequence[tuple[Place, asyncpg.Record]]
) -> list[tuple[Place, Recorded]]:
    """Each fact once, with what it builds on before it.

    A transaction may have its id before it waits for a stream that a later one holds: then the order of the places is
    not that of the versions. What a fact builds on is committed; it is brought forward, and left out at its own turn.
    """
    own = [(place, row) for place, row in rows if row["topic"] == topic]
    doubtful = [row for place, row in own if place.highest is None or place.highest > row["position"]]
    given = await _given_before(connection, topic, doubtful)
    early = await _brought_forward(connection, topic, [row for _, row in own if _version_of(row) not in given])
    facts: list[tuple[Place, Recorded]] = []
    before = after
    for place, row in rows:
        if row["topic"] == topic and _version_of(row) not in given:
            facts += [(before, _fact(one)) for one in early.get(_version_of(row), ())]
            facts.append((place, _fact(row)))
        before = place
    return facts


def _version_of(row: asyncpg.Record) -> Version:
    return row["subject"], row["topic_version"]


def _fact(row: asyncpg.Record) -> Recorded:
    return stored(row["headers"], row["payload"], row["topic"])


async def _given_before(connection: asyncpg.Connection, topic: str, rows: Sequence[asyncpg.Record]) -> set[Version]:
    """Those that a later version, which has an earlier place, has brought forward already."""
    columns = [[row[name] for row in rows] for name in ("subject", "topic_version", "transaction_id", "position")]
    found = await connection.fetch(_GIVEN_BEFORE, *columns, topic, OVERTAKING) if rows else []
    return {_version_of(row) for row in found}


async def _brought_forward(
    connection: asyncpg.Connection, topic: str, rows: Sequence[asyncpg.Record]
) -> dict[Version, list[asyncpg.Record]]:
    """By fact, the versions before it that have a later place, in order."""
    early: dict[Version, list[asyncpg.Record]] = {}
    passed: set[Version] = set()
    wanted: dict[Version, asyncpg.Record] = {}
    for row in rows:
        subject, version = _version_of(row)
        if version > 1 and (subject, version - 1) not in passed:
            wanted[subject, version - 1] = row
        passed.add((subject, version))
    while wanted:
        found = await connection.fetch(
            _BEFORE, [s for s, _ in wanted], [v for _, v in wanted],
            [row["transaction_id"] for row in wanted.values()], [row["position"] for row in wanted.values()], topic,
        )  # fmt: skip
        following, wanted = wanted, {}
        for row in found:
            subject, version = _version_of(row)
            cause = following[subject, version]
            early.setdefault(_version_of(cause), []).insert(0, row)
            if version > 1:
                wanted[subject, version - 1] = cause
    return early
