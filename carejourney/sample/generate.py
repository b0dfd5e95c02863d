"""Generate an authority: one folder for each year's return, and the school enrolments."""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from carejourney.sample.leavers import birthdays_told
from carejourney.sample.lives import Life, life
from carejourney.sample.marks import Marks
from carejourney.sample.population import Outline, children
from carejourney.sample.returns import enrolment_rows, rows_of
from carejourney.sample.tables import ENROLMENTS, FILES, TABLES, Row
from carejourney.sample.world import World
from carejourney.sample.years import CollectionYear

DEFAULT_AUTHORITY = "E08000025"
_FIRST_YEAR = 2017
_OLDEST_LEAVER = 22
_UNFINISHED = "enrolments.csv.unfinished"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What was generated: the children in care on each 31 March, and the rows of each table over all years."""

    authority: str
    seed: int
    children: int
    looked_after: Mapping[int, int]
    rows: Mapping[str, int]
    enrolments: int
    folders: Sequence[Path]


def generate(
    children: int,
    years: range | tuple[int, int],
    seed: int,
    out: Path,
    authority: str = DEFAULT_AUTHORITY,
    progress: Progress | None = None,
) -> Summary:
    """Write the returns of a generated authority under a folder, OUT/2025 and so on, and OUT/enrolments.csv.

    `children` are looked after on 31 March of the last year; `years` are collection years (2025 is 1 April 2024 to
    31 March 2025), as a range or as (first, last). The same arguments give the same bytes; other arguments give other
    local ids, UPNs and social workers, another seed or authority other children. `enrolments.csv` appears last, so a
    folder that has it is complete. `progress` is told how many children of how many are written.

    Raises ValueError for fewer than one child, for no years or years before 2017, UnknownAuthorityError (also a
    ValueError) for an authority that has no postcodes, PostcodesUnavailableError when there is no directory of them.
    """
    wanted = _collection_years(years)
    if children < 1:
        raise ValueError("a sample needs at least one child")
    marks = Marks.of(children, [year.name for year in wanted], seed, authority)
    world = World.of(authority, children, marks)
    outlines = _population(children, wanted, marks.draws)
    with ExitStack() as open_files:
        folder = _Folder(out, wanted, open_files)
        for number, outline in enumerate(outlines, start=1):
            folder.write(life(world, outline, number), marks.draws)
            if progress:
                progress(number, len(outlines))
    (out / _UNFINISHED).replace(out / "enrolments.csv")
    return Summary(
        authority=authority,
        seed=seed,
        children=len(outlines),
        looked_after={year.name: sum(child.in_care_on(year.last) for child in outlines) for year in wanted},
        rows=dict(folder.written),
        enrolments=folder.enrolled,
        folders=[out / str(year.name) for year in wanted],
    )


def _collection_years(years: range | tuple[int, int]) -> list[CollectionYear]:
    names = years if isinstance(years, range) else range(years[0], years[1] + 1)
    if not names or min(names) < _FIRST_YEAR:
        raise ValueError(f"name one or more collection years, the first not before {_FIRST_YEAR}, the earlier first")
    return [CollectionYear(name) for name in sorted(names)]


def _population(wanted: int, years: Sequence[CollectionYear], draws: str) -> list[Outline]:
    """Draw children until enough are in care on the last census day; keep those a return of the years speaks of."""
    first, last = years[0].first, years[-1].last
    drawn: list[Outline] = []
    in_care = 0
    for child in children(draws, first.replace(year=first.year - _OLDEST_LEAVER), last):
        in_care += child.in_care_on(last)
        if _spoken_of(child, years):
            drawn.append(child)
        if in_care == wanted:
            break
    return sorted(drawn, key=lambda child: (child.stays[0].start, child.number))


def _spoken_of(child: Outline, years: Sequence[CollectionYear]) -> bool:
    return any(
        any(year.touches(stay.start, stay.end) for stay in child.stays) or any(birthdays_told(child, year))
        for year in years
    )


class _Folder:
    """The open files of a sample: one folder a year with one CSV a table, and the enrolments beside them."""

    def __init__(self, out: Path, years: Sequence[CollectionYear], open_files: ExitStack) -> None:
        self._years = years
        self._writers = {year.name: _year_writers(out / str(year.name), year, open_files) for year in years}
        self._enrolments = _writer(out / _UNFINISHED, ENROLMENTS, open_files)
        self.written: Counter[str] = Counter()
        self.enrolled = 0

    def write(self, one: Life, draws: str) -> None:
        for year in self._years:
            writers = self._writers[year.name]
            for table, row in rows_of(one, year, draws):
                writers[table](row)
                self.written[table] += 1
        for row in enrolment_rows(one, self._years[0].first, self._years[-1].last):
            self._enrolments(row)
            self.enrolled += 1


def _year_writers(folder: Path, year: CollectionYear, open_files: ExitStack) -> dict[str, Callable[[Row], object]]:
    absent = {"SWEpisodes": not year.has_social_workers, "DoLo": not year.has_deprivation_of_liberty}
    return {
        table: _writer(folder / FILES[table], columns, open_files)
        for table, columns in TABLES.items()
        if not absent.get(table)
    }


def _writer(path: Path, columns: Row, open_files: ExitStack) -> Callable[[Row], object]:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = csv.writer(open_files.enter_context(path.open("w", encoding="utf-8", newline="")), lineterminator="\n")
    writer.writerow(columns)
    return writer.writerow
