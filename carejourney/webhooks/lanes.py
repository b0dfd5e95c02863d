"""Lanes that lag: one child's facts of one topic that a webhook has not accepted yet, from a version to a version.

What they hold is read from the store when its turn comes. A lane whose schedule is over is parked: what follows for
that child waits behind it, in order, until it is redriven.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.envelope import Recorded, stored
from carejourney.feed.reading import Place

Placed = tuple[Place, Recorded]

_FIELDS: Final = "topic, subject, version, until_version, waits_since, attempts, due_at, fault"
_WAITING: Final = "select subject from webhook_lane where webhook = $1 and topic = $2 and subject = any($3)"
_ADD: Final = """
insert into webhook_lane (webhook, topic, subject, version, until_version, waits_since, attempts, due_at, fault)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (webhook, topic, subject) do update
  set until_version = greatest(webhook_lane.until_version, excluded.until_version)
"""
_DUE: Final = f"""
select {_FIELDS} from webhook_lane where webhook = $1 and parked_at is null and due_at <= $2 order by due_at limit $3
"""  # noqa: S608 - constants
_LEAST_TRIED: Final = f"""
select {_FIELDS} from webhook_lane where webhook = $1 and parked_at is null order by attempts, due_at limit 1
"""  # noqa: S608 - constants
_FACTS: Final = """
select transaction_id, position, id, headers, payload, topic from fact
where subject = $1 and topic = $2 and topic_version between $3 and $4 order by topic_version limit $5
"""
_LANE: Final = "webhook = $1 and topic = $2 and subject = $3"
_ADVANCE: Final = f"""
update webhook_lane set version = $4, attempts = 0, fault = null, due_at = $5 where {_LANE} and version < $4
"""  # noqa: S608 - constants
_END: Final = f"delete from webhook_lane where {_LANE} and version > until_version"  # noqa: S608 - constants
_FAILED: Final = f"""
update webhook_lane set attempts = attempts + 1, fault = $5, due_at = coalesce($6, due_at),
  parked_at = case when $6::timestamptz is null then $7::timestamptz end, waits_since = $8
where {_LANE} and version = $4
"""  # noqa: S608 - constants
_PAGE: Final = f"""
select {_FIELDS}, parked_at from webhook_lane
where webhook = $1 and parked_at is not null and (topic, subject) > ($2, $3) order by topic, subject limit $4
"""  # noqa: S608 - constants
_REDRIVE: Final = """
update webhook_lane set parked_at = null, attempts = 0, due_at = $2
where webhook = $1 and parked_at is not null and ($3::uuid is null or subject = $3)
"""
_HASTEN: Final = "update webhook_lane set due_at = $2 where webhook = $1 and parked_at is null and due_at > $2"
_NEXT_DUE: Final = """
select w.id, (select min(l.due_at) from webhook_lane l where l.webhook = w.id and l.parked_at is null) as due_at
from webhook w where w.state = 'active'
"""
_COUNTED: Final = """
select webhook, count(*) filter (where parked_at is null) as waiting,
  count(*) filter (where parked_at is not null) as parked,
  min(waits_since) filter (where parked_at is null) as oldest, min(waits_since) as oldest_of_all,
  (array_agg(distinct fault) filter (where fault is not null))[1:3] as faults
