"""Rows of a CSV file, one line at a time.

No column of a return may hold a line break, so a row is exactly one line: its number is the line's, and one
unbalanced quote or over-long line costs one row and not the rest of the file.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from carejourney.returns.checks import RowError
from carejourney.returns.errors import ReturnRefusedError
from carejourney.returns.tables import Table

LONGEST_LINE: Final = 65_536

NumberedCells = tuple[int, Sequence[str] | RowError]


def _lines(stream: TextIO) -> Iterator[str | None]:
    """Yield each line without its end; None for one that is too long, which is read past without being kept."""
    while line := stream.readline(LONGEST_LINE):
        if line.endswith("\n") or len(line) < LONGEST_LINE:
            yield line.rstrip("\n")
            continue
        while line and not line.endswith("\n"):
            line = stream.readline(LONGEST_LINE)
        yield None


def _cells(line: str | None) -> Sequence[str] | RowError:
    if line is None:
        reason = f"the line is longer than {LONGEST_LINE} characters"
        return RowError(None, "over-long field", reason, "shorten the field that is too long")
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return RowError(None, "unbalanced quotes", "the quotes do not balance", "quote the field on one line")


def open_text(path: Path, place: str) -> TextIO:
    """Open a UTF-8 file, with a byte order mark or not.

    Raises:
        ReturnRefusedError: the file is missing or cannot be opened.

    """
    try:
        return path.open(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ReturnRefusedError(place, "missing file", "there is no such file", "check the name") from None
    except OSError as error:
        reason = f"cannot be opened ({error.strerror})"
        raise ReturnRefusedError(place, "unreadable file", reason, "check what it is and who may read it") from None


def _not_utf8(place: str) -> ReturnRefusedError:
    return ReturnRefusedError(place, "not UTF-8", "is not a UTF-8 text file", "save it as CSV UTF-8")


def column_names(path: Path, place: str) -> tuple[str, ...]:
    """Read the column names of a CSV: stripped and in capitals.

    Raises:
        ReturnRefusedError: the file cannot be read, is not UTF-8 or is empty.

    """
    with open_text(path, place) as stream:
        try:
            first = next(_lines(stream), "")
        except UnicodeDecodeError:
            raise _not_utf8(place) from None
    cells = _cells(first)
    if isinstance(cells, RowError):
        raise ReturnRefusedError(place, "unknown columns", "its first line cannot be read", "write the column names")
    if not any(cells):
        raise ReturnRefusedError(place, "empty file", "has no column names", "write the column names, or remove it")
    return tuple(cell.strip().upper() for cell in cells)


def rows(path: Path, place: str) -> Iterator[NumberedCells]:
    """Yield (line number, cells) of every row; the header is line 1, blank lines are passed over.

    Raises:
        ReturnRefusedError: the file cannot be read or is not UTF-8.

    """
    with open_text(path, place) as stream:
        try:
            for number, line in enumerate(_lines(stream), start=1):
                if number > 1 and (line is None or line.strip(" ,")):
                    yield number, _cells(line)
        except UnicodeDecodeError:
            raise _not_utf8(place) from None


def describe_columns(names: Sequence[str], candidates: Sequence[Table]) -> str:
    """Say what was expected of a file whose columns are no table's, without repeating what it holds."""
    found = set(names)
    nearest = max(candidates, key=lambda table: len(table.column_names & found))
    strangers = [str(i) for i, name in enumerate(names, start=1) if name not in nearest.column_names]
    missing = sorted(nearest.column_names - found)
    parts = [f"the nearest table is {nearest.title}"]
    if missing:
        parts.append(f"of which {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if strangers:
        parts.append(f"which has no column like number {', '.join(strangers[:10])}")
    if len(names) > len(found):
        parts.append("a column name stands twice")
    expected = ", ".join(column.name for column in nearest.columns)
    return f"{'; '.join(parts)}; expected {expected}"
