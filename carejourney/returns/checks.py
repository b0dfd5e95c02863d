"""Checking one row by itself: every cell is read, and what cannot be true of the row is refused."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from carejourney.returns.cells import CellError, Read, Value, reader_of, whole
from carejourney.returns.tables import Column, Kind, Table


class RowError(ValueError):
    """A row that is refused: in which column, why, and what to do; `local_id` is its child's where that was legible."""

    def __init__(self, column: str | None, value_class: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value_class = value_class
        self.reason = reason
        self.remedy = remedy
        self.local_id: str | None = None


Checked: TypeAlias = tuple[str, list[Value]]
CheckRow: TypeAlias = Callable[[Sequence[str]], Checked]


class _Cell(NamedTuple):
    name: str
    position: int | None
    blank: bool
    is_date: bool
    read: Read


def _cell(column: Column, names: Sequence[str]) -> _Cell:
    position = names.index(column.name) if column.name in names else None
    return _Cell(column.name, position, column.blank, column.kind is Kind.DATE, reader_of(column))


def _value(cell: _Cell, cells: Sequence[str]) -> Value:
    text = cells[cell.position].strip() if cell.position is not None else ""
    if not text:
        if cell.blank:
            return None
        raise RowError(cell.name, "blank", "is blank", f"state {cell.name}")
    try:
        return cell.read(text if cell.is_date else whole(text))
    except CellError as error:
        raise RowError(cell.name, error.value_class, error.reason, error.remedy) from None


def _check_span(table: Table) -> Callable[[Sequence[Value]], None]:
    names = [column.name for column in table.values]
    if table.span is None:
        return lambda _: None
    start_name, end_name = table.span
    start_at, end_at = names.index(start_name), names.index(end_name)

    def check(values: Sequence[Value]) -> None:
        start, end = values[start_at], values[end_at]
        if start is not None and end is not None and str(end) < str(start):
            raise RowError(end_name, "end before start", f"is before {start_name}", "correct one of the two dates")

    return check


def _check_past(table: Table, day: str) -> Callable[[Sequence[Value]], None]:
    dated = [
        (i, column.name)
        for i, column in enumerate(table.values)
        if column.kind in (Kind.DATE, Kind.PART_DATE) and not column.may_be_future
    ]

    def check(values: Sequence[Value]) -> None:
        for i, name in dated:
            value = values[i]
            if value is not None and str(value) > day and "z" not in str(value):
                reason = "is after the day the return was made"
                raise RowError(name, "date in the future", reason, "correct the date, or import it when it has come")

    return check


def row_checker(table: Table, names: Sequence[str], day: str) -> CheckRow:
    """Make the check of one file's rows.

    `names` are the file's columns in their order, `day` the ISO date on which the return was made. The check takes
    the cells of a row and returns the child's local identifier and the values of `table.values`, in that order.
    A column the source does not carry (XML repeats no date of birth) is blank.

    Raises (the returned function):
        RowError: a cell cannot be read or the row cannot be true.

    """
    child, *rest = (_cell(column, names) for column in table.columns)
    check_span, check_past = _check_span(table), _check_past(table, day)
    width = len(names)

    def check(cells: Sequence[str]) -> Checked:
        if len(cells) != width:
            raise RowError(
                None,
                "wrong number of fields",
                f"has {len(cells)} fields where the file has {width} columns",
                "quote fields that hold commas, and keep a row on one line",
            )
        local_id = str(_value(child, cells))
        try:
            values = [_value(cell, cells) for cell in rest]
            check_past(values)
            check_span(values)
        except RowError as error:
            error.local_id = local_id
            raise
        return local_id, values

    return check
