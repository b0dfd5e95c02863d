"""Children of whom a return says everything: a row in every table and something in every cell. All are made up."""

from datetime import date, timedelta
from typing import Final

from carejourney.returns.tables import RETURN_TABLES, Column, Kind
from tests.e2e.return_folders import Cells, Tables, stated
from tests.unit.returns.made_returns import row

YEAR: Final = 2026
BORN: Final = date(2009, 5, 3)
ENTERED: Final = date(2025, 5, 12)
MOVED: Final = date(2025, 9, 1)


def whole_child(child: str) -> Tables:
    """One child in all twelve tables: two episodes, the first closed and the second ended too."""
    left = MOVED + timedelta(days=120)
    home = {"HOME_POST": "B1 1AA", "PL_POST": "B13 8DD", "CIN": "N1"}
    first = {"RNE": "S", "LS": "C2", "PLACE": "U6", "PLACE_PROVIDER": "PR1", "REC": "X1", "URN": "SC010101"}
    second = {"RNE": "P", "LS": "C2", "PLACE": "K2", "PLACE_PROVIDER": "PR4", "REC": "E4A", "URN": "SC020202"}
    dates = _dates(MOVED, left)
    one = {name: [row(name, child, DOB=stated(BORN), **cells, **dates)] for name, cells in _CELLS.items()}
    header = row("header", child, DOB=stated(BORN), SEX="F", ETHNIC="WBRI", UPN="A012345678901", MOTHER="1", **dates)
    episodes = [
        row("episodes", child, DECOM=stated(ENTERED), DEC=stated(MOVED), REASON_PLACE_CHANGE="CREQB", **first, **home),
        row("episodes", child, DECOM=stated(MOVED), DEC=stated(left), REASON_PLACE_CHANGE="PLACE", **second, **home),
    ]
    return {"header": [header], "episodes": episodes, **one}


_CELLS: Final[dict[str, Cells]] = {
    "reviews": {"REVIEW_CODE": "PN1"},
    "uasc": {"SEX": "F"},
    "oc2": {"SDQ_SCORE": "12", "SDQ_REASON": "SDQ1"}
    | dict.fromkeys(("CONVICTED", "HEALTH_CHECK", "IMMUNISATIONS", "TEETH_CHECK", "HEALTH_ASSESSMENT"), "1")
    | dict.fromkeys(("SUBSTANCE_MISUSE", "INTERVENTION_RECEIVED", "INTERVENTION_OFFERED"), "1"),
    "oc3": {"IN_TOUCH": "YES", "ACTIV": "F2", "ACCOM": "B1"},
    "ad1": {"FOSTER_CARE": "0", "NB_ADOPTR": "2", "SEX_ADOPTR": "MF", "LS_ADOPTR": "L11"},
    "placed_adoption": {"REASON_PLACED_CEASED": "RD1"},
    "prev_perm": {"PREV_PERM": "P2", "LA_PERM": "305", "DATE_PERM": "zz/06/2012"},
    "missing": {"MISSING": "M"},
    "sw_episodes": {"SW_ID": "SW0001", "SW_REASON": "MANAGE"},
    "dolo": {},
}


def _dates(moved: date, left: date) -> Cells:
    begin = dict.fromkeys(("REVIEW", "MIS_START", "SW_DECOM", "DOLO_START", "DATE_PLACED", "DATE_INT"), stated(moved))
    end = dict.fromkeys(("MIS_END", "SW_DEC", "DOLO_END", "DATE_PLACED_CEASED", "DATE_MATCH", "DUC"), stated(left))
    return begin | end | {"MC_DOB": stated(date(2025, 8, 8))}


def joined(children: list[Tables]) -> Tables:
    """One return of several children."""
    return {name: [one for tables in children for one in tables[name]] for name in RETURN_TABLES}


def another(column: Column, cell: str) -> str:
    """Another value the column may have, near to the one it has."""
    if column.codes is not None:
        return next(c.code for c in column.codes if c.code != cell and column.codes.in_year(c.code, YEAR))
    match column.kind:
        case Kind.DATE:
            day, month, year = map(int, cell.split("/"))
            return stated(date(year, month, day) + timedelta(days=1))
        case Kind.PART_DATE:
            return cell.replace("/06/", "/07/")
        case Kind.POSTCODE:
            return "B17 0HN" if cell != "B17 0HN" else "B1 1AA"
        case _:
            return f"{cell[:-1]}{(int(cell[-1]) + 1) % 10}"
