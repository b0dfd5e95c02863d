"""The `eventsourcing` library on the same PostgreSQL: its recommended way to append, and to project."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import UUID

from aiokafka import ConsumerRecord
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from carejourney.envelope import Draft
from tests.bench.ground import Ground

EVENTS: Final = 1_000
_TABLE: Final = "create table if not exists last_day (subject uuid primary key, day text)"
_UPSERT: Final = """
insert into last_day values (%(subject)s, %(day)s) on conflict (subject) do update set day = excluded.day
"""


class Record(Aggregate):
    """A child's record: what was said is kept as it is on the wire."""

    @event("Began")
    def __init__(self, child: str) -> None:
        self.child = child
        self.facts = 0

    @event("Said")
    def say(self, kind: str, effective: str | None, content: str) -> None:
        self.facts += 1
        self.last = (kind, effective, content)


def _environment(ground: Ground, service: str) -> dict[str, str]:
    parts = urlsplit(ground.owner(service))
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
    }


class Peer:
    """An application of the library over a database of its own schema."""

    def __init__(self, ground: Ground) -> None:
        self.application = Application[UUID](env=_environment(ground, "placement"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.application.close()

    def appends(self, facts: Sequence[Draft]) -> list[Callable[[], None]]:
        """What saves each fact by itself; the aggregates are held in memory, so that nothing is loaded."""
        records: dict[UUID, Any] = {}

        def save(subject: UUID, kind: str, effective: str | None, content: str) -> None:
            record = records.get(subject) or records.setdefault(subject, Record(str(subject)))
            record.say(kind, effective, content)
            self.application.save(record)

        return [partial(save, d.subject, d.body.wire, d.effective, d.body.model_dump_json()) for d in facts]


class Rows(PostgresTrackingRecorder):
    """One row a child, written with the library's own mark of how far it has come."""

    def __init__(self, datastore: PostgresDatastore, **others: Any) -> None:
        super().__init__(datastore, **others)
        self.sql_create_statements.append(SQL(_TABLE).format())

    def write(self, subject: UUID, day: str | None, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_UPSERT, {"subject": subject, "day": day})


class LastDays(Projection[Rows]):
    """The latest day of anything that was said of a child."""

    name = "last_days"

    def __init__(self, view: Rows) -> None:
        super().__init__(view)
        self.moments: list[float] = []

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        day = domain_event.effective if isinstance(domain_event, Record.Said) else None  # type: ignore[attr-defined]
        self.view.write(domain_event.originator_id, day, tracking)
        self.moments.append(time.perf_counter())


def rate_of_projection(ground: Ground, batches: Sequence[Sequence[ConsumerRecord]]) -> float:
    """Events a second from the first projected to the last; they are in the library's store before it begins."""
    records = [record for batch in batches for record in batch][:EVENTS]
    environment = _environment(ground, "journey")
    with Application[UUID](env=environment) as application:
        saved = application.save(*_told(records))
    runner: Any = ProjectionRunner(
        application_class=Application[UUID], projection_class=LastDays, view_class=Rows, env=environment
    )
    with runner:
        runner.wait(saved[-1].notification.id, timeout=120)
        moments: list[float] = runner.projection.moments
    return (len(moments) - 1) / (moments[-1] - moments[0])


def _told(records: Sequence[ConsumerRecord]) -> list[Record]:
    children: dict[str, Record] = {}
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        child = headers["ce_subject"]
        told = children.get(child) or children.setdefault(child, Record(child))
        told.say(headers["ce_type"], headers.get("ce_effectivefrom"), record.value.decode())
    return list(children.values())
