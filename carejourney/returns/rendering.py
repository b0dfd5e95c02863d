"""The report of an import for people: what was taken, and the commonest refusals and questions with one place each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from carejourney.returns.report import Flag, ImportReport, Refusal, place_of

SHOWN: Final = 12

_Entry = TypeVar("_Entry", Refusal, Flag)


def _grouped(entries: Iterable[_Entry], key: Callable[[_Entry], str]) -> list[tuple[int, _Entry]]:
    """Return (count, an example) of each group, the commonest first."""
    groups: dict[tuple[str, str | None, str], list[_Entry]] = {}
    for entry in sorted(entries, key=place_of):
        groups.setdefault((entry.file, entry.column, key(entry)), []).append(entry)
    return sorted(((len(group), group[0]) for group in groups.values()), key=lambda pair: (-pair[0], pair[1].file))


def _place(entry: Refusal | Flag) -> str:
    row = f" row {entry.row}" if entry.row is not None else ""
    return escape(f"{entry.file}{row}")


def _list(title: str, rows: Sequence[Sequence[str]], *headings: str, total: int) -> Group:
    more = f", {total - len(rows)} more kinds in the JSON report" if total > len(rows) else ""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return Group(Text(f"{title}{more}", style="italic"), table)


def _refusals(report: ImportReport) -> Group:
    groups = _grouped(report.refused, lambda entry: entry.value_class)
    groups.sort(key=lambda group: group[1].row is not None)
    rows = [
        (str(count), _place(entry), escape(entry.column or "-"), escape(entry.reason), escape(entry.remedy))
        for count, entry in groups[:SHOWN]
    ]
    return _list("Refused", rows, "times", "first at", "column", "because it", "remedy", total=len(groups))


def _flags(report: ImportReport) -> Group:
    groups = _grouped(report.flagged, lambda entry: entry.rule)
    rows = [
        (str(count), _place(entry), escape(entry.column or "-"), escape(entry.reason))
        for count, entry in groups[:SHOWN]
    ]
    return _list("Taken as stated, to look at", rows, "times", "first at", "column", "because it", total=len(groups))


def render(report: ImportReport, console: Console) -> None:
    """Print the report; the whole of it is in its JSON form."""
    console.print(
        f"{report.rows_read:,} rows read: {report.rows_taken:,} taken, {report.rows_refused:,} refused. "
        f"{report.facts_recorded:,} facts recorded, of them {report.corrections:,} corrections."
    )
    if report.refused:
        console.print(_refusals(report))
    if report.flagged:
        console.print(_flags(report))
    for note in report.notes:
        console.print(f"Note: {escape(note)}")
