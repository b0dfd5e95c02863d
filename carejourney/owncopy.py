"""A service's own copy of the facts it listens to, as bytes, dense by subject and topic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from carejourney.envelope import Recorded, stored

_COLUMNS = ("subject", "topic", "topic_version", "id", "type", "authority", "headers", "payload")

_LANES = """
select l.subject, l.topic, l.version from lane l
join unnest($1::uuid[], $2::text[]) as w(subject, topic) on l.subject = w.subject and l.topic = w.topic
"""
_MOVE = """
insert into lane (subject, topic, version) select * from unnest($1::uuid[], $2::text[], $3::int[])
on conflict (subject, topic) do update set version = excluded.version
"""
_BEYOND = """
select r.headers, r.payload, r.topic from received r
join unnest($1::uuid[], $2::text[], $3::int[]) as w(subject, topic, version)
  on r.subject = w.subject and r.topic = w.topic and r.topic_version > w.version
order by r.subject, r.topic, r.topic_version
"""
_FACTS = """
select r.subject, r.topic, r.headers, r.payload from received r
join lane l on l.subject = r.subject and l.topic = r.topic and r.topic_version <= l.version
where r.subject = any($1) order by r.subject, r.topic, r.topic_version
"""

Lane = tuple[UUID, str]


@dataclass(slots=True)
class Sorted:
    """A batch against the copy: what is next in its lane, what lies beyond a gap, what was seen before."""

    fresh: list[Recorded] = field(default_factory=list)
    beyond: list[Recorded] = field(default_factory=list)
    duplicates: int = 0
    gaps: dict[Lane, Recorded] = field(default_factory=dict)
    healed: list[Lane] = field(default_factory=list)


async def take(connection: asyncpg.Connection, facts: Sequence[Recorded], keep: frozenset[str] | None) -> Sorted:
    """Add a batch to the copy. Facts whose type is not in `keep` only move their lane (None keeps all)."""
    lanes = sorted({(fact.subject, fact.topic) for fact in facts})
    versions = {(s, t): v for s, t, v in await connection.fetch(_LANES, [s for s, _ in lanes], [t for _, t in lanes])}
    before = dict(versions)
    result = _sort(facts, versions)
    await _heal(connection, result, before, versions)
    rows = [_row(f) for f in (*result.fresh, *result.beyond) if keep is None or f.type in keep or f in result.beyond]
    known = await _known(connection, result.beyond)
    rows = [r for r in rows if (r[0], r[1], r[2]) not in known]
    if rows:
        await connection.copy_records_to_table("received", records=rows, columns=_COLUMNS)
    moved = [(lane, v) for lane, v in versions.items() if before.get(lane) != v]
    if moved:
        await connection.execute(_MOVE, [s for (s, _), _ in moved], [t for (_, t), _ in moved], [v for _, v in moved])
    return result


def _sort(facts: Iterable[Recorded], versions: dict[Lane, int]) -> Sorted:
    result = Sorted()
    ahead: dict[tuple[UUID, str, int], Recorded] = {}
    for fact in facts:
        lane = (fact.subject, fact.topic)
        expected = versions.get(lane, 0) + 1
        if fact.stream_version < expected:
            result.duplicates += 1
        elif fact.stream_version > expected:
            ahead.setdefault((*lane, fact.stream_version), fact)
            result.gaps.setdefault(lane, fact)
        else:
            versions[lane] = expected
            result.fresh.append(fact)
    result.beyond = list(ahead.values())
    return result


async def _heal(
    connection: asyncpg.Connection, result: Sorted, before: dict[Lane, int], versions: dict[Lane, int]
) -> None:
    """Where a lane moved, facts kept beyond a former gap may now be next."""
    moved = [lane for lane, v in versions.items() if before.get(lane) != v]
    rows = await connection.fetch(
        _BEYOND, [s for s, _ in moved], [t for _, t in moved], [versions[lane] for lane in moved]
    ) if moved else []  # fmt: skip
    waiting = sorted(
        [*(stored(r["headers"], r["payload"], r["topic"]) for r in rows), *result.beyond],
        key=lambda f: f.stream_version,
    )
    for fact in waiting:
        lane = (fact.subject, fact.topic)
        if fact.stream_version == versions.get(lane, 0) + 1:
            versions[lane] = fact.stream_version
            result.healed.append(lane)
    result.gaps = {lane: fact for lane, fact in result.gaps.items() if fact.stream_version > versions.get(lane, 0)}


async def _known(connection: asyncpg.Connection, facts: Sequence[Recorded]) -> set[tuple[UUID, str, int]]:
    if not facts:
        return set()
    rows = await connection.fetch(
        "select r.subject, r.topic, r.topic_version from received r"
        " join unnest($1::uuid[], $2::text[], $3::int[]) as w(subject, topic, version)"
        " on r.subject = w.subject and r.topic = w.topic and r.topic_version = w.version",
        [f.subject for f in facts],
        [f.topic for f in facts],
        [f.stream_version for f in facts],
    )
    return {(r[0], r[1], r[2]) for r in rows}


def _row(fact: Recorded) -> tuple[UUID, str, int, UUID, str, str, bytes, bytes]:
    headers = fact.headers
    return (
        fact.subject, fact.topic, fact.stream_version, UUID(fact.id), fact.type, headers["ce_authority"],
        fact.packed_headers(), fact.payload,
    )  # fmt: skip


async def facts_of(connection: asyncpg.Connection, subjects: Iterable[UUID]) -> dict[UUID, list[Recorded]]:
    """Everything the copy holds of these subjects, up to the first gap of each lane."""
    wanted = list(subjects)
    found: dict[UUID, list[Recorded]] = {subject: [] for subject in wanted}
    for subject, topic, headers, payload in await connection.fetch(_FACTS, wanted):
        found[subject].append(stored(headers, payload, topic))
    return found
