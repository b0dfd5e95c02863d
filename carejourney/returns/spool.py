"""Rows of one return on disk, handed back child by child in an order that depends on their content alone.

The rows lie in a temporary SQLite file that only its owner may read and whose name is removed as soon as it is open,
so nothing of it stays behind, not even after a kill.
"""

import contextlib
import itertools
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from carejourney.returns.cells import Value

_CACHE_KIB: Final = 8_192
_SCHEMA: Final = """
create table spooled (
    child text not null, kind integer not null, content blob not null, file integer not null, row integer not null,
    number integer not null, primary key (child, kind, content, file, row, number)
) without rowid
"""
_CHILD_FIRST: Final = (
    "select child, kind, content, file, row from spooled order by child, kind, content, file, row, number"
)
_FIRST_OF_KIND: Final = "select child, min(content) from spooled where kind = ? group by child order by child"


class SpooledRow(NamedTuple):
    """One row as read: its table by number, its values, and where it stood."""

    kind: int
    values: list[Value]
    file: int
    row: int


class Spool:
    """A place for rows while a return is read; use it as a context manager."""

    def __init__(self, work_dir: Path | None = None) -> None:
        handle, name = tempfile.mkstemp(prefix="carejourney-", suffix=".spool", dir=work_dir)
        os.close(handle)
        self._numbers = itertools.count()
        self._database = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=off", "synchronous=off", "locking_mode=exclusive", f"cache_size=-{_CACHE_KIB}"):
            self._database.execute(f"pragma {setting}")
        self._database.execute(_SCHEMA)
        # Where an open file cannot be unlinked, close() removes it.
        self._path = Path(name)
        with contextlib.suppress(PermissionError):
            self._path.unlink()

    def add(self, rows: Iterable[tuple[str, SpooledRow]]) -> None:
        """Add rows, each with the local identifier of its child."""
        encode = msgspec.json.encode
        self._database.execute("begin")
        self._database.executemany(
            "insert into spooled values (?, ?, ?, ?, ?, ?)",
            (
                (child, kind, encode(values), file, row, next(self._numbers))
                for child, (kind, values, file, row) in rows
            ),
        )
        self._database.execute("commit")

    def forget_file(self, file: int) -> None:
        """Remove the rows of a file that turned out to be unreadable."""
        self._database.execute("delete from spooled where file = ?", (file,))

    def count(self) -> int:
        """Return how many rows are held."""
        (rows,) = self._database.execute("select count(*) from spooled").fetchone()
        return int(rows)

    def kinds(self) -> frozenset[int]:
        """Return the numbers of the tables that have rows."""
        return frozenset(kind for (kind,) in self._database.execute("select distinct kind from spooled"))

    def count_children(self, kind: int) -> int:
        """Return how many children have rows of a table."""
        (children,) = self._database.execute(
            "select count(distinct child) from spooled where kind = ?", (kind,)
        ).fetchone()
        return int(children)

    def first_rows(self, kind: int) -> Iterator[tuple[str, list[Value]]]:
        """Yield each child that has rows of a table, with the values of the first in the order of `children`."""
        decode = msgspec.json.Decoder(list[Value]).decode
        rows = self._database.execute(_FIRST_OF_KIND, (kind,))
        return ((str(child), decode(content)) for child, content in rows)

    def children(self) -> Iterator[tuple[str, list[SpooledRow]]]:
        """Yield each child's rows together, in the order of tables and content."""
        decode = msgspec.json.Decoder(list[Value]).decode
        rows = self._database.execute(_CHILD_FIRST)
        for child, group in itertools.groupby(rows, key=lambda row: str(row[0])):
            yield child, [SpooledRow(kind, decode(content), file, row) for _, kind, content, file, row in group]

    def close(self) -> None:
        """Let go of the rows."""
        self._database.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
