"""All rows of one child together: what repeats or contradicts another row is refused, what is odd is flagged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from carejourney.returns.cells import HAS_SHAPE, Value, oddity
from carejourney.returns.reading import KINDS, Reading
from carejourney.returns.report import Flag, ImportReport, Refusal
from carejourney.returns.spool import SpooledRow
from carejourney.returns.tables import HEADER, SW_EPISODES, Column, Table
from events.codes import CodeSet

BATCH_ROWS: Final = 500
HEADER_KIND: Final = KINDS.index(HEADER)
WORKER_KIND: Final = KINDS.index(SW_EPISODES)
WORKER_AT: Final = [column.name for column in SW_EPISODES.values].index("SW_ID")


class Oddity(NamedTuple):
    """What is odd about a value: the rule's name and why."""

    rule: str
    reason: str


_Look: TypeAlias = Callable[[str], Oddity | None]


@dataclass(slots=True)
class ChildRows:
    """The rows of one child that are taken, in the order of tables and content; a row's `ref` is its place, from 1."""

    local_id: str
    rows: list[SpooledRow]
    rows_seen: int

    @property
    def in_header(self) -> bool:
        """Tell whether the return's Header names the child."""
        return bool(self.rows) and self.rows[0].kind == HEADER_KIND

    def workers(self) -> set[str]:
        """Return the identifiers of the child's social workers."""
        return {str(row.values[WORKER_AT]) for row in self.rows if row.kind == WORKER_KIND}


def _of_year(codes: CodeSet, year: int) -> _Look:
    def look(value: str) -> Oddity | None:
        if codes.in_year(value, year):
            return None
        return Oddity("code-not-of-year", f"the code is known but not for the collection year {year}")

    return look


def _of_shape(column: Column) -> _Look:
    def look(value: str) -> Oddity | None:
        reason = oddity(column.kind, value)
        return Oddity("odd-form", reason) if reason else None

    return look


def _looks(table: Table, year: int | None) -> list[tuple[int, str, _Look]]:
    """Return the looks a table's values need; code sets that never changed need none."""
    looks: list[tuple[int, str, _Look]] = []
    for i, column in enumerate(table.values):
        codes = column.codes
        if year is not None and codes is not None and any(c.first_year or c.last_year for c in codes):
            looks.append((i, column.name, _of_year(codes, year)))
        elif column.kind in HAS_SHAPE:
            looks.append((i, column.name, _of_shape(column)))
    return looks


def _comparisons(table: Table) -> list[tuple[int, int, str]]:
    """Return (position, position in Header, name) of the columns that only repeat what Header says."""
    header = [column.name for column in HEADER.values]
    return [
        (i, header.index(column.name), column.name)
        for i, column in enumerate(table.values)
        if column.owner is None and column.name in header
    ]


def _key_positions(table: Table) -> list[int] | None:
    names = [column.name for column in table.values]
    return None if table.once is None else [names.index(name) for name in table.once]


class ChildCheck:
    """The checks that need all rows of a child; made once for a reading, its refusals and flags go to `report`."""

    def __init__(self, reading: Reading, report: ImportReport) -> None:
        self._files = reading.files
        self._report = report
        self._looks = [_looks(table, reading.year) for table in KINDS]
        self._comparisons = [_comparisons(table) for table in KINDS]
        self._keys = [_key_positions(table) for table in KINDS]

    def check(self, local_id: str, rows: Sequence[SpooledRow]) -> ChildRows:
        """Return the child's rows that are taken; refused rows are gone from it."""
        refused = self._refused(rows)
        kept = [row for row in rows if id(row) not in refused]
        header = next((row for row in kept if row.kind == HEADER_KIND), None)
        for row in kept:
            self._look_at(row)
            if header is not None and row is not header:
                self._compare(row, header)
        return ChildRows(local_id, kept, len(rows))

    def refuse(self, row: SpooledRow, column: str | None, value_class: str, reason: str, remedy: str) -> None:
        """Refuse one spooled row."""
        self._report.refuse_row(Refusal(self._files[row.file], row.row, column, value_class, reason, remedy))

    def _refused(self, rows: Sequence[SpooledRow]) -> set[int]:
        refused: set[int] = set()
        seen: dict[tuple[Value, ...], SpooledRow] = {}
        for row in rows:
            positions = self._keys[row.kind]
            key = row.values if positions is None else [row.values[i] for i in positions]
            first = seen.setdefault((row.kind, *key), row)
            if first is not row:
                self._refuse_second(row, first)
                refused.add(id(row))
        return refused

    def _refuse_second(self, row: SpooledRow, first: SpooledRow) -> None:
        where = f"row {first.row}" + (f" of {self._files[first.file]}" if first.file != row.file else "")
        if row.values == first.values:
            self.refuse(row, None, "duplicate row", f"repeats {where}", "remove one of the two rows")
            return
        table = KINDS[row.kind]
        once = ", ".join((table.columns[0].name, *(table.once or ())))
        reason = f"contradicts {where}: {table.title} has one row for the same {once}"
        self.refuse(row, None, "contradicting row", reason, "keep the row that is right")

    def _look_at(self, row: SpooledRow) -> None:
        for i, name, look in self._looks[row.kind]:
            value = row.values[i]
            found = look(str(value)) if value is not None else None
            if found:
                self._report.flagged.append(Flag(self._files[row.file], row.row, name, found.rule, found.reason))

    def _compare(self, row: SpooledRow, header: SpooledRow) -> None:
        for i, header_at, name in self._comparisons[row.kind]:
            value = row.values[i]
            if value is not None and value != header.values[header_at]:
                reason = f"differs from {name} in row {header.row} of Header, which is the one taken"
                self._report.flagged.append(Flag(self._files[row.file], row.row, name, "differs-from-header", reason))


def batches(reading: Reading, check: ChildCheck, size: int = BATCH_ROWS) -> Iterator[list[ChildRows]]:
    """Yield the children of a reading in batches that close once they hold `size` rows; a child is never split."""
    batch: list[ChildRows] = []
    held = 0
    for local_id, rows in reading.spool.children():
        batch.append(check.check(local_id, rows))
        held += len(rows)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
