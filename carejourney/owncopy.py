"""A service's own copy of the facts it listens to, as bytes, dense by subject and topic."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from carejourney.envelope import Recorded, stored
from carejourney.ids import parsed_id

_COLUMNS = ("subject", "topic", "topic_version", "id", "type", "authority", "headers", "payload")

_LANES = """
select w.subject, w.topic, l.version, p.subject is not null as waits,
  (select exists (select from dismissed)) as dismissing
from unnest($1::uuid[], $2::text[]) as w(subject, topic)
left join lane l on l.subject = w.subject and l.topic = w.topic
left join parked p on p.projection = 'gap' and p.subject = l.subject and p.topic = l.topic
"""
_DISMISSED = """
select d.subject, d.topic, d.topic_version, d.id from dismissed d
join unnest($1::uuid[], $2::text[]) as w(subject, topic) on d.subject = w.subject and d.topic = w.topic
"""
_MOVE = """
insert into lane (subject, topic, version, authority)
select * from unnest($1::uuid[], $2::text[], $3::int[], $4::text[])
on conflict (subject, topic) do update set version = excluded.version
"""
_BEYOND = """
select r.headers, r.payload, r.topic from received r
join unnest($1::uuid[], $2::text[]) as w(subject, topic) on r.subject = w.subject and r.topic = w.topic
join lane l on l.subject = r.subject and l.topic = r.topic and r.topic_version > l.version
"""
_FACTS = """
select r.subject, r.topic, r.headers, r.payload from received r
join lane l on l.subject = r.subject and l.topic = r.topic and r.topic_version <= l.version
where r.subject = any($1) order by r.subject, r.topic, r.topic_version
"""

_OTHERS = """
select w.place, r.id, r.headers, r.payload from received r
join unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::bytea[], $6::bytea[]) with ordinality
  as w(subject, topic, version, id, headers, payload, place)
  on r.subject = w.subject and r.topic = w.topic and r.topic_version = w.version
where r.id <> w.id or r.payload <> w.payload or r.headers <> w.headers
"""
_OF_THE_WAY = frozenset({"traceparent", "tracestate"})

Lane = tuple[UUID, str]
Place = tuple[UUID, str, int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A fact whose place in its lane is taken by another: the one that came first, by its id, is kept."""

    fact: Recorded
    kept: UUID


@dataclass(slots=True)
class Sorted:
    """A batch against the copy: what is next in its lane, what lies beyond a gap, what was seen before.

    `caught_up` are facts kept beyond a former gap that came to be next; `healed` are their lanes. `gaps` names the
    first fact beyond each gap that is still there.
    """

    fresh: list[Recorded] = field(default_factory=list)
    beyond: list[Recorded] = field(default_factory=list)
    repeated: list[Recorded] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    gaps: dict[Lane, Recorded] = field(default_factory=dict)
    healed: list[Lane] = field(default_factory=list)
    caught_up: list[Recorded] = field(default_factory=list)

    @property
    def news(self) -> list[Recorded]:
        """What takes effect now."""
        return [*self.fresh, *self.caught_up]

    @property
    def duplicates(self) -> int:
        """Facts that were here already, the same to the byte."""
        return len(self.repeated) - len(self.conflicts)


async def take(connection: asyncpg.Connection, facts: Sequence[Recorded], keep: frozenset[str] | None) -> Sorted:
    """Add a batch to the copy. Facts whose type is not in `keep` only move their lane (None keeps all).

    What was dismissed, since its owner never recorded it, stays out however often it is read.
    """
    lanes = sorted({(fact.subject, fact.topic) for fact in facts})
    rows = await connection.fetch(_LANES, [s for s, _ in lanes], [t for _, t in lanes])
    if rows and rows[0]["dismissing"]:
        facts = await _not_dismissed(connection, lanes, facts)
    versions = {(r["subject"], r["topic"]): r["version"] for r in rows if r["version"] is not None}
    before = dict(versions)
    held = await _held(connection, {(r["subject"], r["topic"]) for r in rows if r["waits"]})
    result = _sort(facts, versions, held)
    _heal(result, held.values(), versions)
    stepped_over = set(map(id, result.caught_up))
    added = [_row(f) for f in result.fresh if keep is None or f.type in keep]
    added += [_row(f) for f in result.beyond if keep is None or f.type in keep or id(f) not in stepped_over]
    if added:
        await connection.copy_records_to_table("received", records=added, columns=_COLUMNS)
    await _move(connection, facts, before, versions)
    result.conflicts = await _conflicts(connection, result.repeated)
    return result


