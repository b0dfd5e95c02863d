"""A generated authority, read back as anybody would read it."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from carejourney.workdays import age_on

Cells = Mapping[str, str]


def day(cell: str) -> date:
    """A day written dd/mm/yyyy."""
    number, month, year = cell.split("/")
    return date(int(year), int(month), int(number))


@cache
def _rows(path: Path) -> tuple[Cells, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _headers(path: Path) -> Mapping[str, Cells]:
    return {row["CHILD"]: row for row in _rows(path)}


@cache
def _episodes(path: Path) -> Mapping[str, list[Cells]]:
    children: dict[str, list[Cells]] = defaultdict(list)
    for row in sorted(_rows(path), key=lambda row: day(row["DECOM"])):
        children[row["CHILD"]].append(row)
    return dict(children)


@dataclass(frozen=True)
class Return:
    """One year's return of a sample."""

    folder: Path
    year: int

    @property
    def first(self) -> date:
        return date(self.year - 1, 4, 1)

    @property
    def last(self) -> date:
        return date(self.year, 3, 31)

    def table(self, name: str) -> Sequence[Cells]:
        return _rows(self.folder / f"{name}.csv")

    def header(self) -> Mapping[str, Cells]:
        return _headers(self.folder / "header.csv")

    def episodes(self) -> Mapping[str, list[Cells]]:
        """The episodes of each child, in order."""
        return _episodes(self.folder / "episodes.csv")

    def looked_after(self) -> Mapping[str, Cells]:
        """The open episode of each child looked after on 31 March."""
        return {child: rows[-1] for child, rows in self.episodes().items() if not rows[-1]["DEC"]}

    def age(self, child: str, on: date) -> int:
        return age_on(day(self.header()[child]["DOB"]), on)


@dataclass(frozen=True)
class Sample:
    """A generated authority: its returns by year, and its enrolments."""

    folder: Path
    years: Sequence[int]

    @property
    def returns(self) -> Mapping[int, Return]:
        return {year: Return(self.folder / str(year), year) for year in self.years}

    @property
    def latest(self) -> Return:
        return self.returns[self.years[-1]]

    def enrolments(self) -> Mapping[str, list[Cells]]:
        children: dict[str, list[Cells]] = defaultdict(list)
        for row in _rows(self.folder / "enrolments.csv"):
            children[row["local_id"]].append(row)
        return children
