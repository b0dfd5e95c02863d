"""Reading a return: every file into the spool, each row checked by itself, and the collection year told."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from carejourney.returns import csv_rows, xml_rows
from carejourney.returns.checks import CheckRow, RowError, row_checker
from carejourney.returns.errors import ReturnRefusedError
from carejourney.returns.report import Flag, ImportReport, Refusal
from carejourney.returns.sources import Sources, find_sources
from carejourney.returns.spool import Spool, SpooledRow
from carejourney.returns.tables import ENROLMENTS, EPISODES, RETURN_TABLES, TABLES, Table

COLLECTION_YEARS: Final = range(2017, 2028)
KINDS: Final = (*TABLES, ENROLMENTS)
_CHUNK: Final = 2_000
_KIND_OF: Final = {table.name: kind for kind, table in enumerate(KINDS)}
_YEAR_TURNS: Final = (4, 1)
_YEAR_REMEDY: Final = "state the collection year with the option for it"


@dataclass(slots=True)
class Reading:
    """A return that was read: its spooled rows, which tables it has, its year, and what was refused so far.

    `year` is the collection year (None for enrolments). `doubtful` are the children of refused rows, with the tables;
    `unnamed` the tables of refused rows whose child was not legible: of these it is unknown what the return no longer
    says. Close it, or use it as a context manager.
    """

    spool: Spool
    day: str
    label: str = ""
    tables: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    file_of: dict[str, str] = field(default_factory=dict)
    report: ImportReport = field(default_factory=ImportReport)
    latest: dict[str, str] = field(default_factory=dict)
    year: int | None = None
    doubtful: dict[str, set[str]] = field(default_factory=dict)
    unnamed: set[str] = field(default_factory=set)

    def partial_of(self, local_id: str) -> list[str]:
        """Name the tables of which a row of the child was refused while reading, or may have been."""
        return sorted(self.unnamed | self.doubtful.get(local_id, set()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.spool.close()

    def refuse_file(self, error: ReturnRefusedError) -> None:
        """Note a file of which nothing is taken."""
        self.report.refuse_file(error.place, error.value_class, error.reason, error.remedy)


def collection_year(day: str) -> int:
    """Return the collection year an ISO date falls into: Y for 1 April Y-1 to 31 March Y."""
    when = date.fromisoformat(day)
    return when.year + ((when.month, when.day) >= _YEAR_TURNS)


class _FileReading:
    """One file on its way into the spool; its counts reach the report only when all of it could be read."""

    def __init__(self, reading: Reading, place: str) -> None:
        self.reading = reading
        self.place = place
        self.number = len(reading.files)
        self.report = ImportReport()
        self.latest: dict[str, str] = {}
        reading.files.append(place)

    def keep(self, table: Table, row: int, cells: Sequence[str], check: CheckRow) -> tuple[str, SpooledRow] | None:
        self.report.rows_read += 1
        try:
            child, values = check(cells)
        except RowError as error:
            self.refuse(table, row, error)
            return None
        return child, SpooledRow(_KIND_OF[table.name], values, self.number, row)

    def refuse(self, table: Table, row: int, error: RowError) -> None:
        self.report.refuse_row(Refusal(self.place, row, error.column, error.value_class, error.reason, error.remedy))
        if error.local_id is None:
            self.reading.unnamed.add(table.name)
        else:
            self.reading.doubtful.setdefault(error.local_id, set()).add(table.name)

    def fill(self, rows: Iterable[tuple[str, SpooledRow]]) -> bool:
        try:
            for chunk in _chunks(rows):
                self._note_latest(chunk)
                self.reading.spool.add(chunk)
        except ReturnRefusedError as error:
            self.reading.spool.forget_file(self.number)
            self.reading.refuse_file(error)
            return False
        self.reading.report.add(self.report)
        for name, day in self.latest.items():
            self.reading.latest[name] = max(day, self.reading.latest.get(name, ""))
        return True

    def _note_latest(self, chunk: Sequence[tuple[str, SpooledRow]]) -> None:
        for kind, rows in itertools.groupby((row for _, row in chunk), key=lambda row: row.kind):
            table = KINDS[kind]
            if table.starts is None:
                continue
            at = [column.name for column in table.values].index(table.starts)
            latest = max(str(row.values[at]) for row in rows)
            self.latest[table.name] = max(latest, self.latest.get(table.name, ""))


def _chunks(rows: Iterable[tuple[str, SpooledRow]]) -> Iterator[list[tuple[str, SpooledRow]]]:
    pending = iter(rows)
    while chunk := list(itertools.islice(pending, _CHUNK)):
        yield chunk


def _csv_rows(file: _FileReading, table: Table, path: Path, names: Sequence[str]) -> Iterator[tuple[str, SpooledRow]]:
    check = row_checker(table, names, file.reading.day)
    for number, cells in csv_rows.rows(path, file.place):
        if isinstance(cells, RowError):
            file.report.rows_read += 1
            file.refuse(table, number, cells)
        elif kept := file.keep(table, number, cells, check):
            yield kept


def _read_csv(reading: Reading, table: Table, path: Path, place: str) -> None:
    file = _FileReading(reading, place)
    try:
        names = csv_rows.column_names(path, place)
    except ReturnRefusedError as error:
        reading.refuse_file(error)
        return
    if file.fill(_csv_rows(file, table, path, names)):
        reading.tables.add(table.name)
        reading.file_of.setdefault(table.name, place)


def _xml_rows(file: _FileReading, path: Path) -> Iterator[tuple[str, SpooledRow]]:
    checks = {
        table.name: row_checker(table, [column.name for column in table.columns], file.reading.day) for table in TABLES
    }
    for found in xml_rows.rows(path, file.place):
        if isinstance(found, xml_rows.UnknownTag):
            reason = "an element of this child is not one of the return's columns and was not taken"
            file.report.flagged.append(Flag(file.place, found.ordinal, None, "unknown-element", reason))
        elif kept := file.keep(found.table, found.ordinal, found.cells, checks[found.table.name]):
            yield kept


def _read_xml(reading: Reading, path: Path, place: str) -> None:
    file = _FileReading(reading, place)
    if file.fill(_xml_rows(file, path)):
        names = [KINDS[kind].name for kind in reading.spool.kinds()]
        reading.tables.update(names)
        reading.file_of.update(dict.fromkeys(names, place))


def _tell_year(reading: Reading, stated: int | None, place: str) -> int:
    if stated is not None:
        return stated
    latest = reading.latest.get(EPISODES.name) or max(reading.latest.values(), default="")
    if latest:
        return _taken(collection_year(latest), place)
    reason = "no row with a start date tells the collection year"
    raise ReturnRefusedError(place, "unknown year", reason, _YEAR_REMEDY)


def _taken(year: int, place: str) -> int:
    if year in COLLECTION_YEARS:
        return year
    reason = f"its dates tell the collection year {year}; {COLLECTION_YEARS[0]} to {COLLECTION_YEARS[-1]} are taken"
    raise ReturnRefusedError(place, "unknown year", reason, f"check the dates, or {_YEAR_REMEDY}")


def _read_all(reading: Reading, sources: Sources) -> None:
    prefix = f"{reading.label}/" if reading.label else ""
    reading.report.notes.extend(f"{prefix}{note}" for note in sources.notes)
    for error in sources.refused:
        reading.report.refuse_file(f"{prefix}{error.place}", error.value_class, error.reason, error.remedy)
    for name in RETURN_TABLES:
        for path in sources.csv.get(name, ()):
            _read_csv(reading, RETURN_TABLES[name], path, f"{prefix}{sources.place(path)}")
    for path in sources.xml:
        _read_xml(reading, path, f"{prefix}{sources.place(path)}")


def read_return(
    folder: Path,
    *,
    day: date,
    year: int | None = None,
    files: Mapping[str, Sequence[Path]] | None = None,
    work_dir: Path | None = None,
    label: str = "",
) -> Reading:
    """Read the return a folder holds.

    `day` is the day the return was made: nothing in it can have happened later. `label` goes before file names in the
    report. A folder that is refused as a whole gives a reading without rows whose report says so.

    Raises:
        ValueError: `files` names no table.

    """
    reading = Reading(Spool(work_dir), day.isoformat(), label)
    try:
        sources = find_sources(folder, files)
        _read_all(reading, sources)
        if reading.tables or not reading.report.files_refused:
            reading.year = _tell_year(reading, year, str(folder))
    except ReturnRefusedError as error:
        reading.refuse_file(error)
        _take_nothing(reading)
    except BaseException:
        reading.spool.close()
        raise
    return reading


def _take_nothing(reading: Reading) -> None:
    reading.tables.clear()
    reading.report.rows_read = reading.report.rows_refused
    for number in range(len(reading.files)):
        reading.spool.forget_file(number)


def read_enrolments(path: Path, *, day: date, work_dir: Path | None = None) -> Reading:
    """Read a CSV of school enrolments: local_id, upn, urn, school, from, until, reason; dates dd/mm/yyyy or ISO."""
    reading = Reading(Spool(work_dir), day.isoformat())
    place = path.name
    try:
        names = csv_rows.column_names(path, place)
    except ReturnRefusedError as error:
        reading.refuse_file(error)
        return reading
    if frozenset(names) != ENROLMENTS.column_names or len(names) != len(ENROLMENTS.columns):
        reason = f"its columns are not those of enrolments: {csv_rows.describe_columns(names, (ENROLMENTS,))}"
        reading.report.refuse_file(place, "unknown columns", reason, "name the columns exactly so, in any order")
        return reading
    _read_csv(reading, ENROLMENTS, path, place)
    return reading
