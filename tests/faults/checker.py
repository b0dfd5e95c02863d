"""The independent judge: after a fault, what was promised is compared with what stores, topics and tables hold.

In the manner of a queue workload: whatever was acknowledged must be there, once and in order, and nothing else may be.
It shares no code with what stores, relays, projects or copies, nor with `carejourney verify`, which is run beside it.
Of the product it uses what a service says of itself (topics, kept types), the pure functions by which a projection is
defined, and the reading of envelopes and keys that these need.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from carejourney.envelope import CORRECTED, RETRACTED, stored
from carejourney.keys import FileKey, SubjectKey
from carejourney.projection import Kinds, Projection, Secrets, fold, write_values
from carejourney.service import Parts
from tests.faults.evidence import Evidence, Fact, Record, gather, log_ends
from tests.faults.load import Load
from tests.faults.verifying import judged, verify
from tests.faults.waiting import until
from tests.faults.world import World

SHOWN: Final = 5
QUIET_SECONDS: Final = 180

_UNPUBLISHED: Final = """
select count(*) from fact f, relay_mark m where (f.transaction_id, f.position) > (m.transaction_id, m.position)
"""


@dataclass(frozen=True)
class Expected:
    """What a case leaves on purpose: lanes that are parked, by service, projection and subject."""

    parked: frozenset[tuple[str, str, UUID]] = field(default_factory=frozenset)


async def check(world: World, load: Load, expected: Expected = Expected()) -> float:
    """Wait for quiet and judge; the seconds until quiet. AssertionError with the first problems found."""
    seconds = await quiet(world)
    evidence = await gather(world)
    problems = [
        *published(world, evidence),
        *in_order(world, evidence),
        *commanded(load, evidence),
        *(p for service in world.services for p in listened(world, service, evidence, expected)),
    ]
    for service in world.services:
        problems += await visible(world, service, evidence)
    facts = len(list(evidence.facts()))
    problems += judged(world, await verify(world), expected.parked, forged(world, evidence), facts)
    assert not problems, f"{len(problems)} problems: " + "; ".join(problems[:SHOWN])
    return seconds


async def quiet(world: World, seconds: float = QUIET_SECONDS) -> float:
    """Wait until nothing is left to do, without hands (I6); how long that took."""
    begun = time.monotonic()
    left = ""

    async def done() -> bool:
        nonlocal left
        left = await _left(world)
        return not left

    try:
        await until(done, "lag back to zero", seconds, pause=0.1)
    except TimeoutError as error:
        raise AssertionError(f"lag did not return to zero within {seconds} s: {left}") from error
    return time.monotonic() - begun


async def _left(world: World) -> str:
    """What is still to be done, in words; empty where all is quiet."""
    for service in world.services:
        state = await (await world.replica(service)).state()
        if not state.get("ready") or state.get("unapplied") or state.get("unpublished"):
            return f"{service} says {state}"
        async with world.admin(service) as admin:
            if unpublished := await admin.fetchval(_UNPUBLISHED):
                return f"{unpublished} facts of {service} are not published"
    return await _behind(world)


async def _behind(world: World) -> str:
    """Which service's checkpoints are not at the ends of their partitions, whoever owns those now."""
    heard = {topic for service in world.services for topic in world.parts(service).listens}
    own = {topic for service in world.services for topic in world.parts(service).topics}
    ends = await log_ends(world, heard & own)
    for service in world.services:
        async with world.admin(service) as admin:
            rows = await admin.fetch("select topic, partition, next_offset from checkpoint")
        reached = {(topic, partition): offset for topic, partition, offset in rows}
        behind = [p for p, end in ends.items() if p[0] in world.parts(service).listens and reached.get(p, 0) != end]
        if behind:
            return f"{service} has not come to the end of {len(behind)} partitions"
    return ""


def published(world: World, evidence: Evidence) -> Iterator[str]:
    """I1: every committed fact is in Kafka, in the very bytes, and nothing that was never committed."""
    held = {fact.id: fact for fact in evidence.facts()}
    seen: set[str] = set()
    for record in evidence.records:
        if record.place in world.planted:
            continue
        fact = held.get(record.id)
        if fact is None:
            yield f"a record that no store holds: {record.place}"
        elif not _same(fact, record):
            yield f"a record with other bytes than the store's: {record.place}"
        else:
            seen.add(fact.id)
    for fact in held.values():
        if fact.id not in seen:
            yield f"a committed fact that is not in Kafka: version {fact.version} on {fact.topic}"


