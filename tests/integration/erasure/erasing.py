"""A generated child of whom everything personal is a canary, and the way to have the child erased."""

import io
import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from carejourney.embedded.postgres import programs
from carejourney.erasure.scan import database_of
from events.catalogue import CATALOGUE, TOPICS
from events.event import Fact
from events.sampling import sample_of
from tests.builders import a_header, an_episode
from tests.fixtures.system import AUTHORITY, SERVICES, System

BIRTH, CHILD_BIRTH, HOME, PLACED = "2010-02-27", "2025-03-09", "B15 2TT", "SY1 1QT"
UPN, PERMANENCE, WORDS = "A123456789012", "xx/07/2013", "a canary sang to me alone"
SCHOOL = "ZQX912873465"
SEEN: Final = (BIRTH, CHILD_BIRTH, HOME, PLACED, UPN, PERMANENCE, WORDS, SCHOOL)
TABLES: Final[dict[str, list[dict[str, Any]]]] = {
    "header": [a_header(dob=BIRTH, mother="1", mc_dob=CHILD_BIRTH)],
    "episodes": [
        an_episode(dec="2025-07-01", rec="X1", reason_place_change="CARPL", home_post=HOME, pl_post=HOME),
        an_episode("2025-07-01", rne="P", place="K2", home_post=HOME, pl_post=PLACED),
    ],
    "prev_perm": [{"prev_perm": "P1", "la_perm": "330", "date_perm": PERMANENCE}],
    "missing": [{"mis_start": "2025-08-03", "missing": "M", "mis_end": "2025-08-05"}],
}


async def state(
    system: System, service: str, child: UUID, tables: dict[str, Any], authority: str = AUTHORITY
) -> dict[str, Any]:
    """What a return states of a child; the service's answer."""
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": authority, "year": 2026, "tables": tables}
    answer = await system[service].post("/returns/ssda903", content=msgspec.json.encode(line))
    told: dict[str, Any] = msgspec.json.decode(answer.raise_for_status().content)
    return told


async def a_canary(system: System, local_id: str, authority: str = AUTHORITY) -> UUID:
    """The child: a return, a command with the child's own words, and every fact of the catalogue that has free text."""
    (child,) = await system.register(local_id, authority=authority)
    await state(system, "placement", child, TABLES, authority)
    await state(system, "education", child, {"header": [{"ref": 0, "upn": UPN}]}, authority)
    at = "2026-03-03T22:15:00Z"
    went = await system["placement"].post(f"/children/{child}/missing", json={"at": at, "kind": "M"})
    interview = {"at": at, "incident": went.json()["recorded"][0], "outcome": "held", "words": WORDS}
    (await system["placement"].post(f"/children/{child}/return-interviews", json=interview)).raise_for_status()
    await system.settled()
    said = [await _say(system, child, cls) for cls in CATALOGUE.values() if _has_words(cls)]
    assert said.count(True) > 10
    await system.settled()
    return child


def _has_words(cls: type[Fact]) -> bool:
    return cls.remedy() is None and cls.link is None and bool(cls.personal_fields()) and hasattr(cls, "plural")


async def _say(system: System, child: UUID, cls: type[Fact]) -> bool:
    sample = sample_of(cls)
    words = {n: f"{WORDS} of {n}" for n in cls.personal_fields() if not str(sample.content.get(n, ""))[:1].isdigit()}
    schools = dict.fromkeys({"urn", "previous_urn"} & set(cls.personal_fields()), SCHOOL)
    body = {"type": cls.wire, "effective": sample.effective, "content": sample.content | words | schools}
    answer = await system[cls.owner()].post(f"/children/{child}/{cls.plural}", json=body)  # type: ignore[attr-defined]
    return answer.is_success


async def erased(system: System, child: UUID) -> UUID:
    """Ask and confirm; the id of the erasure."""
    placement = system["placement"]
    asked = (await placement.post("/erasures", json={"child": str(child), "reason": "court_order"})).raise_for_status()
    told = asked.json()
    await confirmed(placement, told)
    return UUID(told["erasure"])


async def confirmed(client: httpx.AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/erasures/{asked['erasure']}/confirmation", json={"draft": asked["draft_digest"]})
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


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


def dumped(admin_dsn: str) -> dict[str, bytes]:
    """Every database as `pg_dump` writes it, the key store's too."""
    parts = urlsplit(admin_dsn)
    environment = {"PGPASSWORD": parts.password or "", "LANG": "C"}
    found = {}
    for database in (*SERVICES, "keys"):
        dsn = urlsplit(database_of(admin_dsn, database))._replace(
            netloc=f"{parts.username}@{parts.hostname}:{parts.port}"
        )
        command = [str(programs() / "pg_dump"), "--data-only", dsn.geturl()]
        found[database] = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return found


async def published(kafka: str) -> bytes:
    """Every byte of every record on every topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        partitions = [TopicPartition(t, p) for t in TOPICS for p in consumer.partitions_for_topic(t) or ()]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[bytes] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [b"\0".join((r.key or b"", r.value or b"", *(v for _, v in r.headers))) for r in records]
        return b"\n".join(found)
    finally:
        await consumer.stop()


def canaries_in(content: bytes, canaries: tuple[str, ...]) -> list[str]:
    """Those that can be read in it, in any writing that is to be expected: text, without blanks, hexadecimal."""
    forms = {canary: (canary.encode(), canary.replace(" ", "").encode()) for canary in canaries}
    return [
        canary
        for canary, written in forms.items()
        if any(one in content or one.hex().encode() in content for one in written)
    ]
