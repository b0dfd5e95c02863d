"""Parked lanes: one row for a lane that waits, with the fault; how they are chosen, shown and let go.

A lane is parked either by a fault of a projection or reaction on one subject (`projection` is its name, `topic` empty),
or by a gap in a topic (`projection` is `gap`): then what lies beyond the gap waits, and only that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import telemetry
from carejourney.faults import Fault

GAP: Final = "gap"

_PARK: Final = """
insert into parked (projection, subject, topic, fact, reason, place) values ($1, $2, $3, $4, $5, $6)
on conflict (projection, subject, topic) do update
  set attempts = parked.attempts + 1, tried_at = now(), fact = excluded.fact, reason = excluded.reason,
  place = excluded.place
returning attempts
"""
_GAP: Final = """
insert into parked (projection, subject, topic, fact, reason, attempts)
select 'gap', w.subject, w.topic, w.fact, 'gap', 0
from unnest($1::uuid[], $2::text[], $3::uuid[]) as w(subject, topic, fact)
on conflict (projection, subject, topic) do update set fact = excluded.fact, attempts = 0, tried_at = now()
  where parked.fact is distinct from excluded.fact
"""
_HEALED: Final = """
delete from parked p using unnest($1::uuid[], $2::text[]) as w(subject, topic), lane l
where p.projection = 'gap' and p.subject = w.subject and p.topic = w.topic
and l.subject = p.subject and l.topic = p.topic and not exists (
  select 1 from received r where r.subject = p.subject and r.topic = p.topic and r.topic_version > l.version)
"""
_UNPARK: Final = """
delete from parked p using unnest($1::text[], $2::uuid[]) as w(projection, subject)
where p.projection = w.projection and p.subject = w.subject and p.topic = ''
"""
_WHERE: Final = """
($1::uuid is null or p.fact = $1) and ($2::uuid is null or p.subject = $2) and ($3::text is null or p.reason = $3)
and ($4::text is null or p.projection = $4)
"""
_PAGE: Final = f"""
select p.projection, p.subject, p.topic, p.fact, p.reason, p.place, p.parked_at, p.attempts, p.tried_at from parked p
where {_WHERE} and (p.projection, p.subject, p.topic) > ($5, $6, $7)
and p.parked_at <= coalesce($9::timestamptz, 'infinity')
order by p.projection, p.subject, p.topic limit $8
"""  # noqa: S608 - put together from constants
_COUNT: Final = f"select p.reason, count(*) from parked p where {_WHERE} group by p.reason order by 2 desc, 1"  # noqa: S608 - as above
_ABOUT: Final = """
select p.projection, p.subject, p.topic, f.topic as from_topic, f.type, case p.projection
  when 'gap' then (select count(*) from received r where r.subject = p.subject and r.topic = p.topic
    and r.topic_version > coalesce(l.version, 0))
  else (select count(*) from received r where r.subject = p.subject and r.arrival > f.arrival)
  end as waiting, l.version
from unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[]) as p(projection, subject, topic, fact)
left join received f on f.subject = p.subject and f.id = p.fact
left join lane l on l.subject = p.subject and l.topic = p.topic
"""

Key = tuple[str, UUID, str]
BEGIN: Final[Key] = ("", UUID(int=0), "")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked lanes are meant: those that fit everything that is named; all where nothing is."""

    fact: UUID | None = None
    child: UUID | None = None
    reason: str | None = None
    projection: str | None = None

    @property
    def arguments(self) -> tuple[UUID | None, UUID | None, str | None, str | None]:
        return self.fact, self.child, self.reason, self.projection

    @property
    def named(self) -> dict[str, str]:
        """What is named, for the record and for addresses."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}


async def park(
    connection: asyncpg.Connection, service: str, name: str, subject: UUID, fact: UUID | None, fault: Fault
) -> None:
    """Park what `name` makes of a subject; a lane that is parked already counts another attempt."""
    attempts = await connection.fetchval(_PARK, name, subject, "", fact, fault.kind, fault.place)
    if attempts == 1:
        telemetry.PARKED.labels(service).inc()


async def park_gaps(connection: asyncpg.Connection, gaps: Mapping[tuple[UUID, str], UUID]) -> None:
    """Note that these lanes wait for a fact before the one named."""
    if gaps:
        lanes = sorted(gaps)
        facts = [gaps[lane] for lane in lanes]
        await connection.execute(_GAP, [subject for subject, _ in lanes], [topic for _, topic in lanes], facts)


async def unpark_gaps(connection: asyncpg.Connection, lanes: Iterable[tuple[UUID, str]]) -> None:
    """Let go of lanes beyond whose end nothing waits any more."""
    healed = sorted(set(lanes))
    if healed:
        await connection.execute(_HEALED, [subject for subject, _ in healed], [topic for _, topic in healed])


async def unpark(connection: asyncpg.Connection, lanes: Iterable[tuple[str, UUID]]) -> int:
    """Let go of lanes by projection (or reaction) and subject; how many there were."""
    done = sorted(set(lanes))
    if not done:
        return 0
    answer = await connection.execute(_UNPARK, [name for name, _ in done], [subject for _, subject in done])
    return int(answer.rpartition(" ")[2])


async def page(
    connection: asyncpg.Connection,
    selection: Selection,
    *,
    after: Key = BEGIN,
    limit: int = 50,
    before: datetime | None = None,
) -> list[asyncpg.Record]:
    """The next parked lanes in the order of their keys; with `before`, only those parked by then."""
    rows: list[asyncpg.Record] = await connection.fetch(_PAGE, *selection.arguments, *after, limit, before)
    return rows


async def counted(connection: asyncpg.Connection, selection: Selection) -> dict[str, int]:
    """How many lanes are parked, by reason."""
    return dict(await connection.fetch(_COUNT, *selection.arguments))


async def described(connection: asyncpg.Connection, lanes: Sequence[asyncpg.Record]) -> list[dict[str, Any]]:
    """What an operator is told of these lanes: no value of a fact, only ids, types, kinds and places."""
    rows = await connection.fetch(
        _ABOUT,
        [lane["projection"] for lane in lanes],
        [lane["subject"] for lane in lanes],
        [lane["topic"] for lane in lanes],
        [lane["fact"] for lane in lanes],
    )
    about = {(row["projection"], row["subject"], row["topic"]): row for row in rows}
    return [_shown(lane, about[lane["projection"], lane["subject"], lane["topic"]]) for lane in lanes]


def _shown(lane: asyncpg.Record, about: asyncpg.Record) -> dict[str, Any]:
    gap = lane["projection"] == GAP
    return {
        "projection": lane["projection"],
        "subject": str(lane["subject"]),
        "topic": lane["topic"] or about["from_topic"],
        "fact": str(lane["fact"]) if lane["fact"] else None,
        "type": about["type"],
        "reason": lane["reason"],
        "place": f"after version {about['version'] or 0}" if gap else lane["place"],
        "since": lane["parked_at"].isoformat(),
        "waiting": about["waiting"] or 0,
        "attempts": lane["attempts"],
        "tried": lane["tried_at"].isoformat(),
    }


_UNREADABLE: Final = """
select topic, partition, record_offset as "offset", subject, reason, found_at, acknowledged_at, acknowledged_by
from unreadable where $1 or acknowledged_at is null order by found_at, topic, partition, record_offset limit $2
"""
_CONFLICTS: Final = """
select topic, partition, record_offset as "offset", subject, topic_version as version, fact, kept, found_at,
  acknowledged_at, acknowledged_by
from conflict where $1 or acknowledged_at is null order by found_at, topic, subject limit $2
"""
_UNKNOWN: Final = "select schema, facts, first_at, last_at from unknown_kind order by schema limit $1"
_SET_ASIDE: Final = """
insert into unreadable (topic, partition, record_offset, subject, reason) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""
_CONFLICT: Final = """
insert into conflict (topic, subject, topic_version, digest, fact, kept, partition, record_offset)
values ($1, $2, $3, sha256($4), $5, $6, $7, $8) on conflict do nothing
"""
_KIND: Final = """
insert into unknown_kind (schema, facts) values ($1, $2)
on conflict (schema) do update set facts = unknown_kind.facts + excluded.facts, last_at = now()
"""


async def set_aside(
    connection: asyncpg.Connection, place: tuple[str, int, int], subject: UUID | None, reason: str
) -> None:
    """Keep the place of a record that holds no fact, so that nothing is lost unseen."""
    await connection.execute(_SET_ASIDE, *place, subject, reason)


async def keep_conflict(
    connection: asyncpg.Connection, fact: Any, kept: UUID, partition: int | None, offset: int | None
) -> None:
    """Keep where a fact stands whose place in its lane another fact holds."""
    digested = fact.packed_headers() + fact.payload
    await connection.execute(
        _CONFLICT, fact.topic, fact.subject, fact.stream_version, digested, UUID(fact.id), kept, partition, offset
    )


async def keep_kinds(connection: asyncpg.Connection, kinds: Mapping[str, int]) -> None:
    """Count facts of types or versions that this program does not know."""
    if kinds:
        await connection.executemany(_KIND, sorted(kinds.items()))


async def oddities(connection: asyncpg.Connection, *, acknowledged: bool, limit: int) -> dict[str, Any]:
    """Unreadable records, conflicts, and unknown kinds of facts: `{unreadable, conflicts, unknown}`."""
    return {
        "unreadable": [_plain(r) for r in await connection.fetch(_UNREADABLE, acknowledged, limit)],
        "conflicts": [_plain(r) for r in await connection.fetch(_CONFLICTS, acknowledged, limit)],
        "unknown": [_plain(r) for r in await connection.fetch(_UNKNOWN, limit)],
    }


async def acknowledge(connection: asyncpg.Connection, topic: str, partition: int, offset: int, actor: str) -> bool:
    """Note who has seen to a record, and when; False where none of that place is unacknowledged."""
    done = 0
    for table in ("unreadable", "conflict"):
        answer = await connection.execute(
            f"update {table} set acknowledged_at = now(), acknowledged_by = $4"  # noqa: S608 - two names of our own
            " where topic = $1 and partition = $2 and record_offset = $3 and acknowledged_at is null",
            topic, partition, offset, actor,
        )  # fmt: skip
        done += int(answer.rpartition(" ")[2])
    return done > 0


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
