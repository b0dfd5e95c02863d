"""What a system holds of one authority, with ids, times and ciphertexts replaced by what they mean.

Two systems, or two authorities of one system, that were told the same have the same canonical tables and topics. A
fact is called by its type, day, child and content; a child by its local id without the prefix its test gave it.

Left out: how far relays, consumers and rebuilds have come (`relay_mark`, `checkpoint` and their kin), which depends on
how often something was sent; and of `command` all but how many facts each child's commands were answered with, as a
second run is new commands.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from carejourney.envelope import Recorded, received, stored
from carejourney.keys import FORGOTTEN, PREFIX, FileKey, SubjectKey
from events.catalogue import CATALOGUE, TOPICS

Canonical = dict[str, Counter[str]]

PERSONAL: Final = sorted({name for cls in CATALOGUE.values() for name in cls.personal_fields()})
PROGRESS: Final = frozenset(
    {
        "relay_mark", "relayed", "republication", "checkpoint", "alembic_version", "command", "rebuild_run",
        "rebuild_kept",
    }
)  # fmt: skip
WHEN_AND_WHERE: Final = frozenset({"position", "transaction_id", "arrival", "traceparent"})
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_TABLES: Final = """
select c.relname, array_agg(a.attname::text) from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
group by c.relname order by c.relname
"""
_COMMANDS: Final = """
select subject, sum((convert_from(answer, 'utf8')::json ->> 'facts')::int) as facts from command
where subject = any($1) group by subject
"""


@dataclass(frozen=True)
class Whereabouts:
    """Where a system keeps its tables, keys and topics; DSNs by service."""

    databases: Mapping[str, str]
    keys: str
    key_file: Path
    kafka: str


@dataclass
class Meanings:
    """What ids, times and ciphertexts stand for."""

    names: dict[str, str]
    keys: Mapping[str, SubjectKey]
    facts: dict[str, Recorded] = field(default_factory=dict)
    times: set[str] = field(default_factory=set)
    _said: dict[str, str] = field(default_factory=dict)

    def learn(self, fact: Recorded) -> None:
        """Know a fact by its id."""
        self.facts[fact.id] = fact
        self.times.add(fact.time)

    def of(self, value: Any) -> Any:
        """The value with everything in it replaced by what it means."""
        if isinstance(value, Mapping):
            return {str(self.of(k)): self.of(v) for k, v in value.items() if k not in WHEN_AND_WHERE}
        if isinstance(value, (list, tuple)):
            # A list of nothing but ids is a set in JSON's clothes.
            found = [self.of(one) for one in value]
            return sorted(found) if all(_UUID.fullmatch(str(one)) for one in value) else found
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._text(str(value))

    def fact(self, fact: Recorded) -> dict[str, Any]:
        """A fact with its envelope."""
        headers = {k: v.split(",") if k == "ce_concerns" else v for k, v in fact.headers.items()}
        return {"headers": self.of(headers), "value": self.of(fact.data), "topic": fact.topic}

    def _text(self, text: str) -> str:
        if text not in self._said:
            self._said[text] = self._meaning(text)
        return self._said[text]

    def _meaning(self, text: str) -> str:
        if text in self.names:
            return self.names[text]
        if text in self.facts:
            return self._fact_name(self.facts[text])
        if text in self.times:
            return "(recorded)"
        if text.startswith(PREFIX):
            return f"sealed {self._text(self._opened(text))}"
        if _UUID.fullmatch(text):
            return "(id)"
        return "(digest)" if _DIGEST.fullmatch(text) else text

    def _opened(self, text: str) -> str:
        key = self.keys[text.removeprefix(PREFIX).split(".")[0]]
        plain = (key.open(name, text) for name in PERSONAL)
        return next(one for one in plain if one != FORGOTTEN)

    def _fact_name(self, fact: Recorded) -> str:
        content = json.dumps(self.of(fact.data), sort_keys=True)
        short = hashlib.sha256(content.encode()).hexdigest()[:16]
        return f"{fact.type} {fact.effective} of {self.names[str(fact.subject)]} {short}"


async def canonical(place: Whereabouts, authority: str, prefix: str = "") -> Canonical:
    """The multisets of every service's tables and of every topic, for one authority's subjects."""
    meanings = await _meanings(place, authority, prefix)
    subjects = [name for name in meanings.names if _UUID.fullmatch(name)]
    tables: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for service, dsn in place.databases.items():
        tables[service] = await _tables(dsn, subjects, authority)
        for row in tables[service]["fact"]:
            meanings.learn(stored(row["headers"], row["payload"], row["topic"]))
    found = {
        f"{service}.{table}": Counter(_line(meanings, row) for row in rows)
        for service, held in tables.items()
        for table, rows in held.items()
    }
    return found | await _topics(place.kafka, meanings)


def differences(one: Canonical, other: Canonical, shown: int = 3) -> list[str]:
    """What only one of the two holds, a few rows of each table; empty where they are the same."""
    found = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, Counter()), other.get(name, Counter())
        for sign, rows in (("-", left - right), ("+", right - left)):
            found += [f"{sign} {name} x{n}: {row}" for row, n in list(rows.items())[:shown]]
    return found


async def _meanings(place: Whereabouts, authority: str, prefix: str) -> Meanings:
    wrapper = FileKey(place.key_file)
    register = await _fetch(
        place.databases["placement"], "select subject, kind, local_id from subject_register where authority = $1",
        authority,
    )  # fmt: skip
    wrapped = await _fetch(
        place.keys, "select subject, wrapped from subject_key where subject = any($1)", [r["subject"] for r in register]
    )
    keys = {str(r["subject"]): SubjectKey(r["subject"], wrapper.unwrap(r["subject"], r["wrapped"])) for r in wrapped}
    names = {authority: "(authority)"}
    for row in register:
        local_id = keys[str(row["subject"])].open("local_id", row["local_id"])
        name = f"{row['kind']} {local_id.removeprefix(prefix)}"
        names |= {str(row["subject"]): name, local_id: name, wrapper.digest(f"{authority}:{local_id}"): name}
    return Meanings(names, keys)


async def _fetch(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


async def _tables(dsn: str, subjects: list[str], authority: str) -> dict[str, list[dict[str, Any]]]:
    held = {"command": [dict(row) for row in await _fetch(dsn, _COMMANDS, subjects)]}
    for table, columns in await _fetch(dsn, _TABLES):
        if table in PROGRESS:
            continue
        whose = "where subject = any($1)" if "subject" in columns else "where authority = any($1)"
        scope, wanted = (whose, subjects if "subject" in columns else [authority])
        if not {"subject", "authority"} & set(columns):
            scope, wanted = "where $1::text[] is not null", []
        held[table] = [dict(row) for row in await _fetch(dsn, f'select * from "{table}" {scope}', wanted)]
    return held


def _line(meanings: Meanings, row: dict[str, Any]) -> str:
    """One row as text. Instants are when something was done, but for a timer's, which is when it is due."""
    cells: dict[str, Any] = {}
    for column, value in row.items():
        if isinstance(value, bytes) or column == "topic_versions":
            cells[column] = json.loads(value)
        elif not isinstance(value, datetime) or column == "due_at":
            cells[column] = value
    return json.dumps(meanings.of(cells), sort_keys=True)


