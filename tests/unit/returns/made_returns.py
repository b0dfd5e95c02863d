"""Generated returns for the tests of the importer: every child is made up."""

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from carejourney.returns.tables import RETURN_TABLES

Cells = dict[str, str]
Return = dict[str, list[Cells]]

TODAY = date(2026, 11, 23)
FILE_NAMES = {name: f"{name}.csv" for name in RETURN_TABLES}
_GROUPS = {
    "reviews": "AREVIEW",
    "oc2": "OC2",
    "prev_perm": "PERMANENCE",
    "missing": "AMISSING",
    "placed_adoption": "AD_PLACED",
    "sw_episodes": "ASW",
    "dolo": "ADOLO",
}


def uk(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _row(table: str, child: str, **cells: str) -> Cells:
    return {column.name: cells.get(column.name, "") for column in RETURN_TABLES[table].columns} | {"CHILD": child}


def header(child: str = "A1", **cells: str) -> Cells:
    made = {"DOB": "03/05/2010", "SEX": "2", "ETHNIC": "WBRI", "UPN": "A012345678901"}
    return _row("header", child, **(made | cells))


def episode(child: str = "A1", **cells: str) -> Cells:
    made = {"DECOM": "12/06/2017", "RNE": "S", "LS": "V2", "CIN": "N1", "PLACE": "U4", "PLACE_PROVIDER": "PR1"}
    return _row("episodes", child, **(made | cells))


def review(child: str = "A1", **cells: str) -> Cells:
    return _row("reviews", child, **({"DOB": "03/05/2010", "REVIEW": "03/07/2017", "REVIEW_CODE": "PN1"} | cells))


def row(table: str, child: str = "A1", **cells: str) -> Cells:
    return _row(table, child, **cells)


def _child_rows(made: Return, dice: random.Random, child: str) -> None:
    born = date(2004, 1, 1) + timedelta(days=dice.randrange(4000))
    start = date(2017, 4, 3) + timedelta(days=dice.randrange(200))
    middle, end = start + timedelta(days=20 + dice.randrange(40)), date(2018, 3, 20)
    both = {"DOB": uk(born)}
    sex = dice.choice("12")
    made["header"].append(header(child, DOB=uk(born), SEX=sex, UPN=f"B{dice.randrange(10**12):012d}"))
    made["episodes"].append(episode(child, DECOM=uk(start), DEC=uk(middle), REC="X1", PL_POST="B1 1AA"))
    made["episodes"].append(episode(child, DECOM=uk(middle), RNE="P", PLACE="K2", REASON_PLACE_CHANGE="CARPL"))
    for _ in range(dice.randrange(4)):
        held = start + timedelta(days=dice.randrange(170))
        made["reviews"].append(review(child, REVIEW=uk(held), REVIEW_CODE=f"PN{dice.randrange(1, 8)}", **both))
    made["oc2"].append(row("oc2", child, SDQ_SCORE=str(dice.randrange(41)), CONVICTED=dice.choice("01"), **both))
    made["prev_perm"].append(row("prev_perm", child, PREV_PERM="P2", LA_PERM="305", DATE_PERM="zz/zz/2012", **both))
    if dice.random() < 0.3:
        made["missing"].append(row("missing", child, MISSING="M", MIS_START=uk(middle), MIS_END=uk(end), **both))
        made["uasc"].append(row("uasc", child, SEX=sex, DUC="01/02/2029", **both))
        made["oc3"].append(row("oc3", child, IN_TOUCH="YES", ACTIV="F2", ACCOM="B1", **both))
        made["sw_episodes"].append(
            row("sw_episodes", child, SW_ID=f"SW{dice.randrange(100, 130)}", SW_DECOM=uk(start), **both)
        )
        made["dolo"].append(row("dolo", child, DOLO_START=uk(middle), DOLO_END=uk(end), **both))
    if dice.random() < 0.1:
        adoption = {"FOSTER_CARE": "0", "NB_ADOPTR": "2", "SEX_ADOPTR": "MF", "LS_ADOPTR": "L11"}
        made["ad1"].append(row("ad1", child, DATE_INT=uk(middle), DATE_MATCH=uk(start), **adoption, **both))
        made["placed_adoption"].append(row("placed_adoption", child, DATE_PLACED=uk(start), **both))


def a_return(children: int, seed: int = 1) -> Return:
    """Make a return of collection year 2018 with rows in all twelve tables once there are a few dozen children."""
    made: Return = {name: [] for name in RETURN_TABLES}
    dice = random.Random(seed)
    for number in range(children):
        _child_rows(made, dice, f"C{number:05d}")
    return made


def write_table(path: Path, rows: Sequence[Cells], columns: Iterable[str], *, encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_csv(folder: Path, tables: Mapping[str, Sequence[Cells]]) -> Path:
    """Write one CSV a table, in the statutory file form."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = [column.name for column in RETURN_TABLES[name].columns]
        write_table(folder / FILE_NAMES[name], rows, columns)
    return folder


def _element(parent: ET.Element, tag: str, cells: Mapping[str, str]) -> ET.Element:
    made = ET.SubElement(parent, tag)
    for name, value in cells.items():
        ET.SubElement(made, {"CHILD": "CHILDID", "PLACE": "PL"}.get(name, name)).text = value
    return made


def _without(cells: Cells, *names: str) -> Cells:
    return {name: value for name, value in cells.items() if name not in names}


def write_xml(folder: Path, tables: Return) -> Path:
    """Write the same return as one XML file."""
    folder.mkdir(parents=True, exist_ok=True)
    root = ET.Element("EXPSSDA903")
    rows_of: dict[tuple[str, str], list[Cells]] = {}
    for name, rows in tables.items():
        for one in rows:
            rows_of.setdefault((name, one["CHILD"]), []).append(one)
    for head in tables["header"]:
        mine = {name: rows_of.get((name, head["CHILD"]), []) for name in tables}
        child = ET.SubElement(root, "CHILD")
        element = _element(child, "HEADER", head)
        for name in ("uasc", "oc3", "ad1"):
            for one in mine[name]:
                for tag, value in _without(one, "CHILD", "DOB", "SEX").items():
                    ET.SubElement(element, tag).text = value
        for name, tag in _GROUPS.items():
            for one in mine[name]:
                _element(element, tag, _without(one, "CHILD", "DOB"))
        for one in mine["episodes"]:
            _element(child, "EPISODE", _without(one, "CHILD"))
    ET.ElementTree(root).write(folder / "return.xml", encoding="utf-8", xml_declaration=True)
    return folder
