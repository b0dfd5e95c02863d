"""Folding many children's facts into rows at once: the work of a rebuild, apart from where the rows go."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.envelope import CORRECTIONS, Said
from carejourney.faults import UnknownVersion
from carejourney.keys import SubjectKey
from carejourney.projection import Kinds, Projection, Secrets, fold, write_values

NOBODY_YET: Final = UUID(int=0)


@dataclass
class Run:
    """How far a run has come: what had arrived when it began, and the last child folded."""

    name: str
    begun: int
    last: UUID = NOBODY_YET
    subjects: int = 0
    parked: dict[UUID, str] = field(default_factory=dict)
    resumed: bool = False

    @property
    def packed(self) -> str:
        """The parked children as JSON."""
        return json.dumps({str(subject): reason for subject, reason in self.parked.items()})


def fold_rows(
    projection: Projection[Any],
    kinds: Kinds,
    facts: Mapping[UUID, Sequence[Said]],
    keys: Mapping[UUID, SubjectKey],
    digest: Callable[[str], str],
) -> tuple[list[tuple[Any, ...]], dict[UUID, str]]:
    """The rows of these children, in the order of the table's columns, and those whose facts cannot be folded."""
    columns = [c.name for c in projection.table.columns]
    rows: list[tuple[Any, ...]] = []
    parked: dict[UUID, str] = {}
    for subject, recorded in facts.items():
        concerned = [f for f in recorded if f.type in projection.handles or f.type in CORRECTIONS]
        if not any(f.type in projection.handles for f in concerned):
            continue
        try:
            for fact in concerned:
                if not kinds.knows(fact):
                    raise UnknownVersion(fact.id)  # noqa: TRY301 - parked like any other fault
            saved = fold(projection, concerned, kinds)
            row = write_values(projection, subject, saved, Secrets(keys.get(subject), digest))
        except Exception as error:  # noqa: BLE001 - any fault of a projection parks one child's lane, never the others
            parked[subject] = type(error).__name__
            continue
        if row is not None:
            rows.append(tuple(row.get(c) for c in columns))
    return rows, parked


def definition_of(projection: Projection[Any]) -> str:
    """What a fold depends on: a run may be gone on with only by the code that began it."""
    said = hashlib.sha256(f"{projection.version} {[str(c.type) + c.name for c in projection.table.columns]}".encode())
    for file in sorted({inspect.getfile(f) for f in (projection.evolve, projection.row, projection.state)}):
        said.update(Path(file).read_bytes())
    return said.hexdigest()


def example_of(row: asyncpg.Record) -> dict[str, Any]:
    """One row that differs, as a report shows it."""
    kind = "missing" if row["missing"] else "left_over" if row["left_over"] else "different"
    return {
        "subject": str(row["subject"]),
        "kind": kind,
        "columns": list(row["columns"]) if kind == "different" else [],
    }