async def _topics(kafka: str, meanings: Meanings) -> Canonical:
    """Every fact on the topics once (delivery is at least once), having seen that they come in the order of version."""
    found: Canonical = {f"topic {topic}": Counter() for topic in TOPICS}
    seen: dict[str, bytes] = {}
    reached: dict[tuple[str, str], int] = {}
    for fact in await _records(kafka, meanings.names):
        if fact.id in seen:
            assert seen[fact.id] == fact.payload, f"two contents of one fact on {fact.topic}"
            continue
        lane = (fact.topic, str(fact.subject))
        assert fact.stream_version == reached.get(lane, 0) + 1, f"a gap or another order on {fact.topic}"
        reached[lane], seen[fact.id] = fact.stream_version, fact.payload
        found[f"topic {fact.topic}"][json.dumps(meanings.fact(fact), sort_keys=True)] += 1
    return found


async def _records(kafka: str, subjects: Iterable[str]) -> list[Recorded]:
    """The facts about these subjects on all topics, in the order of each partition."""
    wanted = {subject.encode() for subject in subjects}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        partitions = [TopicPartition(t, p) for t in TOPICS for p in consumer.partitions_for_topic(t) or ()]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        facts: list[Recorded] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                facts += [received(r.headers, r.value, r.topic) for r in records if r.key in wanted]
        return facts
    finally:
        await consumer.stop()