from webhook_lane group by webhook
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """The facts of a subject on a topic that are still to be sent; `fault` says why the first was not accepted."""

    topic: str
    subject: UUID
    version: int
    until_version: int
    waits_since: datetime
    attempts: int
    due_at: datetime
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many lanes of a webhook wait and are parked, since when the oldest waits, and some of the reasons."""

    waiting: int = 0
    parked: int = 0
    oldest: datetime | None = None
    oldest_of_all: datetime | None = None
    faults: Sequence[str] = ()


async def waiting(connection: asyncpg.Connection, webhook: UUID, topic: str, subjects: Iterable[UUID]) -> set[UUID]:
    """Those of the subjects whose lanes lag: what comes for them waits its turn."""
    rows = await connection.fetch(_WAITING, webhook, topic, list(subjects))
    return {row["subject"] for row in rows}


async def add(connection: asyncpg.Connection, webhook: UUID, lanes: Sequence[Lane]) -> None:
    """Note what is still to be sent; a lane that lags already gets longer."""
    rows = [
        (webhook, one.topic, one.subject, one.version, one.until_version, one.waits_since, one.attempts, one.due_at,
         one.fault)
        for one in lanes
    ]  # fmt: skip
    await connection.executemany(_ADD, rows)


async def due(connection: asyncpg.Connection, webhook: UUID, now: datetime, limit: int) -> list[Lane]:
    """Lanes to be tried now, the longest due first."""
    return [Lane(*row) for row in await connection.fetch(_DUE, webhook, now, limit)]


async def least_tried(connection: asyncpg.Connection, webhook: UUID) -> Lane | None:
    """A lane to try a failing target with: not always the same, which may be the one it cannot take."""
    row = await connection.fetchrow(_LEAST_TRIED, webhook)
    return None if row is None else Lane(*row)


async def facts_of(connection: asyncpg.Connection, lane: Lane, limit: int) -> list[Placed]:
    """The next facts of a lane, in order, each with its place in the order of publication."""
    rows = await connection.fetch(_FACTS, lane.subject, lane.topic, lane.version, lane.until_version, limit)
    return [(Place(*tuple(row)[:3]), stored(*tuple(row)[3:])) for row in rows]


async def advance(connection: asyncpg.Connection, webhook: UUID, lane: Lane, version: int, now: datetime) -> None:
    """What comes before the version was sent; a lane with nothing left ends."""
    async with connection.transaction():
        await connection.execute(_ADVANCE, webhook, lane.topic, lane.subject, version, now)
        await connection.execute(_END, webhook, lane.topic, lane.subject)


async def note_failure(
    connection: asyncpg.Connection, webhook: UUID, lane: Lane, first: Recorded, fault: str,
    due_at: datetime | None, now: datetime,
) -> None:  # fmt: skip
    """Count a failed attempt at a fact of the lane, due again at that time; without one the lane is parked."""
    since = datetime.fromisoformat(first.time)
    key = (webhook, lane.topic, lane.subject, first.stream_version)
    await connection.execute(_FAILED, *key, fault, due_at, now, since)


async def parked(
    connection: asyncpg.Connection, webhook: UUID, after: tuple[str, UUID], limit: int
) -> list[dict[str, Any]]:
    """Parked lanes in the order of their keys: ids, versions and faults, nothing of a fact."""
    return [dict(row) for row in await connection.fetch(_PAGE, webhook, *after, limit)]


async def redrive(connection: asyncpg.Connection, webhook: UUID, now: datetime, subject: UUID | None) -> int:
    """Have parked lanes tried again from the start of the schedule; how many there were."""
    answer = await connection.execute(_REDRIVE, webhook, now, subject)
    return int(answer.rpartition(" ")[2])


async def hasten(connection: asyncpg.Connection, webhook: UUID, now: datetime) -> None:
    """Have everything that waits and is not parked tried now."""
    await connection.execute(_HASTEN, webhook, now)


async def next_due(connection: asyncpg.Connection) -> dict[UUID, datetime]:
    """By webhook, when the next of its lanes is to be tried."""
    return {row["id"]: row["due_at"] for row in await connection.fetch(_NEXT_DUE) if row["due_at"] is not None}


async def counted(connection: asyncpg.Connection) -> dict[UUID, Count]:
    """By webhook."""
    found = {}
    for row in await connection.fetch(_COUNTED):
        webhook, waits, stands, oldest, of_all, faults = row
        found[webhook] = Count(waits, stands, oldest, of_all, tuple(faults or ()))
    return found
