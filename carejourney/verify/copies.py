"""Each service's own copy of what it listens to, against the stores and against how far it says it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from carejourney.verify.ledger import Ledger, Stream, look_up, stored_digest
from carejourney.verify.log import Listening
from carejourney.verify.report import Report
from carejourney.verify.sources import Source

SHOWN_MISSING: Final = 20

_headers_of = msgspec.json.Decoder(dict[str, str]).decode
_RECEIVED: Final = "select subject, topic, topic_version, id, type, authority, headers, payload from received"
# Where a service keeps none of a lane's facts, their owner is asked.
_OTHER_AUTHORITIES: Final = """
select topic, subject, authority from lane l where not exists (
  select from received r where r.subject = l.subject and r.topic = l.topic and r.authority = l.authority
)
"""
_SAID_BY: Final = """
select exists (select from fact where subject = $1 and topic = $2
  and convert_from(headers, 'UTF8')::jsonb ->> 'ce_authority' = $3)
"""
_HEADERS: Final = {
    "id": "ce_id", "subject": "ce_subject", "topic_version": "ce_streamversion", "type": "ce_type",
    "authority": "ce_authority",
}  # fmt: skip


@dataclass
class Owners:
    """Connections to the stores, to look up what was recorded while we read; opened by who looks."""

    stores: Mapping[str, asyncpg.Connection]

    async def digest(self, topic: str, subject: UUID, version: int) -> bytes | None:
        return await look_up(self.stores[topic], topic, subject, version)

    async def said_by(self, topic: str, subject: UUID, authority: str) -> bool:
        """Whether the owner has a fact of this lane that names this authority."""
        found: bool = await self.stores[topic].fetchval(_SAID_BY, subject, topic, authority)
        return found


@dataclass
class CopyReading:
    """One service's copy in one snapshot. `bit` is the service's place in what the ledger says about keeping."""

    source: Source
    bit: int
    listening: Listening
    ledger: Ledger
    owners: Owners
    report: Report
    _seen: dict[tuple[str, UUID], int] = field(default_factory=dict)
    _facts: dict[str, int] = field(default_factory=dict)

    async def read(self, connection: asyncpg.Connection) -> None:
        """Compare received rows, then lanes."""
        self._facts = dict.fromkeys(sorted(self.source.listens), 0)
        async for row in connection.cursor(_RECEIVED, prefetch=1_000):
            self._facts[row["topic"]] = self._facts.get(row["topic"], 0) + 1
            await self._row(row)
        gaps = {
            (row["topic"], row["subject"])
            for row in await connection.fetch("select subject, topic from parked where projection = 'gap'")
        }
        lanes = {
            (topic, subject): version
            async for subject, topic, version in connection.cursor("select subject, topic, version from lane")
        }
        await self._lanes(lanes, gaps)
        for row in await connection.fetch(_OTHER_AUTHORITIES):
            if row["topic"] in self.ledger.owners and not await self.owners.said_by(**row):
                detail = "no fact of the lane names this authority"
                self._differs(
                    detail, row["topic"], row["subject"], lanes[row["topic"], row["subject"]], column="authority"
                )
        for topic, facts in self._facts.items():
            count = sum(name == topic for name, _ in lanes)
            self.report.copies.append({"service": self.source.name, "topic": topic, "facts": facts, "lanes": count})

    async def _row(self, row: asyncpg.Record) -> None:
        topic, subject, version = row["topic"], row["subject"], row["topic_version"]
        headers = _headers_of(row["headers"])
        for column, name in _HEADERS.items():
            if str(row[column]) != headers.get(name):
                self._differs("the column is not as the header says", topic, subject, version, column=column)
        if topic not in self.ledger.owners:
            return
        stream = self.ledger.known(topic, subject)
        # Only what the store holds is asked for: a version from nowhere must not make the mask long.
        if stream is not None and version <= stream.count:
            self._seen[topic, subject] = self._seen.get((topic, subject), 0) | 1 << version
        expected = stream.fact(version) if stream else None
        expected = expected or await self.owners.digest(topic, subject, version)
        if expected is None:
            self._differs("the copy holds a fact that no store holds", topic, subject, version)
        elif expected != stored_digest(row["headers"], row["payload"]):
            self._differs("headers or value are not those of the store", topic, subject, version)

    async def _lanes(self, lanes: Mapping[tuple[str, UUID], int], gaps: set[tuple[str, UUID]]) -> None:
        for (topic, subject), version in lanes.items():
            if topic in self.ledger.owners:
                await self._not_ahead(topic, subject, version)
        heard = [topic for topic in self.source.listens if topic in self.ledger.owners]
        for topic, subject, stream in self.ledger.on(heard):
            version = lanes.get((topic, subject), 0)
            self._not_behind(topic, subject, stream, version, waits=(topic, subject) in gaps)
            self._complete(topic, subject, stream, version)

    async def _not_ahead(self, topic: str, subject: UUID, version: int) -> None:
        stream = self.ledger.known(topic, subject)
        if stream is not None and version <= stream.count:
            return
        if version and await self.owners.digest(topic, subject, version) is None:
            self._differs("the lane is ahead of the store", topic, subject, version, column="version")

    def _not_behind(self, topic: str, subject: UUID, stream: Stream, version: int, *, waits: bool) -> None:
        # What no store holds may have been dismissed.
        must = min(self.listening.reached(topic, subject, stream), stream.count)
        if version < must:
            detail = "the checkpoint is ahead of what was applied"
            self._differs(detail, topic, subject, version + 1, column="version")
        elif waits:
            self.report.parked.append(
                {
                    "service": self.source.name, "projection": "gap", "subject": str(subject), "topic": topic,
                    "version": version + 1,
                }
            )  # fmt: skip

    def _complete(self, topic: str, subject: UUID, stream: Stream, version: int) -> None:
        seen = self._seen.get((topic, subject), 0)
        wanted = range(1, min(version, stream.count) + 1)
        lacking = [v for v in wanted if stream.kept[v - 1] & self.bit and not seen >> v & 1]
        for one in lacking[:SHOWN_MISSING]:
            self._differs("the copy lacks this fact", topic, subject, one)

    def _differs(self, detail: str, topic: str, subject: UUID, version: int, **place: Any) -> None:
        self.report.add(
            "copy", self.source.name, detail, topic=topic, subject=str(subject), version=version, **place
        )  # fmt: skip