async def _not_dismissed(
    connection: asyncpg.Connection, lanes: Sequence[Lane], facts: Sequence[Recorded]
) -> Sequence[Recorded]:
    rows = await connection.fetch(_DISMISSED, [s for s, _ in lanes], [t for _, t in lanes])
    out = {tuple(row) for row in rows}
    return [f for f in facts if (f.subject, f.topic, f.stream_version, parsed_id(f.id)) not in out] if out else facts


async def _move(
    connection: asyncpg.Connection, facts: Sequence[Recorded], before: dict[Lane, int], versions: dict[Lane, int]
) -> None:
    """Write how far each lane has come; one that waits at a gap is written too, so that it is known to wait."""
    authority = {(f.subject, f.topic): f.headers["ce_authority"] for f in facts}
    moved = [lane for lane in authority if lane not in before or before[lane] != versions.get(lane, 0)]
    if moved:
        await connection.execute(
            _MOVE,
            [subject for subject, _ in moved],
            [topic for _, topic in moved],
            [versions.get(lane, 0) for lane in moved],
            [authority[lane] for lane in moved],
        )


def _sort(facts: Iterable[Recorded], versions: dict[Lane, int], held: Mapping[Place, Recorded]) -> Sorted:
    result = Sorted()
    ahead: dict[Place, Recorded] = {}
    for fact in facts:
        lane = (fact.subject, fact.topic)
        version = fact.stream_version
        expected = versions.get(lane, 0) + 1
        place = (*lane, version)
        if version < expected or place in held or place in ahead:
            result.repeated.append(fact)
        elif version > expected:
            ahead[place] = fact
        else:
            versions[lane] = expected
            result.fresh.append(fact)
    result.beyond = list(ahead.values())
    return result


async def _held(connection: asyncpg.Connection, lanes: Iterable[Lane]) -> dict[Place, Recorded]:
    """What is kept beyond the gaps of these lanes."""
    waiting = sorted(lanes)
    if not waiting:
        return {}
    rows = await connection.fetch(_BEYOND, [subject for subject, _ in waiting], [topic for _, topic in waiting])
    facts = (stored(row["headers"], row["payload"], row["topic"]) for row in rows)
    return {(fact.subject, fact.topic, fact.stream_version): fact for fact in facts}


def _heal(result: Sorted, held: Iterable[Recorded], versions: dict[Lane, int]) -> None:
    """Where a gap was filled, what was kept beyond it is next; where one is left, its first fact is named."""
    for fact in sorted([*held, *result.beyond], key=lambda f: f.stream_version):
        lane = (fact.subject, fact.topic)
        if fact.stream_version == versions.get(lane, 0) + 1:
            versions[lane] = fact.stream_version
            result.healed.append(lane)
            result.caught_up.append(fact)
        elif fact.stream_version > versions.get(lane, 0):
            result.gaps.setdefault(lane, fact)


async def _conflicts(connection: asyncpg.Connection, repeated: Sequence[Recorded]) -> list[Conflict]:
    """Of facts whose place was taken, those that are not what is kept there. What is not kept cannot be compared."""
    if not repeated:
        return []
    rows = await connection.fetch(
        _OTHERS,
        [f.subject for f in repeated],
        [f.topic for f in repeated],
        [f.stream_version for f in repeated],
        [UUID(f.id) for f in repeated],
        [f.packed_headers() for f in repeated],
        [f.payload for f in repeated],
    )
    return [
        Conflict(fact, row["id"])
        for row in rows
        if _contradicts(fact := repeated[row["place"] - 1], stored(row["headers"], row["payload"], fact.topic))
    ]


def _contradicts(fact: Recorded, kept: Recorded) -> bool:
    """Whether two facts of one place differ in more than the trace they travelled with."""
    return fact.payload != kept.payload or _said(fact) != _said(kept)


def _said(fact: Recorded) -> dict[str, str]:
    return {name: value for name, value in fact.headers.items() if name not in _OF_THE_WAY}


def _row(fact: Recorded) -> tuple[UUID, str, int, UUID, str, str, bytes, bytes]:
    headers = fact.headers
    return (
        fact.subject, fact.topic, fact.stream_version, parsed_id(fact.id), fact.type, headers["ce_authority"],
        fact.packed_headers(), fact.payload,
    )  # fmt: skip


async def facts_of(connection: asyncpg.Connection, subjects: Iterable[UUID]) -> dict[UUID, list[Recorded]]:
    """Everything the copy holds of these subjects, up to the first gap of each lane."""
    wanted = list(subjects)
    found: dict[UUID, list[Recorded]] = {subject: [] for subject in wanted}
    for subject, topic, headers, payload in await connection.fetch(_FACTS, wanted):
        found[subject].append(stored(headers, payload, topic))
    return found
