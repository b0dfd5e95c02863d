"""What the stores hold, as one digest a fact, by topic and subject; everything else is compared with it.

A fact costs 17 bytes here and a stream some 300, so that a national year fits into a laptop's memory.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from carejourney.verify.books import read_books
from carejourney.verify.report import Report
from carejourney.verify.sources import Source

WIDTH: Final = 16
START: Final = bytes(WIDTH)
# A version further off than this is told of, and has no room made for what is missing before it.
FAR: Final = 10_000

_headers_of = msgspec.json.Decoder(dict[str, str]).decode

_FACTS: Final = """
select f.id, f.subject, f.topic, f.topic_version, f.recorded_at, f.headers, f.payload,
  (f.transaction_id, f.position) > (m.transaction_id, m.position) as waits
from fact f, relay_mark m order by f.subject, f.topic, f.topic_version
"""
_ONE: Final = "select id, headers, payload from fact where subject = $1 and topic = $2 and topic_version = $3"
_AGAIN: Final = "select jsonb_object_keys(again) from relay_mark"


def digest(headers: Iterable[tuple[str, bytes]], value: bytes) -> bytes:
    """Sixteen bytes for all headers, in their order, and the value."""
    made = hashlib.blake2b(digest_size=WIDTH)
    for name, text in headers:
        made.update(b"%d:%d:" % (len(name), len(text)) + name.encode() + text)
    made.update(b"=" + value)
    return made.digest()


def stored_digest(headers: bytes, value: bytes) -> bytes:
    """The same for a row of a store or a copy."""
    return digest(((n, v.encode()) for n, v in _headers_of(headers).items()), value)


def rolled(before: bytes, one: bytes) -> bytes:
    """The hash of a stream after one more fact."""
    return hashlib.blake2b(before + one, digest_size=WIDTH).digest()


@dataclass(slots=True)
class Stream:
    """One subject on one topic: digests of its facts, who keeps each (a bit a service), how far Kafka holds it.

    `waits` is the first version not published yet; `early` are versions Kafka held before their turn.
    """

    digests: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    waits: int | None = None
    reached: int = 0
    rolling: bytes = START
    early: dict[int, bytes] | None = None
    untimely: set[int] | None = None

    @property
    def count(self) -> int:
        return len(self.kept)

    def fact(self, version: int) -> bytes | None:
        """The digest of a version; None where the store did not hold it."""
        if not 1 <= version <= self.count:
            return None
        return bytes(self.digests[(version - 1) * WIDTH : version * WIDTH])

    def hash(self) -> bytes:
        """The rolling hash of what the store holds."""
        last = START
        for version in range(1, self.count + 1):
            last = rolled(last, self.fact(version) or START)
        return last


@dataclass(slots=True)
class Ledger:
    """Every stream there is. `owners` by topic; `again` are topics that are being published once more."""

    owners: dict[str, str]
    streams: dict[str, dict[UUID, Stream]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)

    def of(self, topic: str, subject: UUID) -> Stream:
        """A stream; a new one where the stores had none."""
        return self.streams.setdefault(topic, {}).setdefault(subject, Stream())

    def known(self, topic: str, subject: UUID) -> Stream | None:
        return self.streams.get(topic, {}).get(subject)

    def on(self, topics: Iterable[str]) -> Iterator[tuple[str, UUID, Stream]]:
        """Every stream on these topics."""
        for topic in topics:
            for subject, stream in self.streams.get(topic, {}).items():
                yield topic, subject, stream


async def read_store(source: Source, listeners: Iterable[Source], ledger: Ledger, report: Report) -> None:
    """Enter what one service has recorded; its own columns, headers and versions are compared on the way."""
    bits = [(1 << n, one) for n, one in enumerate(listeners)]
    who_keeps: dict[tuple[str, str], int] = {}
    async with source.snapshot() as connection:
        ledger.again |= {row[0] for row in await connection.fetch(_AGAIN)}
        async for row in connection.cursor(_FACTS, prefetch=1_000):
            headers = _headers_of(row["headers"])
            topic, version = row["topic"], row["topic_version"]
            stream = ledger.of(topic, row["subject"])
            place = {"topic": topic, "subject": str(row["subject"]), "version": version}
            if version != stream.count + 1:
                report.add("store", source.name, f"version {stream.count + 1} is not in the store", **place)
            if topic not in source.topics:
                report.add("store", source.name, "the service does not publish on this topic", **place)
            _compare_columns(source.name, row, headers, report)
            if version > stream.count + FAR:
                continue
            # Where a version is missing, what comes after it stays at its own number.
            missing = version - 1 - stream.count
            stream.digests += bytes(WIDTH * missing) + digest(
                ((n, v.encode()) for n, v in headers.items()), row["payload"]
            )
            wire = headers.get("ce_type", "")
            if (topic, wire) not in who_keeps:
                who_keeps[topic, wire] = sum(bit for bit, one in bits if one.kept(topic, wire))
            stream.kept += bytes(missing) + bytes([who_keeps[topic, wire]])
            if row["waits"] and stream.waits is None:
                stream.waits = version
        await read_books(connection, source.name, report)


def _compare_columns(service: str, row: asyncpg.Record, headers: dict[str, str], report: Report) -> None:
    said = {
        "id": headers.get("ce_id"), "subject": headers.get("ce_subject"),
        "topic_version": headers.get("ce_streamversion"),
    }  # fmt: skip
    odd = [column for column, text in said.items() if str(row[column]) != text]
    if row["recorded_at"] != _instant(headers.get("ce_time", "")):
        odd.append("recorded_at")
    for column in odd:
        report.add(
            "store", service, "the column is not as the header says", topic=row["topic"],
            subject=str(row["subject"]), version=row["topic_version"], column=column,
        )  # fmt: skip


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


async def look_up(connection: asyncpg.Connection, topic: str, subject: UUID, version: int) -> bytes | None:
    """The digest of a fact that was recorded while we were reading; None where there is no such fact."""
    row = await connection.fetchrow(_ONE, subject, topic, version)
    return stored_digest(row["headers"], row["payload"]) if row else None
