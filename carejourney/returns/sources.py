"""Which files of a folder are a return, told by their columns and never by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from carejourney.returns import csv_rows
from carejourney.returns.errors import ReturnRefusedError
from carejourney.returns.tables import ENROLMENTS, RETURN_TABLES, TABLES, Table

XML: Final = "xml"


@dataclass(slots=True)
class Sources:
    """The files of one return: of each table in the order given, or of the XML; files refused; notes for people."""

    folder: Path
    csv: dict[str, list[Path]] = field(default_factory=dict)
    xml: list[Path] = field(default_factory=list)
    refused: list[ReturnRefusedError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Name a file as the reader of the report knows it: within the folder where it lies there."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)


def recognise(path: Path, place: str) -> Table:
    """Tell which table a CSV holds.

    Raises:
        ReturnRefusedError: it cannot be read, or its columns are those of no table.

    """
    names = csv_rows.column_names(path, place)
    found = frozenset(names)
    for table in (*TABLES, ENROLMENTS):
        if found == table.column_names and len(names) == len(found):
            return table
    reason = f"its columns are those of no table: {csv_rows.describe_columns(names, TABLES)}"
    raise ReturnRefusedError(place, "unknown columns", reason, "name the columns exactly so, in any order")


def _folder_files(folder: Path) -> list[Path]:
    place = str(folder)
    try:
        inside = sorted(folder.iterdir())
    except FileNotFoundError:
        raise ReturnRefusedError(place, "missing folder", "there is no such folder", "check the name") from None
    except NotADirectoryError:
        reason = "is a file and not a folder"
        raise ReturnRefusedError(place, "not a folder", reason, "give the folder that holds the return") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise ReturnRefusedError(place, "unreadable folder", reason, "check who may read it") from None
    return inside


def _resolve(folder: Path, chosen: Mapping[str, Sequence[Path]]) -> dict[str, list[Path]]:
    unknown = set(chosen) - set(RETURN_TABLES) - {XML}
    if unknown:
        raise ValueError(f"no such table: {', '.join(sorted(unknown))}; tables are {', '.join(RETURN_TABLES)} or {XML}")
    if XML in chosen and len(chosen) > 1:
        raise ValueError("choose the XML or files for tables, not both")
    return {
        name: [path if path.is_absolute() or path.exists() else folder / path for path in paths]
        for name, paths in chosen.items()
    }


def _take_chosen(sources: Sources, chosen: Mapping[str, list[Path]]) -> None:
    for name, paths in chosen.items():
        for path in paths:
            place = sources.place(path)
            if name == XML:
                sources.xml.append(path)
                continue
            try:
                found = recognise(path, place)
            except ReturnRefusedError as error:
                sources.refused.append(error)
                continue
            if found.name != name:
                reason = f"holds the table {found.title} and not {RETURN_TABLES[name].title}"
                sources.refused.append(ReturnRefusedError(place, "another table", reason, "choose the right file"))
                continue
            sources.csv.setdefault(name, []).append(path)


def _take_found(sources: Sources, path: Path, skip: frozenset[str]) -> None:
    place = sources.place(path)
    if path.suffix.lower() == ".xml":
        sources.xml.append(path)
    elif path.suffix.lower() != ".csv":
        if not path.is_dir():
            sources.notes.append(f"{place} was passed over: it is neither CSV nor XML")
    else:
        try:
            table = recognise(path, place)
        except ReturnRefusedError as error:
            sources.refused.append(error)
            return
        if table is ENROLMENTS:
            sources.notes.append(f"{place} holds school enrolments: import it with `carejourney import enrolments`")
        elif table.name in skip:
            sources.notes.append(f"{place} was passed over: another file was chosen for {table.title}")
        else:
            sources.csv.setdefault(table.name, []).append(path)


def _refuse_ambiguity(sources: Sources, chosen: Mapping[str, list[Path]]) -> None:
    place, option = str(sources.folder), "remove one, or say which with the option for the file of a table"
    for name, paths in sources.csv.items():
        if len(paths) > 1 and name not in chosen:
            files = " and ".join(sources.place(path) for path in paths)
            reason = f"two files hold the table {RETURN_TABLES[name].title}: {files}"
            raise ReturnRefusedError(place, "ambiguous files", reason, option)
    if len(sources.xml) > 1 and XML not in chosen:
        files = " and ".join(sources.place(path) for path in sources.xml)
        raise ReturnRefusedError(place, "ambiguous files", f"two XML files: {files}", option)
    if sources.xml and sources.csv:
        tables = ", ".join(sources.place(path) for paths in sources.csv.values() for path in paths)
        reason = f"the XML {sources.place(sources.xml[0])} stands beside CSV tables: {tables}"
        raise ReturnRefusedError(place, "ambiguous files", reason, option)


def _refuse_nothing(sources: Sources, inside: Sequence[Path]) -> None:
    if sources.csv or sources.xml or sources.refused:
        return
    folders = [path.name for path in inside if path.is_dir()]
    remedy = f"give one of the folders in it: {', '.join(folders)}" if folders else "give a folder with CSV tables"
    raise ReturnRefusedError(str(sources.folder), "no return", "no file in it is a table of a return", remedy)


def find_sources(folder: Path, chosen: Mapping[str, Sequence[Path]] | None = None) -> Sources:
    """Find the files of the return a folder holds.

    `chosen` gives the files for some tables (several files are one split table), or `{"xml": [path]}`; where it names
    CSV tables, XML in the folder is passed over, and the other way round.

    Raises:
        ReturnRefusedError: no such folder, nothing in it, or two candidates where one is meant; it names them.
        ValueError: `chosen` names no table.

    """
    picked = _resolve(folder, chosen or {})
    sources = Sources(folder)
    _take_chosen(sources, picked)
    inside = _folder_files(folder)
    taken = {path.resolve() for paths in picked.values() for path in paths}
    others = [path for path in inside if path.resolve() not in taken]
    if picked:
        wrong = {".csv"} if XML in picked else {".xml"}
        passed = [path for path in others if path.suffix.lower() in wrong]
        sources.notes.extend(f"{sources.place(path)} was passed over: other files were chosen" for path in passed)
        others = [path for path in others if path not in passed]
    for path in others:
        if not (XML in picked and path.suffix.lower() == ".xml"):
            _take_found(sources, path, frozenset(picked))
    _refuse_ambiguity(sources, picked)
    _refuse_nothing(sources, inside)
    return sources
