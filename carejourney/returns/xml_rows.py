"""Rows of the XML form of a return, one child at a time.

Tags are the column names of the CSV tables, but `CHILDID` for CHILD and `PL` for PLACE. What stands in an element of
its own (a review, an episode) is told by its tags; the single columns of OC3, AD1, UASC and Header stand side by side
in the child's header.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from carejourney.returns.csv_rows import LONGEST_LINE
from carejourney.returns.errors import ReturnRefusedError
from carejourney.returns.tables import AD1, HEADER, OC3, TABLES, UASC, Table

_RENAMED: Final = {"CHILDID": "CHILD", "PL": "PLACE"}
_SHARED: Final = frozenset({"CHILD", "DOB", "SEX", "URN", "UPN"})
_TABLE_OF: Final = {name: table for table in TABLES for name in table.column_names - _SHARED}
_SIDE_BY_SIDE: Final = (OC3, AD1)


class XmlRow(NamedTuple):
    """One row: the ordinal of its child in the file, its table and its cells in the order of the table's columns."""

    ordinal: int
    table: Table
    cells: Sequence[str]


class UnknownTag(NamedTuple):
    """An element that no column is named for."""

    ordinal: int


def _text(element: Element) -> str:
    return (element.text or "").strip()[: LONGEST_LINE + 1]


def _leaves(element: Element) -> dict[str, str]:
    return {_RENAMED.get(leaf.tag, leaf.tag): _text(leaf) for leaf in element if len(leaf) == 0}


def _row(ordinal: int, table: Table, leaves: dict[str, str]) -> XmlRow:
    return XmlRow(ordinal, table, [leaves.get(column.name, "") for column in table.columns])


def _group_rows(ordinal: int, group: Element, local_id: str) -> Iterator[XmlRow | UnknownTag]:
    leaves = _leaves(group)
    table = next((_TABLE_OF[name] for name in leaves if name in _TABLE_OF), None)
    if table is None:
        yield UnknownTag(ordinal)
        return
    if not any(leaves.values()):
        return
    yield from (UnknownTag(ordinal) for name in leaves if name not in table.column_names)
    yield _row(ordinal, table, {**leaves, "CHILD": local_id})


def _header_rows(ordinal: int, leaves: dict[str, str]) -> Iterator[XmlRow | UnknownTag]:
    known = HEADER.column_names | UASC.column_names | {"UASC"}
    yield _row(ordinal, HEADER, leaves)
    if leaves.get("DUC") or leaves.get("UASC", "0") not in {"", "0"}:
        yield _row(ordinal, UASC, leaves)
    for table in _SIDE_BY_SIDE:
        own = table.column_names - _SHARED
        known |= own
        if any(leaves.get(name) for name in own):
            yield _row(ordinal, table, leaves)
    yield from (UnknownTag(ordinal) for name in leaves if name not in known)


def _child_rows(ordinal: int, child: Element) -> Iterator[XmlRow | UnknownTag]:
    header = child.find("HEADER")
    leaves = {} if header is None else _leaves(header)
    yield from _header_rows(ordinal, leaves)
    inside = [] if header is None else [group for group in header if len(group)]
    beside = [group for group in child if group.tag != "HEADER"]
    for group in (*inside, *beside):
        yield from _group_rows(ordinal, group, leaves.get("CHILD", ""))


def rows(path: Path, place: str) -> Iterator[XmlRow | UnknownTag]:
    """Yield the rows of every child; what was read is let go, so memory does not grow with the file.

    Raises:
        ReturnRefusedError: the file is missing, is not well-formed XML, or holds a document type or entities.

    """
    ordinal = 0
    root: Element | None = None
    try:
        with path.open("rb") as stream:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                root = element if root is None else root
                if event == "end" and element.tag == "CHILD":
                    ordinal += 1
                    yield from _child_rows(ordinal, element)
                    root.clear()
    except OSError as error:
        reason = f"cannot be opened ({error.strerror})"
        raise ReturnRefusedError(place, "unreadable file", reason, "check the name and who may read it") from None
    except (ParseError, DefusedXmlException, UnicodeError):
        reason = "is not well-formed XML without a document type"
        raise ReturnRefusedError(place, "unreadable XML", reason, "export the return again") from None
    if ordinal == 0:
        reason = "has no CHILD element"
        raise ReturnRefusedError(place, "unknown XML", reason, "give the SSDA903 export: CHILD elements with a HEADER")
