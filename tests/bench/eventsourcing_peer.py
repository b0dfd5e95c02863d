"""The `eventsourcing` library on the same PostgreSQL: its recommended way to append, and to project."""

import time
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from carejourney.envelope import Draft
from tests.bench.ground import Ground


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


class Peer:
    """An application of the library over a database of its own schema."""

    def __init__(self, ground: Ground) -> None:
        parts = urlsplit(ground.owner("placement"))
        self.application = Application[UUID](
            env={
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": parts.path.lstrip("/"),
                "POSTGRES_HOST": parts.hostname or "",
                "POSTGRES_PORT": str(parts.port),
                "POSTGRES_USER": parts.username or "",
                "POSTGRES_PASSWORD": parts.password or "",
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.application.close()

    def append(self, facts: Sequence[Draft]) -> float:
        """Facts a second, each saved by itself; the aggregates are held in memory, so that nothing is loaded."""
        records: dict[UUID, Any] = {}
        told = [(d.subject, d.body.wire, d.effective, d.body.model_dump_json()) for d in facts]
        begun = time.perf_counter()
        for subject, kind, effective, content in told:
            record = records.get(subject) or records.setdefault(subject, Record(str(subject)))
            record.say(kind, effective, content)
            self.application.save(record)
        return len(told) / (time.perf_counter() - begun)
