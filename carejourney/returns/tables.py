"""The tables an import reads: their columns, formats and owners.

The twelve SSDA903 tables follow the Department for Education's collection years 2017 to 2027; a collection year Y is
1 April Y-1 to 31 March Y. A table is recognised by its column names alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from events import codes
from events.codes import CodeSet

PLACEMENT: Final = "placement"
PLANNING: Final = "planning"
EDUCATION: Final = "education"
HEALTH: Final = "health"
LEAVING_CARE: Final = "leaving_care"


class Kind(Enum):
    """How a cell is read."""

    LOCAL_ID = auto()
    DATE = auto()
    PART_DATE = auto()
    CODE = auto()
    SCORE = auto()
    UPN = auto()
    URN = auto()
    POSTCODE = auto()
    WORKER = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `owner` is the service that takes it, None where it is only compared or identifies the row."""

    name: str
    kind: Kind
    owner: str | None = None
    blank: bool = False
    codes: CodeSet | None = None
    may_be_future: bool = False

    @property
    def wire(self) -> str:
        """The column's name in a posted row."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Table:
    """One table. The first column identifies the child; the second orders the rows of one child.

    `once` lists the columns whose values may occur once for a child (an empty tuple: one row a child; None: any
    number). `span` is a start and an end column. `starts` is the column whose latest date tells the collection year.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    once: tuple[str, ...] | None = None
    span: tuple[str, str] | None = None
    starts: str | None = None

    @property
    def column_names(self) -> frozenset[str]:
        """The exact set of column names a CSV of this table has."""
        return frozenset(column.name for column in self.columns)

    @property
    def values(self) -> tuple[Column, ...]:
        """The columns kept for a row: all but the child's identifier."""
        return self.columns[1:]

    def owners(self) -> frozenset[str]:
        """Return the services that take something from this table."""
        return frozenset(column.owner for column in self.columns if column.owner)

    def taken_by(self, service: str) -> Iterator[tuple[int, str]]:
        """Yield (position among `values`, wire name) of each column the service takes."""
        return ((i, column.wire) for i, column in enumerate(self.values) if column.owner == service)


def _date(name: str, owner: str | None, *, blank: bool = False, may_be_future: bool = False) -> Column:
    return Column(name, Kind.DATE, owner, blank=blank, may_be_future=may_be_future)


def _code(codes: CodeSet, owner: str | None, *, name: str = "", blank: bool = False) -> Column:
    return Column(name or codes.name, Kind.CODE, owner, blank=blank, codes=codes)


def _flag(name: str, owner: str) -> Column:
    return Column(name, Kind.CODE, owner, blank=True, codes=codes.FLAG)


_CHILD: Final = Column("CHILD", Kind.LOCAL_ID)
_SEX_CHECK: Final = _code(codes.SEX, None, blank=True)
_BIRTH_CHECK: Final = _date("DOB", None, blank=True)

HEADER: Final = Table(
    "header",
    "Header",
    (
        _CHILD,
        _date("DOB", PLACEMENT),
        _code(codes.SEX, PLACEMENT),
        _code(codes.ETHNICITY, PLACEMENT),
        Column("UPN", Kind.UPN, EDUCATION),
        _flag("MOTHER", PLACEMENT),
        _date("MC_DOB", PLACEMENT, blank=True),
    ),
    once=(),
)

EPISODES: Final = Table(
    "episodes",
    "Episodes",
    (
        _CHILD,
        _date("DECOM", PLACEMENT),
        _code(codes.REASON_FOR_NEW_EPISODE, PLACEMENT),
        _code(codes.LEGAL_STATUS, PLACEMENT),
        _code(codes.CATEGORY_OF_NEED, PLACEMENT),
        _code(codes.PLACEMENT_TYPE, PLACEMENT),
        _code(codes.PLACEMENT_PROVIDER, PLACEMENT, blank=True),
        _date("DEC", PLACEMENT, blank=True),
        _code(codes.REASON_EPISODE_CEASED, PLACEMENT, blank=True),
        _code(codes.REASON_PLACEMENT_CHANGE, PLACEMENT, blank=True),
        Column("HOME_POST", Kind.POSTCODE, PLACEMENT, blank=True),
        Column("PL_POST", Kind.POSTCODE, PLACEMENT, blank=True),
        Column("URN", Kind.URN, PLACEMENT, blank=True),
    ),
    once=("DECOM",),
    span=("DECOM", "DEC"),
    starts="DECOM",
)

REVIEWS: Final = Table(
    "reviews",
    "Reviews",
    (_CHILD, _date("REVIEW", PLANNING), _BIRTH_CHECK, _code(codes.REVIEW_PARTICIPATION, PLANNING)),
)

UASC: Final = Table(
    "uasc",
    "UASC",
    (_CHILD, _date("DUC", PLACEMENT, blank=True, may_be_future=True), _SEX_CHECK, _BIRTH_CHECK),
    once=(),
)

