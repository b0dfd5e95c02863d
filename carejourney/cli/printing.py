"""Where the commands print: on a terminal as wide as it is, elsewhere in lines that are neither broken nor cut."""

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_LONGEST_LINE: Final = 100_000


def printing(*, stderr: bool = False) -> Console:
    """A console for standard output, or standard error.

    Where no terminal is behind it, somebody reads it with a program or later: every row is one line then.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr)
    return Console(stderr=stderr, width=_LONGEST_LINE, soft_wrap=True)


def show_rows(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings: as a table on a terminal, elsewhere as plain lines; the longest column last."""
    if not console.is_terminal:
        for line in (title, *_lines([headings, *rows])):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(title=escape(title), title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
