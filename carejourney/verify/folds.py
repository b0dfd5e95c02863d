"""Every projection against a fold from zero: the rows by SQL, the meaning from the projection's own pure functions."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from carejourney.keys import Keys
from carejourney.projection import Kinds, Projection, Secrets, fold, write_values
from carejourney.verify.report import Report
from carejourney.verify.sources import Source

SHARD: Final = 500

_headers_of = msgspec.json.Decoder(dict[str, str]).decode
_data_of = msgspec.json.Decoder().decode

_SUBJECTS: Final = "select distinct subject from lane where subject > $1 order by subject limit $2"
_FACTS: Final = """
select r.subject, r.topic, r.headers, r.payload from received r join lane l on l.subject = r.subject
and l.topic = r.topic and r.topic_version <= l.version
where r.subject = any($1) order by r.subject, r.topic, r.topic_version
"""
_OWN: Final = """
select subject, topic, headers, payload from fact where subject = any($1) order by subject, topic, topic_version
"""


@dataclass(slots=True)
class Heard:
    """A fact out of a copy, with what a fold asks of one."""

    headers: dict[str, str]
    payload: bytes
    topic: str
    data: Any

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def type(self) -> str:
        return self.headers["ce_type"]

    @property
    def source(self) -> str:
        return self.headers["ce_source"]

    @property
    def effective(self) -> str | None:
        return self.headers.get("ce_effectivefrom")

    @property
    def known(self) -> str:
        day = self.headers.get("ce_knownfrom")
        return f"{day}T00:00:00.000000Z" if day else self.headers["ce_time"]

    @property
    def stream_version(self) -> int:
        return int(self.headers["ce_streamversion"])

    @property
    def origin(self) -> str:
        return self.headers.get("ce_origin", "system")

    @property
    def authority(self) -> str:
        return self.headers["ce_authority"]

    @property
    def schema(self) -> str | None:
        return self.headers.get("ce_dataschema")

    @property
    def stated_in(self) -> str | None:
        return self.headers.get("ce_statedin")


@dataclass
class FoldReading:
    """All projections of one service in one snapshot."""

    source: Source
    keys: Keys
    report: Report

    async def read(self, connection: asyncpg.Connection) -> None:
        """Fold each subject the service heard of, in shards, and compare its rows column by column."""
        kinds = Kinds(self.source.catalogue)
        counts = {p.name: {"rows": 0, "parked": 0} for p in self.source.projections}
        parked = await self._parked(connection)
        async for subjects in shards(connection):
            facts = await facts_of(connection, subjects)
            keys = await self.keys.of(subjects)
            for projection in self.source.projections:
                waiting = parked[projection.name]
                rows = await _rows(connection, projection, subjects)
                counts[projection.name]["rows"] += len(rows)
                for subject in subjects:
                    if subject not in waiting:
                        secrets = Secrets(keys.get(subject), self.keys.digest)
                        self._compare(projection, kinds, subject, facts[subject], secrets, rows.get(subject))
        for projection in self.source.projections:
            await self._strays(connection, projection)
            counts[projection.name]["parked"] = len(parked[projection.name])
            self.report.projections.append(
                {"service": self.source.name, "projection": projection.name, **counts[projection.name]}
            )

    async def _parked(self, connection: asyncpg.Connection) -> dict[str, set[UUID]]:
        """Children whose lane waits in a projection: named, and not compared."""
        found: dict[str, set[UUID]] = {p.name: set() for p in self.source.projections}
        rows = await connection.fetch("select projection, subject, topic from parked where projection <> 'gap'")
        for name, subject, topic in rows:
            found.setdefault(name, set()).add(subject)
            self.report.parked.append(
                {
                    "service": self.source.name, "projection": name, "subject": str(subject), "topic": topic or None,
                    "version": None,
                }
            )  # fmt: skip
        return found

    def _compare(
        self,
        projection: Projection[Any],
        kinds: Kinds,
        subject: UUID,
        facts: Sequence[Heard],
        secrets: Secrets,
        shown: asyncpg.Record | None,
    ) -> None:
        wanted: dict[str, Any] | None = None
        if any(fact.type in projection.handles for fact in facts):
            try:
                saved = fold(projection, facts, kinds)
                wanted = write_values(projection, subject, saved, secrets)
            except Exception as error:  # noqa: BLE001 - a projection may fail in any way, and then that is the finding
                self._differs(projection, subject, f"the facts cannot be folded: {type(error).__name__}")
                return
        if wanted is None or shown is None:
            if wanted is not None:
                self._differs(projection, subject, "the row is missing")
            elif shown is not None:
                self._differs(projection, subject, "there is a row where the facts give none")
            return
        for column, value in shown.items():
            if value != wanted.get(column) and not (column == "state" and _same_state(projection, value, wanted)):
                self._differs(projection, subject, "the column is not as the facts say", column=column)

    async def _strays(self, connection: asyncpg.Connection, projection: Projection[Any]) -> None:
        rows = await connection.fetch(
            f'select subject from "{projection.table.name}" p'  # noqa: S608 - the name of a table of ours
            " where not exists (select from lane l where l.subject = p.subject) limit 1000"
        )
        for row in rows:
            self._differs(projection, row["subject"], "there is a row of which no fact was heard")

    def _differs(self, projection: Projection[Any], subject: UUID, detail: str, column: str | None = None) -> None:
        self.report.add(
            "projection", self.source.name, detail, subject=str(subject), projection=projection.name, column=column
        )  # fmt: skip


def _same_state(projection: Projection[Any], shown: bytes, wanted: dict[str, Any]) -> bool:
    """Bytes may differ where a newer release writes a field that was at its default."""
    try:
        return projection.decode(shown) == projection.decode(wanted["state"])
    except msgspec.MsgspecError:
        return False


async def shards(connection: asyncpg.Connection) -> AsyncIterator[list[UUID]]:
    """Everybody a service has heard of, some at a time."""
    last = UUID(int=0)
    while rows := await connection.fetch(_SUBJECTS, last, SHARD):
        yield [row["subject"] for row in rows]
        last = rows[-1]["subject"]


async def facts_of(
    connection: asyncpg.Connection, subjects: Sequence[UUID], *, own: bool = False
) -> dict[UUID, list[Heard]]:
    """What a service's copy holds of these subjects up to each gap, or what it has recorded itself."""
    found: dict[UUID, list[Heard]] = {subject: [] for subject in subjects}
    for subject, topic, headers, payload in await connection.fetch(_OWN if own else _FACTS, subjects):
        found[subject].append(Heard(_headers_of(headers), payload, topic, _data_of(payload)))
    return found


async def _rows(
    connection: asyncpg.Connection, projection: Projection[Any], subjects: Sequence[UUID]
) -> dict[UUID, asyncpg.Record]:
    names = ", ".join(f'"{column.name}"' for column in projection.table.columns)
    rows = await connection.fetch(
        f'select {names} from "{projection.table.name}" where subject = any($1)',  # noqa: S608 - names of ours
        subjects,
    )
    return {row["subject"]: row for row in rows}
