"""Returns as folders of CSV tables: read, changed and written again, as a person would with a spreadsheet."""

import csv
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

from carejourney.returns.sources import recognise
from carejourney.returns.tables import RETURN_TABLES

Cells = dict[str, str]
Tables = dict[str, list[Cells]]

DATE_FORM: Final = "%d/%m/%Y"


def read_tables(folder: Path) -> Tables:
    """The rows of every table of a return, by the table's name."""
    found: Tables = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found[recognise(path, path.name).name] = list(csv.DictReader(stream))
    return found


def write_table(path: Path, rows: Iterable[Cells], columns: Iterable[str]) -> Path:
    """One CSV with its columns in this order."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_tables(folder: Path, tables: Mapping[str, Iterable[Cells]]) -> Path:
    """One CSV a table; a table without rows is written too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        write_table(folder / f"{name}.csv", rows, [column.name for column in RETURN_TABLES[name].columns])
    return folder


def of_children(tables: Tables, wanted: Iterable[str], prefix: str = "") -> Tables:
    """The rows of some children, each called `prefix` and its former name."""
    names = set(wanted)
    return {
        name: [row | {"CHILD": prefix + row["CHILD"]} for row in rows if row["CHILD"] in names]
        for name, rows in tables.items()
    }


def children_in(tables: Tables, table: str = "header") -> list[str]:
    """The children a table names, in its order."""
    return list(dict.fromkeys(row["CHILD"] for row in tables[table]))


def changed(tables: Tables, table: str, number: int, **cells: str) -> Tables:
    """The same return with some cells of one row changed."""
    rows = list(tables[table])
    rows[number] = rows[number] | cells
    return tables | {table: rows}


def without(tables: Tables, table: str, number: int) -> Tables:
    """The same return without one row."""
    rows = tables[table]
    return tables | {table: rows[:number] + rows[number + 1 :]}


def iso(cell: str) -> str | None:
    """A stated day as an ISO date; None where blank."""
    return datetime.strptime(cell, DATE_FORM).date().isoformat() if cell else None  # noqa: DTZ007 - a day has no zone


def stated(day: date) -> str:
    """A day as a return states it."""
    return day.strftime(DATE_FORM)
