"""Applying a batch of facts to a service's projections, inside the transaction that also moves the offsets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from carejourney import owncopy, telemetry
from carejourney.envelope import Recorded
from carejourney.keys import Keys, Wrapper
from carejourney.projection import Kinds, Projection, Secrets, advance, fold, upsert_sql, write_values

log = structlog.get_logger()

GAP = "gap"


class Projecting:
    """All projections of one service over its own copy."""

    def __init__(
        self, service: str, projections: Sequence[Projection[Any]], kinds: Kinds, keys: Keys, wrapper: Wrapper
    ) -> None:
        self.service = service
        self.projections = projections
        self.kinds = kinds
        self._keys = keys
        self._wrapper = wrapper

    async def apply(self, connection: asyncpg.Connection, sorted_: owncopy.Sorted) -> None:
        """Bring every projection up to what the copy now holds."""
        news: dict[UUID, list[Recorded]] = {}
        for fact in sorted_.news:
            news.setdefault(fact.subject, []).append(fact)
        healed = {subject for subject, _ in sorted_.healed}
        for (subject, topic), fact in sorted_.gaps.items():
            await self.park(connection, GAP, subject, topic, fact, "a fact before this one has not arrived")
        if healed:
            await self._unpark(connection, GAP, healed)
        subjects = sorted(news)
        if not subjects:
            return
        keys = await self._keys.of(subjects)
        secrets = {s: Secrets(keys.get(s), self._wrapper.digest) for s in subjects}
        for projection in self.projections:
            await self._apply(connection, projection, news, healed, secrets)

    async def _apply(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        news: Mapping[UUID, list[Recorded]],
        healed: set[UUID],
        secrets: Mapping[UUID, Secrets],
    ) -> None:
        touched = [s for s in secrets if any(self.concerns(projection, f) for f in news[s])]
        parked = await connection.fetch(
            "select subject from parked where projection = $1 and subject = any($2)", projection.name, touched
        )
        touched = [s for s in touched if s not in {r["subject"] for r in parked}]
        if not touched:
            return
        rows = await connection.fetch(
            f'select subject, state from "{projection.table.name}" where subject = any($1)',  # noqa: S608
            touched,
        )
        saved = {row["subject"]: row["state"] for row in rows}
        written, again = [], []
        for subject in touched:
            row = None
            if subject not in healed:
                fresh = [f for f in news[subject] if self.concerns(projection, f)]
                row = await self._advanced(connection, projection, subject, saved.get(subject), fresh, secrets[subject])
            if row is None:
                again.append(subject)
            else:
                written.append(row)
        await self._write(connection, projection, [r for r in written if r])
        await self.refold(connection, projection, again, secrets)

    def concerns(self, projection: Projection[Any], fact: Recorded) -> bool:
        """Whether a fact, or the fact it corrects, is of a type the projection handles."""
        if fact.type in projection.handles:
            return True
        if not fact.type.startswith("correction."):
            return False
        data = fact.data
        return any(c["type"] in projection.handles for c in (data, *data.get("consequences", ())))

    async def _advanced(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        subject: UUID,
        saved: bytes | None,
        fresh: list[Recorded],
        secrets: Secrets,
    ) -> dict[str, Any] | None:
        """The evolved row; empty where the subject was parked; None where it must be folded again."""
        if saved is None:
            return None
        try:
            after = advance(projection, projection.decode(saved), fresh, self.kinds)
            return None if after is None else write_values(projection, subject, after, secrets)
        except Exception as error:  # noqa: BLE001 - any fault of a projection parks one child's lane, never the others
            await self._park_fault(connection, projection, subject, fresh, error)
            return {}

    async def refold(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        subjects: Iterable[UUID],
        secrets: Mapping[UUID, Secrets],
    ) -> None:
        """Fold these subjects from zero and write their rows; a subject without a place loses its row."""
        wanted = list(subjects)
        if not wanted:
            return
        facts = await owncopy.facts_of(connection, wanted)
        rows, gone = [], []
        for subject in wanted:
            try:
                saved = fold(projection, facts[subject], self.kinds)
                row = write_values(projection, subject, saved, secrets[subject])
            except Exception as error:  # noqa: BLE001 - as above
                await self._park_fault(connection, projection, subject, facts[subject], error)
                continue
            if row is None:
                gone.append(subject)
            else:
                rows.append(row)
        await self._write(connection, projection, rows)
        if gone:
            await connection.execute(
                f'delete from "{projection.table.name}" where subject = any($1)',  # noqa: S608
                gone,
            )

    async def _write(
        self, connection: asyncpg.Connection, projection: Projection[Any], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if not rows:
            return
        statement, columns = upsert_sql(projection.table)
        try:
            async with connection.transaction():
                await connection.execute(statement, *([row.get(c) for row in rows] for c in columns))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(rows) == 1:
                await self._park_fault(connection, projection, rows[0]["subject"], [], error)
                return
            for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
                await self._write(connection, projection, half)

    async def _park_fault(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        subject: UUID,
        facts: Sequence[Recorded],
        error: Exception,
    ) -> None:
        fact = facts[-1] if facts else None
        log.error(
            "projection.parked", service=self.service, projection=projection.name, fault=type(error).__name__,
            fact=fact.id if fact else None, subject=str(subject),
        )  # fmt: skip
        topic = fact.topic if fact else ""
        await self.park(connection, projection.name, subject, topic, fact, type(error).__name__)

    async def park(
        self, connection: asyncpg.Connection, name: str, subject: UUID, topic: str, fact: Recorded | None, reason: str
    ) -> None:
        await connection.execute(
            "insert into parked (projection, subject, topic, fact, reason) values ($1, $2, $3, $4, $5)"
            " on conflict do nothing",
            name, subject, topic, UUID(fact.id) if fact else None, reason,
        )  # fmt: skip
        telemetry.PARKED.labels(self.service).inc()

    async def _unpark(self, connection: asyncpg.Connection, name: str, subjects: Iterable[UUID]) -> None:
        """Lanes whose gap is filled wait no longer."""
        await connection.execute(
            "delete from parked p using lane l where p.projection = $1 and p.subject = any($2)"
            " and l.subject = p.subject and l.topic = p.topic and not exists (select 1 from received r"
            " where r.subject = p.subject and r.topic = p.topic and r.topic_version > l.version)",
            name,
            list(subjects),
        )
