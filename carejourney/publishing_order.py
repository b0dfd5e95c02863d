"""The order in which facts are published: that of commit, and of each subject on each topic that of the versions."""

from typing import Final
from uuid import UUID

import asyncpg

_EARLIER: Final = """
select f.transaction_id, f.position, f.id, f.subject, f.topic, f.topic_version, f.headers, f.payload, f.recorded_at
from fact f join unnest($1::uuid[], $2::text[], $3::int[]) as w(subject, topic, topic_version)
  on f.subject = w.subject and f.topic = w.topic and f.topic_version = w.topic_version
where (f.transaction_id, f.position) > ($4::xid8, $5)
"""

Cursor = tuple[int, int]
Version = tuple[UUID, str, int]


async def with_earlier(
    connection: asyncpg.Connection, after: Cursor, rows: list[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The rows in version order, with what must go before them; `after` is the mark that the relay has reached.

    A transaction may have its id before it waits for a stream that a later one holds: then the order of commit is not
    that of the versions. What a row builds on is committed, so it is brought forward; its own turn sends it again.
    """
    found = await _before(connection, after, _unpreceded(rows))
    if not found:
        return rows
    everything = {_version_of(row): row for row in rows}
    while found:
        everything.update((_version_of(row), row) for row in found)
        wanted = {(s, t, v - 1) for s, t, v in map(_version_of, found) if v > 1} - everything.keys()
        found = await _before(connection, after, wanted)
    return sorted(everything.values(), key=lambda row: row["topic_version"])


def _version_of(row: asyncpg.Record) -> Version:
    return row["subject"], row["topic"], row["topic_version"]


def _unpreceded(rows: list[asyncpg.Record]) -> set[Version]:
    """What these rows build on that does not stand right before them among their own."""
    last: dict[tuple[UUID, str], int] = {}
    wanted = set()
    for row in rows:
        subject, topic, version = _version_of(row)
        lane = (subject, topic)
        if last.get(lane, 0) != version - 1:
            wanted.add((subject, topic, version - 1))
        last[lane] = version
    return wanted


async def _before(connection: asyncpg.Connection, after: Cursor, wanted: set[Version]) -> list[asyncpg.Record]:
    """Those of the wanted facts that come after the mark: the others were published long ago."""
    places = sorted(wanted)
    if not places:
        return []
    found: list[asyncpg.Record] = await connection.fetch(
        _EARLIER, [s for s, _, _ in places], [t for _, t, _ in places], [v for _, _, v in places], *after
    )
    return found