OC2: Final = Table(
    "oc2",
    "OC2",
    (
        _CHILD,
        _BIRTH_CHECK,
        Column("SDQ_SCORE", Kind.SCORE, HEALTH, blank=True),
        _code(codes.SDQ_REASON, HEALTH, blank=True),
        _flag("CONVICTED", PLACEMENT),
        _flag("HEALTH_CHECK", HEALTH),
        _flag("IMMUNISATIONS", HEALTH),
        _flag("TEETH_CHECK", HEALTH),
        _flag("HEALTH_ASSESSMENT", HEALTH),
        _flag("SUBSTANCE_MISUSE", HEALTH),
        _flag("INTERVENTION_RECEIVED", HEALTH),
        _flag("INTERVENTION_OFFERED", HEALTH),
    ),
    once=(),
)

OC3: Final = Table(
    "oc3",
    "OC3",
    (
        _CHILD,
        _BIRTH_CHECK,
        _code(codes.IN_TOUCH, LEAVING_CARE),
        _code(codes.ACTIVITY, LEAVING_CARE),
        _code(codes.ACCOMMODATION, LEAVING_CARE),
    ),
    once=(),
)

AD1: Final = Table(
    "ad1",
    "AD1",
    (
        _CHILD,
        _date("DATE_INT", PLACEMENT),
        _BIRTH_CHECK,
        _date("DATE_MATCH", PLACEMENT),
        _code(codes.FOSTER_CARE, PLACEMENT),
        _code(codes.NUMBER_OF_ADOPTERS, PLACEMENT),
        _code(codes.SEX_OF_ADOPTERS, PLACEMENT),
        _code(codes.LEGAL_STATUS_OF_ADOPTERS, PLACEMENT),
    ),
    once=("DATE_INT",),
)

PLACED_ADOPTION: Final = Table(
    "placed_adoption",
    "PlacedAdoption",
    (
        _CHILD,
        _date("DATE_PLACED", PLACEMENT),
        _BIRTH_CHECK,
        _date("DATE_PLACED_CEASED", PLACEMENT, blank=True),
        _code(codes.REASON_PLACED_CEASED, PLACEMENT, blank=True),
    ),
    once=("DATE_PLACED",),
    span=("DATE_PLACED", "DATE_PLACED_CEASED"),
    starts="DATE_PLACED",
)

PREV_PERM: Final = Table(
    "prev_perm",
    "PrevPerm",
    (
        _CHILD,
        _code(codes.PREVIOUS_PERMANENCE, PLACEMENT),
        _BIRTH_CHECK,
        _code(codes.LA_PERM, PLACEMENT, blank=True),
        Column("DATE_PERM", Kind.PART_DATE, PLACEMENT, blank=True),
    ),
    once=(),
)

MISSING: Final = Table(
    "missing",
    "Missing",
    (
        _CHILD,
        _date("MIS_START", PLACEMENT),
        _BIRTH_CHECK,
        _code(codes.MISSING_KIND, PLACEMENT),
        _date("MIS_END", PLACEMENT, blank=True),
    ),
    span=("MIS_START", "MIS_END"),
    starts="MIS_START",
)

SW_EPISODES: Final = Table(
    "sw_episodes",
    "SWEpisodes",
    (
        _CHILD,
        _date("SW_DECOM", PLANNING),
        _BIRTH_CHECK,
        Column("SW_ID", Kind.WORKER, PLANNING),
        _date("SW_DEC", PLANNING, blank=True),
        _code(codes.SW_REASON, PLANNING, blank=True),
    ),
    once=("SW_DECOM", "SW_ID"),
    span=("SW_DECOM", "SW_DEC"),
    starts="SW_DECOM",
)

DOLO: Final = Table(
    "dolo",
    "DoLo",
    (
        _CHILD,
        _date("DOLO_START", PLACEMENT),
        _BIRTH_CHECK,
        _date("DOLO_END", PLACEMENT, blank=True, may_be_future=True),
    ),
    once=("DOLO_START",),
    span=("DOLO_START", "DOLO_END"),
    starts="DOLO_START",
)

TABLES: Final = (
    HEADER,
    EPISODES,
    REVIEWS,
    UASC,
    OC2,
    OC3,
    AD1,
    PLACED_ADOPTION,
    PREV_PERM,
    MISSING,
    SW_EPISODES,
    DOLO,
)

ENROLMENTS: Final = Table(
    "enrolments",
    "Enrolments",
    (
        Column("LOCAL_ID", Kind.LOCAL_ID),
        _date("FROM", EDUCATION),
        Column("UPN", Kind.UPN, EDUCATION, blank=True),
        Column("URN", Kind.URN, EDUCATION),
        Column("SCHOOL", Kind.TEXT, EDUCATION),
        _date("UNTIL", EDUCATION, blank=True, may_be_future=True),
        Column("REASON", Kind.TEXT, EDUCATION, blank=True),
    ),
    once=("FROM", "URN"),
    span=("FROM", "UNTIL"),
)

RETURN_TABLES: Final = {table.name: table for table in TABLES}
SERVICES: Final = (PLACEMENT, PLANNING, EDUCATION, HEALTH, LEAVING_CARE)
