"""What an import took, what it refused and why, and what it took but would question.

The JSON form is stable: `docs/schemas/import.schema.json`. No entry repeats a cell of the return;
a row that vanished is named by its table and its day.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec


class Refusal(NamedTuple):
    """A row that was not taken (or a whole file, then `row` is None), with the remedy."""

    file: str
    row: int | None
    column: str | None
    value_class: str
    reason: str
    remedy: str


class Flag(NamedTuple):
    """Something taken as stated that a reader should look at."""

    file: str
    row: int | None
    column: str | None
    rule: str
    reason: str


@dataclass(slots=True)
class ImportReport:
    """The outcome of one import; `rows_taken + rows_refused == rows_read` once it is finished.

    A refused row counts once however many of its cells or services refuse it. `notes` and `files_refused` are for
    people and the exit status, and are no part of the JSON form.
    """

    rows_read: int = 0
    rows_refused: int = 0
    facts_recorded: int = 0
    corrections: int = 0
    refused: list[Refusal] = field(default_factory=list)
    flagged: list[Flag] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files_refused: int = 0

    @property
    def rows_taken(self) -> int:
        """The rows that every service they were for has taken."""
        return self.rows_read - self.rows_refused

    @property
    def clean(self) -> bool:
        """Tell whether nothing at all was refused."""
        return not self.refused

    def refuse_row(self, refusal: Refusal) -> None:
        """Note a refused row and count it."""
        self.rows_refused += 1
        self.refused.append(refusal)

    def refuse_file(self, file: str, value_class: str, reason: str, remedy: str) -> None:
        """Note a file or folder of which nothing was taken; its rows are not counted as read."""
        self.files_refused += 1
        self.refused.append(Refusal(file, None, None, value_class, reason, remedy))

    def add(self, other: "ImportReport") -> None:
        """Add another report to this one."""
        self.rows_read += other.rows_read
        self.rows_refused += other.rows_refused
        self.facts_recorded += other.facts_recorded
        self.corrections += other.corrections
        self.files_refused += other.files_refused
        self.refused.extend(other.refused)
        self.flagged.extend(other.flagged)
        self.notes.extend(other.notes)

    def to_json(self) -> bytes:
        """Return the published JSON form, entries in the order of file and row."""
        return msgspec.json.encode(
            {
                "rows_read": self.rows_read,
                "rows_taken": self.rows_taken,
                "rows_refused": self.rows_refused,
                "facts_recorded": self.facts_recorded,
                "corrections": self.corrections,
                "refused": [entry._asdict() for entry in sorted(self.refused, key=place_of)],
                "flagged": [entry._asdict() for entry in sorted(self.flagged, key=place_of)],
            }
        )


def place_of(entry: Refusal | Flag) -> tuple[str, int, str, str]:
    """Return what puts entries in the order of file and row."""
    return entry.file, entry.row or 0, entry.column or "", entry.reason
