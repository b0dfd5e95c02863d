"""Applying a batch of facts to a service's projections, inside the transaction that also moves the offsets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from carejourney import owncopy, parking
from carejourney.envelope import CORRECTIONS, SEALED, Recorded, Said
from carejourney.erasure.forgetting import erased_in
from carejourney.faults import Fault, UnknownVersion, apart
from carejourney.keys import Keys
from carejourney.parking import GAP
from carejourney.projection import Kinds, Projection, Secrets, advance, fold, ordered, upsert_sql, write_values

__all__ = ["GAP", "Projecting"]

log = structlog.get_logger()


class Projecting:
    """All projections of one service over its own copy."""

    def __init__(self, service: str, projections: Sequence[Projection[Any]], kinds: Kinds, keys: Keys) -> None:
        self.service = service
        self.projections = projections
        self.kinds = kinds
        self._keys = keys

    async def apply(self, connection: asyncpg.Connection, sorted_: owncopy.Sorted) -> None:
        """Bring every projection up to what the copy now holds."""
        await self.note_gaps(connection, sorted_)
        news = _by_subject(sorted_.news)
        subjects = sorted(news)
        if not subjects:
            return
        healed = {subject for subject, _ in sorted_.healed}
        secrets = await self._secrets(subjects)
        for projection in self.projections:
            await self._apply(connection, projection, news, healed, secrets)

    async def note_gaps(self, connection: asyncpg.Connection, sorted_: owncopy.Sorted) -> None:
        """Park the lanes that wait at a gap, and let go of those whose gap was filled."""
        await parking.unpark_gaps(connection, sorted_.healed)
        await parking.park_gaps(connection, {lane: UUID(fact.id) for lane, fact in sorted_.gaps.items()})

    async def give_up(
        self, connection: asyncpg.Connection, subject: UUID, news: Sequence[Recorded], error: Exception
    ) -> None:
        """Park a subject in every projection that the news concern, for a fault that is none of one projection."""
        for projection in self.projections:
            if any(self.concerns(projection, fact) for fact in news):
                await self._park_fault(connection, projection, subject, error)

    async def again(self, connection: asyncpg.Connection, name: str, subjects: Sequence[UUID]) -> set[UUID]:
        """Fold parked subjects of one projection from zero and let go of those that can be; who is still parked."""
        projection = next((p for p in self.projections if p.name == name), None)
        if projection is None:
            await parking.unpark(connection, [(name, subject) for subject in subjects])
            return set()

        async def folded(some: Sequence[UUID]) -> set[UUID]:
            return await self.refold(connection, projection, some, await self._secrets(some))

        async def failed(subject: UUID, error: Exception) -> set[UUID]:
            await self._park_fault(connection, projection, subject, error)
            return {subject}

        still = set().union(*await apart(connection, subjects, folded, failed))
        await parking.unpark(connection, [(name, subject) for subject in subjects if subject not in still])
        return still

    async def _secrets(self, subjects: Sequence[UUID]) -> dict[UUID, Secrets]:
        keys = await self._keys.of(subjects)
        return {s: Secrets(keys.get(s), self._keys.digest) for s in subjects}

    async def _apply(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        news: Mapping[UUID, list[Recorded]],
        healed: set[UUID],
        secrets: Mapping[UUID, Secrets],
    ) -> None:
        touched = [s for s in secrets if any(self.concerns(projection, f) for f in news[s])]
        erased = erased_in(fact for facts in news.values() for fact in facts)
        if erased:
            await self.forget(connection, projection, erased, set(erased) & set(touched))
            touched = [s for s in touched if s not in erased]
        saved = await _states(connection, projection, touched)
        written, again = [], []
        for subject in filter(saved.__contains__, touched):
            row = None
            if subject not in healed:
                fresh = [f for f in news[subject] if self.concerns(projection, f)]
                row = await self._advanced(connection, projection, subject, saved[subject], fresh, secrets[subject])
            if row is None:
                again.append(subject)
            else:
                written.append(row)
        await self._write(connection, projection, [r for r in written if r])
        await self.refold(connection, projection, again, secrets)

    async def forget(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        erased: Iterable[UUID],
        also: Iterable[UUID] = (),
    ) -> None:
        """Make the rows of children who were erased again without a key, parked or not, or not at all.

        `also` are those of them who may have no row yet.
        """
        removed = await connection.fetch(
            f'with row as (delete from "{projection.table.name}" where subject = any($1) returning subject),'  # noqa: S608
            " lane as (delete from parked where projection = $2 and subject = any($1) returning subject)"
            " select subject from row union select subject from lane",
            list(erased),
            projection.name,
        )
        again = sorted({row["subject"] for row in removed} | set(also))
        await self.refold(connection, projection, again, {s: Secrets(None, self._keys.digest) for s in again})

    def concerns(self, projection: Projection[Any], fact: Recorded) -> bool:
        """Whether a fact, or the fact it corrects, is of a type the projection handles."""
        if fact.type in projection.handles or fact.type == SEALED:
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
            self._refuse_unknown(projection, fresh)
            after = advance(projection, projection.decode(saved), fresh, self.kinds)
            return None if after is None else write_values(projection, subject, after, secrets)
        except Exception as error:  # noqa: BLE001 - any fault of a projection parks one child's lane, never the others
            await self._park_fault(connection, projection, subject, error)
            return {}

    def _folded(
        self, projection: Projection[Any], subject: UUID, facts: Sequence[Recorded], secrets: Secrets
    ) -> dict[str, Any] | None:
        """The row from zero; None for a subject without a place, or of whom nothing was heard that counts here."""
        if not any(fact.type in projection.handles for fact in facts):
            return None
        self._refuse_unknown(projection, facts)
        return write_values(projection, subject, fold(projection, facts, self.kinds), secrets)

    def _refuse_unknown(self, projection: Projection[Any], facts: Iterable[Recorded]) -> None:
        """Raise `UnknownVersion` for a fact that a later program wrote and the projection would misread."""
        for fact in facts:
            if not self.kinds.knows(fact) and (fact.type in projection.handles or fact.type in CORRECTIONS):
                raise UnknownVersion(fact.id)

    async def refold(
        self,
        connection: asyncpg.Connection,
        projection: Projection[Any],
        subjects: Iterable[UUID],
        secrets: Mapping[UUID, Secrets],
    ) -> set[UUID]:
        """Fold these subjects from zero and write their rows; a subject without a place loses its row.

        Who cannot be folded or written is parked, and given back.
        """
        wanted = list(subjects)
        if not wanted:
            return set()
        facts = await owncopy.facts_of(connection, wanted)
        rows, gone, parked = [], [], set()
        for subject in wanted:
            try:
                row = self._folded(projection, subject, facts[subject], secrets[subject])
            except Exception as error:  # noqa: BLE001 - as above
                await self._park_fault(connection, projection, subject, error)
                parked.add(subject)
                continue
            if row is None:
                gone.append(subject)
            else:
                rows.append(row)
        if gone:
            await connection.execute(
                f'delete from "{projection.table.name}" where subject = any($1)',  # noqa: S608
                gone,
            )
        return parked | await self._write(connection, projection, rows)

    async def _write(
        self, connection: asyncpg.Connection, projection: Projection[Any], rows: Sequence[Mapping[str, Any]]
    ) -> set[UUID]:
        """Write rows; those that the database does not take are parked, and given back."""
        statement, columns = upsert_sql(projection.table)

        async def written(some: Sequence[Mapping[str, Any]]) -> set[UUID]:
            await connection.execute(statement, *([row.get(c) for row in some] for c in columns))
            return set()

        async def refused(row: Mapping[str, Any], error: Exception) -> set[UUID]:
            await self._park_fault(connection, projection, row["subject"], error)
            return {row["subject"]}

        return set().union(*await apart(connection, rows, written, refused))

    async def _park_fault(
        self, connection: asyncpg.Connection, projection: Projection[Any], subject: UUID, error: Exception
    ) -> None:
        fault = Fault.of(error)
        if isinstance(error, UnknownVersion):
            fact: str | None = error.fact
        else:
            facts = (await owncopy.facts_of(connection, [subject]))[subject]
            fact = first_fault(projection, facts, self.kinds)
        log.error(
            "projection.parked", service=self.service, projection=projection.name, fault=fault.kind, place=fault.place,
            fact=fact, subject=str(subject),
        )  # fmt: skip
        await parking.park(connection, self.service, projection.name, subject, UUID(fact) if fact else None, fault)


async def _states(
    connection: asyncpg.Connection, projection: Projection[Any], subjects: Sequence[UUID]
) -> dict[UUID, bytes | None]:
    """The saved state of each subject that is not parked; None where there is none yet."""
    rows = await connection.fetch(
        f"""
        select w.subject, r.state from unnest($1::uuid[]) as w(subject)
        left join "{projection.table.name}" r on r.subject = w.subject
        where not exists (select from parked p where p.projection = $2 and p.subject = w.subject)
        """,  # noqa: S608 - names of our tables
        subjects, projection.name,
    )  # fmt: skip
    return dict(rows)


def _by_subject(facts: Iterable[Recorded]) -> dict[UUID, list[Recorded]]:
    found: dict[UUID, list[Recorded]] = {}
    for fact in facts:
        found.setdefault(fact.subject, []).append(fact)
    return found


def first_fault(projection: Projection[Any], facts: Sequence[Said], kinds: Kinds) -> str | None:
    """The id of the first fact that the projection cannot take; where no single one is to blame, of the newest."""
    newest = max(facts, key=lambda f: (f.known, f.stream_version), default=None)
    fallback = newest.id if newest else None
    try:
        standing = ordered(facts, kinds)
    except Exception:  # noqa: BLE001 - the fault is known already, this only looks for its place
        return fallback
    state = projection.empty().state
    for fact in standing:
        try:
            state = projection.evolve(state, fact) if fact.type in projection.handles else state
        except Exception:  # noqa: BLE001 - as above
            return fact.id
    return fallback
