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
from carejourney.envelope import CORRECTIONS, Context, Draft, Recorded, headers_of, instant, parted, stored
from carejourney.errors import Malformed, Refusal
from carejourney.keys import Keys, SubjectKey, seal_fields
from carejourney.versions import Versions

MAX_PAYLOAD = 900_000
# What a database that is away raises; the last one where a connection is cut while a statement is being sent.
DATABASE_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# What a database raises that cannot do anything now, whatever it is asked.
DATABASE_UNABLE: Final = (
    ConnectionError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError, asyncpg.PostgresSystemError,
)  # fmt: skip

_encode = msgspec.json.Encoder().encode
_VERSION: Final = b'"version":0'

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
        self._time = instant(now)
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
        headers = headers_of(draft, context, time=self._time, stream_version=topic_version)
        fact = Recorded(headers, payload_of(draft, self.keys.get(draft.subject), self._catalogue), draft.topic)
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
                fact.payload,
            )
        )
        return fact

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


def payload_of(draft: Draft, key: SubjectKey | None, catalogue: Mapping[str, Any]) -> bytes:
    """The bytes of a fact, its personal fields sealed.

    Raises `Refusal` where something is to be sealed and there is no key, `Malformed` for more bytes than are taken.
    """
    body = draft.body
    if body.wire in CORRECTIONS:
        payload = _encode(_correction(draft, key, catalogue))
    else:
        fields = [field for field in body.personal_fields() if getattr(body, field) is not None]
        payload = _encode(_seal(body.model_dump(mode="json"), fields, key)) if fields else _plain(body)
    if len(payload) > MAX_PAYLOAD:
        raise Malformed(f"a fact of type {body.wire} would be {len(payload)} bytes; {MAX_PAYLOAD} are taken")
    return payload


def _plain(body: Any) -> bytes:
    packed: bytes = body.__pydantic_serializer__.to_json(body)
    return packed


def _correction(draft: Draft, key: SubjectKey | None, catalogue: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = draft.body.model_dump(mode="json")
    for change in (data, *data.get("consequences", ())):
        content = change.get("replacement")
        if content is not None:
            personal = catalogue[change["type"]].personal_fields()
            _seal(content, [field for field in personal if content.get(field) is not None], key)
    return data


def _seal(data: dict[str, Any], fields: Sequence[str], key: SubjectKey | None) -> dict[str, Any]:
    if not fields:
        return data
    if key is None:
        raise Refusal("the key of this record was destroyed; nothing personal can be added to it")
    return seal_fields(data, fields, key)


def _refuse_odd_days(draft: Draft) -> None:
    """A fact that is dated has an ISO day or instant; what is recorded stays for ever."""
    wire, day = draft.body.wire, draft.effective
    if day is None:
        if draft.body.dated and wire not in CORRECTIONS:
            raise Malformed(f"a fact of type {wire} needs the day on which it was so")
        return
    try:
        datetime.fromisoformat(day)
    except ValueError as error:
        raise Malformed(f"a fact of type {wire} has a day that is no ISO date") from error


_APPEND = """
select outcome, reached, answer from append_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_LOAD = """
select s.version, s.computed_version, s.topic_versions, c.subject, c.answer, f.topic, f.headers, f.payload
from (select $1::uuid as subject) w
left join stream s on s.subject = w.subject
left join command c on c.id = $2
left join fact f on f.subject = w.subject
order by f.topic, f.topic_version
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One subject as it was at one moment: its streams, its facts, and the answer a command was given already."""

    stream: Stream
    facts: list[Recorded]
    answer: dict[str, Any] | None

    @property
    def seen(self) -> int:
        """How many facts of both streams a decision on this knows of."""
        return self.stream.version + self.stream.computed_version


class Moved(Exception):  # noqa: N818 - a state, not an error
    """Someone else appended between the loading and the append: decide again."""


class Store:
    """Where a service's facts are kept."""

    def __init__(self, pool: asyncpg.Pool, keys: Keys, catalogue: Mapping[str, Any], source: str) -> None:
        self.pool = pool
        self.keys = keys
        self.source = source
        self.versions = Versions(catalogue)
        self._catalogue = catalogue
        self._listeners: list[Any] = []

    def on_append(self, listener: Any) -> None:
        """Call `listener` after each commit, so that the relay need not wait for its next look."""
        self._listeners.append(listener)

    async def load(self, connection: asyncpg.Connection, subject: UUID, command: UUID) -> Loaded:
        """What one command is decided on, without a lock, in one round trip."""
        rows = await connection.fetch(_LOAD, subject, command)
        version, computed, topics, _, answer = tuple(rows[0])[:5]
        stream = Stream(version or 0, computed or 0, json.loads(topics or "{}"))
        facts = [stored(row["headers"], row["payload"], row["topic"]) for row in rows if row["topic"] is not None]
        return Loaded(stream, facts, msgspec.json.decode(answer) if answer is not None else None)

    async def append(
        self,
        subject: UUID,
        drafts: Sequence[Draft],
        context: Context,
        *,
        command: UUID,
        expected: int | None = None,
        seen: int | None = None,
        notes: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        connection: asyncpg.Connection | None = None,
    ) -> dict[str, Any]:
        """Append one command's facts in one round trip: version checked, command remembered, all or nothing.

        `expected` is the stream version that must hold, `seen` the number of facts of both streams. A command already
        answered gets its first answer, `{subject, version, facts, recorded: [ids], **notes}`. Raises `Moved` where
        either does not hold, `Refusal` where personal fields cannot be sealed.
        """
        moment = now or datetime.now(UTC)
        key = (await self.keys.of([subject])).get(subject)
        parts = [self._parts(draft, context, instant(moment), key) for draft in drafts]
        ids, streams, topics, heads, tails, payloads = zip(*parts, strict=True) if parts else ((),) * 6
        answer = {"subject": str(subject), "version": 0, "facts": len(ids), "recorded": [str(i) for i in ids]}
        head, _, tail = _encode({**answer, **(notes or {})}).partition(_VERSION)
        arguments = (
            command, subject, expected, seen, moment, ids, streams, topics, heads, tails, payloads,
            head + _VERSION[:-1], tail,
        )  # fmt: skip
        crash.point("store.before_commit")
        try:
            outcome, _, answered = await (connection or self.pool).fetchrow(_APPEND, *arguments)
        except asyncpg.UniqueViolationError as error:
            raise Moved from error
        crash.point("store.after_commit")
        if outcome == "moved":
            raise Moved
        if outcome == "appended" and ids:
            self.appended()
        first: dict[str, Any] = msgspec.json.decode(answered)
        return first

    def _parts(self, draft: Draft, context: Context, time: str, key: SubjectKey | None) -> tuple[Any, ...]:
        _refuse_odd_days(draft)
        head, tail = parted(headers_of(draft, context, time=time, stream_version=0))
        return draft.id, draft.stream, draft.topic, head, tail, payload_of(draft, key, self._catalogue)

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
