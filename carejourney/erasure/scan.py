"""The independent reader: every table of every database and every topic of Kafka, for one subject.

It reads with plain SQL and a plain consumer, none of the readers of the services, as the server's administrator.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from carejourney.envelope import ERASED
from carejourney.erasure.structure import Examiner, Found
from carejourney.provisioning import KEYS
from carejourney.rebuild_rows import SCHEMA

FAMILY: Final = "care."
FACTS: Final = "fact"

_TABLES: Final = """
select n.nspname as schema, c.relname as name, bool_or(a.attname = 'subject') as by_subject from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname <> 'information_schema' and left(n.nspname, 3) <> 'pg_' and c.relkind in ('r', 'p', 'm')
  and not c.relispartition
group by 1, 2 order by n.nspname <> 'public', 1, 2
"""
_NAMING: Final = """
select headers, payload from public.fact
where subject <> $1 and (position($2 in payload) > 0 or position($2 in headers) > 0)
"""


def database_of(dsn: str, database: str) -> str:
    """The same server and role, another database."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


async def scan(admin_dsn: str, services: Iterable[str], kafka: str, subject: UUID, examiner: Examiner) -> list[Found]:
    """Everything found of a subject, place by place; a place without anything is left out."""
    found = [one for service in services for one in await _database(admin_dsn, service, subject, examiner)]
    return [*found, *await _key_store(admin_dsn, subject), *await _topics(kafka, subject, examiner)]


async def _database(admin_dsn: str, database: str, subject: UUID, examiner: Examiner) -> list[Found]:
    connection = await asyncpg.connect(database_of(admin_dsn, database), timeout=10)
    places = []
    try:
        for table in await connection.fetch(_TABLES):
            found = Found(".".join((database, *_named(table))))
            for row in await _rows(connection, table, subject):
                examiner.row(found, row, f"{database}.{_shown(table)}")
                found.faults += _must_be_gone(table["name"], row)
            if table["name"] == FACTS:
                await _mentions(connection, subject, found, examiner)
            places.append(found)
        await _heard(connection, subject, places)
    finally:
        await connection.close()
    return [one for one in places if one.rows or one.naming]


async def _mentions(connection: asyncpg.Connection, subject: UUID, found: Found, examiner: Examiner) -> None:
    """The facts of others that name the subject, out of the one table that holds each fact once."""
    for row in await connection.fetch(_NAMING, subject, str(subject).encode()):
        examiner.mention(found, json.loads(row["headers"]), row["payload"])


async def _heard(connection: asyncpg.Connection, subject: UUID, places: Sequence[Found]) -> None:
    """A service that has not heard of the erasure may keep what it derived from the child."""
    for found in places:
        if found.place.endswith(".received"):
            rows = await connection.fetch("select type from received where subject = $1", subject)
            if rows and ERASED not in {row["type"] for row in rows}:
                found.faults.append("the service has not heard of the erasure yet")


def _named(table: asyncpg.Record) -> tuple[str, ...]:
    """A table's name, with its schema where that is not the usual one: a rebuild works in one of its own."""
    return (table["name"],) if table["schema"] == "public" else (table["schema"], table["name"])


def _shown(table: asyncpg.Record) -> str:
    """The table whose rows these are; those of a rebuild are named after it, as in `virtual_roll__kept_1`."""
    name: str = table["name"]
    return name.partition("__")[0] if table["schema"] == SCHEMA else name


async def _rows(connection: asyncpg.Connection, table: asyncpg.Record, subject: UUID) -> Sequence[asyncpg.Record]:
    """The rows of a subject; none of a table that a rebuild has dropped meanwhile."""
    name = ".".join('"' + part.replace('"', '""') + '"' for part in (table["schema"], table["name"]))
    try:
        if table["by_subject"]:
            rows = await connection.fetch(f"select * from {name} where subject = $1", subject)  # noqa: S608
        else:
            rows = await connection.fetch(f"select t.* from {name} t where strpos(t::text, $1) > 0", str(subject))  # noqa: S608
    except asyncpg.UndefinedTableError:
        return []
    return list(rows)


def _must_be_gone(table: str, row: Any) -> list[str]:
    """What not even an envelope may be left of."""
    if table == "timer":
        return ["a timer, which may tell the day of a birthday"]
    if table == "subject_register" and row["local_id"] is not None:
        return ["a local id in the register"]
    return []


async def _key_store(admin_dsn: str, subject: UUID) -> list[Found]:
    connection = await asyncpg.connect(database_of(admin_dsn, KEYS), timeout=10)
    try:
        keys = await connection.fetchval("select count(*) from subject_key where subject = $1", subject)
        entered = await connection.fetchval("select count(*) from erased where subject = $1", subject)
    finally:
        await connection.close()
    key = Found(f"{KEYS}.subject_key", keys, 0, ["the key itself"] if keys else [])
    ledger = Found(f"{KEYS}.erased", entered, 0, [] if entered else ["no entry in the ledger"])
    return [key, ledger]


async def _topics(kafka: str, subject: UUID, examiner: Examiner) -> list[Found]:
    partitions = await _partitions(kafka)
    places = {tp.topic: Found(f"topic {tp.topic}") for tp in partitions}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, request_timeout_ms=30_000)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        await _read(consumer, {tp: end for tp, end in ends.items() if end}, subject, places, examiner)
    finally:
        await consumer.stop()
    return [one for one in places.values() if one.rows or one.naming]


async def _partitions(kafka: str) -> list[TopicPartition]:
    """Every partition of every topic of facts, as the cluster itself says."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        topics = await admin.describe_topics(sorted(t for t in await admin.list_topics() if t.startswith(FAMILY)))
    finally:
        await admin.close()
    return [TopicPartition(one["topic"], part["partition"]) for one in topics for part in one["partitions"]]


async def _read(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], subject: UUID, places: dict[str, Found],
    examiner: Examiner,
) -> None:  # fmt: skip
    """Every record there was when this began."""
    if not ends:
        return
    key = str(subject).encode()
    consumer.assign(list(ends))
    await consumer.seek_to_beginning(*ends)
    while ends:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                # What was written by hand may have headers of any form; it is judged too.
                headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
                judge = examiner.fact if record.key == key else examiner.mention
                judge(places[record.topic], headers, record.value)
        ends = {tp: end for tp, end in ends.items() if await consumer.position(tp) < end}