def forged(world: World, evidence: Evidence) -> set[tuple[str, int, int]]:
    """The records put into Kafka past every store that do not repeat a fact."""
    held = {fact.id: fact for fact in evidence.facts()}
    planted = [record for record in evidence.records if record.place in world.planted]
    return {one.place for one in planted if one.id not in held or not _same(held[one.id], one)}


def _same(fact: Fact, record: Record) -> bool:
    envelope = {name: value.decode() for name, value in record.envelope.items()}
    return (
        fact.topic == record.topic
        and record.key == str(fact.subject).encode()
        and record.value == fact.payload
        and envelope == fact.envelope
    )


def in_order(world: World, evidence: Evidence) -> Iterator[str]:
    """I1: the first appearances of a subject's versions on a topic are 1, 2, 3 and on one partition."""
    reached: dict[tuple[str, str], int] = defaultdict(int)
    places: dict[tuple[str, str], int] = {}
    for record in evidence.records:
        if record.place in world.planted:
            continue
        if places.setdefault(record.lane, record.partition) != record.partition:
            yield f"one subject on two partitions of {record.topic}"
        if record.version > reached[record.lane] + 1:
            yield f"version {record.version} before {reached[record.lane] + 1} at {record.place}"
        reached[record.lane] = max(reached[record.lane], record.version)
    for service, facts in evidence.stores.items():
        last: dict[tuple[UUID, str], int] = defaultdict(int)
        for fact in facts:
            if fact.version != last[fact.subject, fact.topic] + 1:
                yield f"the store of {service} is not dense at version {fact.version} of {fact.topic}"
            last[fact.subject, fact.topic] = fact.version


def commanded(load: Load, evidence: Evidence) -> Iterator[str]:
    """No acknowledged command is lost, and none took effect twice, whether it was acknowledged or not."""
    by_command: dict[str, list[str]] = defaultdict(list)
    for fact in evidence.facts():
        by_command[fact.envelope["ce_correlationid"]].append(fact.id)
    for one in load.asked:
        found = by_command.get(str(one.key), [])
        if one.facts is not None and len(found) != one.facts:
            yield f"a command was answered with {one.facts} facts and {len(found)} are stored"
        elif one.recorded is not None and sorted(found) != sorted(one.recorded):
            yield "a command was answered with other facts than are stored"
        if one.facts is None and one.service == "health" and len(found) > 1:
            yield f"a command without an answer took effect {len(found)} times"


def listened(world: World, service: str, evidence: Evidence, expected: Expected) -> Iterator[str]:
    """I2 to I5 for one service: its copy, its lanes, its checkpoints, its parked lanes, its projections."""
    parts = world.parts(service)
    heard = [fact for fact in evidence.facts() if fact.topic in parts.listens]
    for problem in (
        *_copied(world, parts, heard, evidence),
        *_checkpoints(world, parts, evidence),
        *_parked(service, evidence, expected),
        *(p for one in parts.projections for p in _folded(world, parts, one, heard, evidence, expected)),
    ):
        yield f"{service}: {problem}"


def _copied(world: World, parts: Parts, heard: Iterable[Fact], evidence: Evidence) -> Iterator[str]:
    listener = evidence.listeners[parts.name]
    wanted: dict[tuple[UUID, str, int], Fact] = {}
    lanes: dict[tuple[UUID, str], int] = {}
    for fact in heard:
        lanes[fact.subject, fact.topic] = max(fact.version, lanes.get((fact.subject, fact.topic), 0))
        if _kept(parts, fact):
            wanted[fact.subject, fact.topic, fact.version] = fact
    received = (fact for fact in listener.received if fact.subject not in world.strangers)
    held = {(fact.subject, fact.topic, fact.version): fact for fact in received}
    reached = {lane: version for lane, version in listener.lanes.items() if lane[0] not in world.strangers}
    yield from _compared("the copy", wanted, held)
    yield from _compared("the lanes", lanes, reached)


