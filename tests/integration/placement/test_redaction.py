"""A whole return goes through placement, and nothing of the child shows anywhere it must not."""

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from events.catalogue import OWNED_TOPICS
from tests.builders import a_header, an_episode
from tests.fixtures.system import AUTHORITY, System

LOCAL_ID, BIRTH, CHILD_BIRTH, HOME, PLACED = "CANARY7731", "1998-02-27", "1999-03-09", "B15 2TT", "SY1 1QT"
PERMANENCE, UPN, WORDS = "xx/07/2013", "A123456789012", "a canary sang to me alone"
CANARIES = (LOCAL_ID, BIRTH, CHILD_BIRTH, HOME, PLACED, PERMANENCE, UPN, WORDS)
TABLES: dict[str, list[dict[str, Any]]] = {
    "header": [a_header(dob=BIRTH, mother="1", mc_dob=CHILD_BIRTH)],
    "episodes": [
        an_episode(dec="2025-07-01", rec="X1", reason_place_change="CARPL", home_post=HOME, pl_post=HOME),
        an_episode("2025-07-01", rne="P", place="K2", home_post=HOME, pl_post=PLACED),
    ],
    "prev_perm": [{"prev_perm": "P1", "la_perm": "330", "date_perm": PERMANENCE}],
    "missing": [{"mis_start": "2025-08-03", "missing": "M", "mis_end": "2025-08-05"}],
}


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What our code and the libraries log, down to the last detail."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    level, configured = root.level, structlog.get_config()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines), cache_logger_on_first_use=False)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        structlog.configure(**configured)


async def state(system: System, service: str, child: UUID, tables: dict[str, Any]) -> None:
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026, "tables": tables}
    (await system[service].post("/returns/ssda903", content=msgspec.json.encode(line))).raise_for_status()


async def told(system: System) -> UUID:
    """A child's return, wrong rows and refusals included, and a command with the child's own words."""
    (child,) = await system.register(LOCAL_ID)
    await state(system, "placement", child, TABLES)
    await state(system, "education", child, {"header": [{"ref": 0, "upn": UPN}]})
    wrong = {
        "episodes": [an_episode(home_post=HOME, pl_post=PLACED, ls="Q9")],
        "header": [a_header(dob=BIRTH, sex="9")],
    }
    for table, rows in wrong.items():
        line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026}
        body = msgspec.json.encode({**line, "tables": {table: rows}})
        refused = await system["placement"].post("/returns/ssda903", content=body)
        assert refused.status_code == 422
        assert not seen(refused.content)
    await went_and_came_back(system, child)
    await system.settled()
    return child


async def went_and_came_back(system: System, child: UUID) -> None:
    at = "2026-03-03T22:15:00Z"
    went = await system["placement"].post(f"/children/{child}/missing", json={"at": at, "kind": "M"})
    interview = {"at": at, "incident": went.json()["recorded"][0], "outcome": "held", "words": WORDS}
    held = await system["placement"].post(f"/children/{child}/return-interviews", json=interview)
    assert held.status_code == 201


def seen(content: bytes) -> list[str]:
    return [canary for canary in CANARIES if canary.encode() in content or canary.replace(" ", "").encode() in content]


async def test_nothing_of_a_child_is_in_logs_metrics_topics_or_tables(system: System) -> None:
    with everything_logged() as lines:
        child = await told(system)
    metrics = (await system["placement"].get("/metrics")).content
    records = [r for r in await published(system) if r.key == str(child).encode()]
    travelled = b"".join(bytes(part) for r in records for part in (r.key, r.value, *(v for _, v in r.headers)))
    assert seen(lines.getvalue().encode()) == []
    assert seen(metrics) == []
    assert len(records) > 10
    assert seen(travelled) == []
    for database in ("placement", "education", "journey", "keys"):
        assert seen(await everything_stored(system, database)) == [], database


async def published(system: System) -> list[ConsumerRecord]:
    topics = [t for base in (*OWNED_TOPICS["placement"], "care.education") for t in (base, f"{base}.restricted")]
    consumer = AIOKafkaConsumer(bootstrap_servers=system.surroundings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(t, p) for t in topics for p in range(4)]
        consumer.assign(partitions)
        left = sum((await consumer.end_offsets(partitions)).values())
        found: list[ConsumerRecord] = []
        while len(found) < left:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(batch)
        return found
    finally:
        await consumer.stop()


async def everything_stored(system: System, database: str) -> bytes:
    """Every cell of every table, bytes decoded where they are text."""
    dsn = system.surroundings.admin_dsn.rsplit("/", 1)[0] + f"/{database}"
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        cells: list[bytes] = []
        for table in tables:
            for row in await connection.fetch(f'select * from "{table["tablename"]}"'):
                cells.extend(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
            await asyncio.sleep(0)
        return b"\n".join(cells)
    finally:
        await connection.close()
