"""The event store of one service: facts are appended under the lock of their stream, and never changed.

A `Unit` is one short transaction over some subjects: it locks their streams in id order, loads what the service has
recorded of them, remembers answered commands, and writes what was decided in one COPY.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from carejourney import crash
from carejourney.envelope import CORRECTED, RETRACTED, Context, Draft, Recorded, headers_of, instant, stored
from carejourney.errors import Malformed, Refusal
from carejourney.keys import Keys, SubjectKey, seal_fields

MAX_PAYLOAD = 900_000
# What a database that is away raises; the last one where a connection is cut while a statement is being sent.
DATABASE_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# What a database raises that cannot do anything now, whatever it is asked.
DATABASE_UNABLE: Final = (
    ConnectionError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError,
)  # fmt: skip

_encode = msgspec.json.Encoder().encode

_COLUMNS = ("id", "subject", "stream", "version", "topic", "topic_version", "recorded_at", "headers", "payload")


@dataclass(slots=True)
class Stream:
    """How far one subject's streams have come. `version` is the ETag; `topics` counts facts by topic."""

    version: int = 0
    computed_version: int = 0
    topics: dict[str, int] = field(default_factory=dict)
    touched: bool = False

    def next(self, stream: str, topic: str) -> tuple[int, int]:
        """Take the next version of a stream, and of the topic."""
        self.touched = True
        self.topics[topic] = self.topics.get(topic, 0) + 1
        if stream == "computed":
            self.computed_version += 1
            return self.computed_version, self.topics[topic]
        self.version += 1
        return self.version, self.topics[topic]