def _kept(parts: Parts, fact: Fact) -> bool:
    wire = fact.envelope["ce_type"]
    return parts.keeps is None or wire in parts.keeps or wire in {CORRECTED, RETRACTED}


def _compared(what: str, wanted: dict[Any, Any], held: dict[Any, Any]) -> Iterator[str]:
    lacking, more = wanted.keys() - held.keys(), held.keys() - wanted.keys()
    other = [place for place in wanted.keys() & held.keys() if wanted[place] != held[place]]
    if lacking or more or other:
        where = sorted({name for place in other for name in _fields(wanted[place], held[place])})
        yield f"{what}: {len(lacking)} lacking, {len(more)} too many, {len(other)} different {where}"


def _fields(one: Any, other: Any) -> Iterator[str]:
    """The columns in which two rows differ, never what is in them."""
    if isinstance(one, dict):
        yield from (name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _checkpoints(world: World, parts: Parts, evidence: Evidence) -> Iterator[str]:
    """I4 and I3: at the end of each partition, at the record it names, with each record counted once."""
    known = evidence.listeners[parts.name].checkpoints
    records = {record.place: record for record in evidence.records}
    for (topic, partition), end in evidence.ends.items():
        if topic not in parts.listens:
            continue
        row = known.get((topic, partition))
        if row is None or row["next_offset"] != end:
            yield f"the checkpoint of {topic}/{partition} is at {row and row['next_offset']}, the log ends at {end}"
            continue
        last = records.get((topic, partition, end - 1))
        if last is not None and last.place not in world.planted and str(row["last_id"]) != last.id:
            yield f"the checkpoint of {topic}/{partition} names another record than the last"
    applied, taken = sum(r["applied"] for r in known.values()), sum(r["next_offset"] for r in known.values())
    if applied != taken + world.gone.get(parts.name, 0):
        yield f"{taken} records lie before the checkpoints and {applied} were taken in"


def _parked(service: str, evidence: Evidence, expected: Expected) -> Iterator[str]:
    found = {(service, row["projection"], row["subject"]) for row in evidence.listeners[service].parked}
    meant = {one for one in expected.parked if one[0] == service}
    if found != meant:
        yield f"{len(found - meant)} lanes parked beyond those meant to be, {len(meant - found)} not parked"


def _folded(
    world: World, parts: Parts, projection: Projection[Any], heard: Iterable[Fact], evidence: Evidence,
    expected: Expected,
) -> Iterator[str]:  # fmt: skip
    """I2: every row is the fold of its facts from zero."""
    wrapper = FileKey(world.key_file)
    kinds = Kinds(parts.catalogue)
    by_subject: dict[UUID, list[Fact]] = defaultdict(list)
    for fact in heard:
        if _kept(parts, fact):
            by_subject[fact.subject].append(fact)
    waiting = {subject for name, _, subject in expected.parked if name == parts.name} | world.strangers
    wanted: dict[UUID, dict[str, Any]] = {}
    for subject, facts in by_subject.items():
        if not any(fact.envelope["ce_type"] in projection.handles for fact in facts):
            continue
        wrapped = evidence.keys.get(subject)
        key = SubjectKey(subject, wrapper.unwrap(subject, wrapped)) if wrapped else None
        saved = fold(projection, [stored(f.headers, f.payload, f.topic) for f in facts], kinds)
        row = write_values(projection, subject, saved, Secrets(key, wrapper.digest))
        if row is not None:
            wanted[subject] = {column.name: row.get(column.name) for column in projection.table.columns}
    shown = evidence.listeners[parts.name].rows[projection.name]
    yield from _compared(
        projection.name,
        {s: r for s, r in wanted.items() if s not in waiting},
        {s: r for s, r in shown.items() if s not in waiting},
    )


async def visible(world: World, service: str, evidence: Evidence) -> list[str]:
    """I5: what waits for a person is told by the service itself."""
    state = await (await world.replica(service)).state()
    parked = Counter(row["projection"] for row in evidence.listeners[service].parked)
    unreadable = len(evidence.listeners[service].unreadable)
    if state.get("parked") == dict(parked) and state.get("unreadable") == unreadable:
        return []
    return [f"{service} does not tell of {parked.total()} parked lanes and {unreadable} unreadable records"]