class Unit:
    """One transaction. Nothing is written until it ends well."""

    def __init__(self, connection: asyncpg.Connection, keys: Keys, catalogue: Mapping[str, Any], now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.streams: dict[UUID, Stream] = {}
        self.keys: dict[UUID, SubjectKey] = {}
        self._key_store = keys
        self._catalogue = catalogue
        self._rows: list[tuple[Any, ...]] = []
        self._answers: list[tuple[UUID, UUID, bytes]] = []

    async def lock(self, subjects: Iterable[UUID]) -> None:
        """Lock the streams of these subjects, in id order so that no two units wait for each other in a ring."""
        wanted = sorted(set(subjects) - self.streams.keys())
        if not wanted:
            return
        self.keys.update(await self._key_store.of(wanted))
        await self.connection.execute(
            "insert into stream (subject) select unnest($1::uuid[]) on conflict do nothing", wanted
        )
        rows = await self.connection.fetch(
            "select subject, version, computed_version, topic_versions from stream"
            " where subject = any($1) order by subject for update",
            wanted,
        )
        for subject, version, computed, topics in rows:
            self.streams[subject] = Stream(version, computed, json.loads(topics))

    async def facts(self, subjects: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """What this service has recorded of each subject, in stream order."""
        rows = await self.connection.fetch(
            "select subject, topic, headers, payload from fact where subject = any($1) order by topic, topic_version",
            list(subjects),
        )
        found: dict[UUID, list[Recorded]] = {subject: [] for subject in subjects}
        for subject, topic, headers, payload in rows:
            found[subject].append(stored(headers, payload, topic))
        return found

    async def answers(self, commands: Iterable[UUID]) -> dict[UUID, Any]:
        """Answers already given to these commands."""
        rows = await self.connection.fetch("select id, answer from command where id = any($1)", list(commands))
        return {row["id"]: msgspec.json.decode(row["answer"]) for row in rows}

    def append(self, drafts: Iterable[Draft], context: Context) -> list[Recorded]:
        """Give drafts their versions and seal them; they are written when the unit ends. Lock the subjects first."""
        return [self._record(draft, context) for draft in drafts]

    def _record(self, draft: Draft, context: Context) -> Recorded:
        _refuse_odd_days(draft)
        version, topic_version = self.streams[draft.subject].next(draft.stream, draft.topic)
        headers = headers_of(draft, context, time=instant(self.now), stream_version=topic_version)
        payload = _encode(self._sealed(draft))
        if len(payload) > MAX_PAYLOAD:
            raise Malformed(f"a fact of type {draft.body.wire} would be {len(payload)} bytes; {MAX_PAYLOAD} are taken")
        fact = Recorded(headers, payload, draft.topic)
        self._rows.append(
            (
                draft.id,
                draft.subject,
                draft.stream,
                version,
                draft.topic,
                topic_version,
                self.now,
                fact.packed_headers(),
                payload,
            )
        )
        return fact

    def _sealed(self, draft: Draft) -> dict[str, Any]:
        data: dict[str, Any] = draft.body.model_dump(mode="json")
        if draft.body.wire in {CORRECTED, RETRACTED}:
            for change in (data, *data.get("consequences", ())):
                if change.get("replacement") is not None:
                    self._seal(draft.subject, change["replacement"], self._catalogue[change["type"]])
            return data
        return self._seal(draft.subject, data, draft.body)

    def _seal(self, subject: UUID, data: dict[str, Any], kind: Any) -> dict[str, Any]:
        fields = [f for f in kind.personal_fields() if data.get(f) is not None]
        if not fields:
            return data
        if subject not in self.keys:
            raise Refusal("the key of this record was destroyed; nothing personal can be added to it")
        return seal_fields(data, fields, self.keys[subject])

    def remember(self, command: UUID, subject: UUID, answer: object) -> None:
        """Keep the answer to a command: sent again, it gets the same and changes nothing."""
        self._answers.append((command, subject, _encode(answer)))

    async def flush(self) -> None:
        if self._rows:
            await self.connection.copy_records_to_table("fact", records=self._rows, columns=_COLUMNS)
            await self._move_streams()
        if self._answers:
            await self.connection.copy_records_to_table(
                "command", records=self._answers, columns=("id", "subject", "answer")
            )

    async def _move_streams(self) -> None:
        moved = [(s, t) for s, t in self.streams.items() if t.touched]
        await self.connection.execute(
            "update stream set version = m.version, computed_version = m.computed, topic_versions = m.topics"
            " from unnest($1::uuid[], $2::int[], $3::int[], $4::jsonb[]) as m(subject, version, computed, topics)"
            " where stream.subject = m.subject",
            [s for s, _ in moved],
            [t.version for _, t in moved],
            [t.computed_version for _, t in moved],
            [json.dumps(t.topics) for _, t in moved],
        )


def _refuse_odd_days(draft: Draft) -> None:
    """A fact that is dated has an ISO day or instant; what is recorded stays for ever."""
    wire, day = draft.body.wire, draft.effective
    if day is None:
        if draft.body.dated and wire not in {CORRECTED, RETRACTED}:
            raise Malformed(f"a fact of type {wire} needs the day on which it was so")
        return
    try:
        datetime.fromisoformat(day)
    except ValueError as error:
        raise Malformed(f"a fact of type {wire} has a day that is no ISO date") from error


class Store:
    """Where a service's facts are kept."""

    def __init__(self, pool: asyncpg.Pool, keys: Keys, catalogue: Mapping[str, Any], source: str) -> None:
        self.pool = pool
        self.keys = keys
        self.source = source
        self._catalogue = catalogue
        self._listeners: list[Any] = []

    def on_append(self, listener: Any) -> None:
        """Call `listener` after each commit, so that the relay need not wait for its next look."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def unit(
        self,
        subjects: Iterable[UUID] = (),
        *,
        now: datetime | None = None,
        connection: asyncpg.Connection | None = None,
    ) -> AsyncIterator[Unit]:
        """A transaction with the streams of `subjects` locked. With `connection`, part of the caller's transaction."""
        moment = now or datetime.now(UTC)
        if connection is not None:
            unit = Unit(connection, self.keys, self._catalogue, moment)
            await unit.lock(subjects)
            yield unit
            await unit.flush()
            return
        async with self.pool.acquire() as own, own.transaction():
            unit = Unit(own, self.keys, self._catalogue, moment)
            await unit.lock(subjects)
            yield unit
            await unit.flush()
            crash.point("store.before_commit")
        crash.point("store.after_commit")
        self.appended()

    def appended(self) -> None:
        """Tell listeners that something was committed."""
        for listener in self._listeners:
            listener()
