"""Importing returns and enrolments: read, resolve the children at the register, post each owner its columns."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4, uuid5

import httpx

from carejourney.returns.batch import Order, Passage
from carejourney.returns.children import HEADER_KIND, ChildCheck, ChildRows, batches
from carejourney.returns.errors import ImportStoppedError, RefusedWholeError
from carejourney.returns.posting import Desk
from carejourney.returns.reading import COLLECTION_YEARS, Reading, read_enrolments, read_return
from carejourney.returns.report import ImportReport
from carejourney.returns.tables import HEADER, PLACEMENT
from carejourney.returns.wire import Brought, Claim, Tally, encoder, tally_decoder

CLAIM_CHILDREN: Final = 5_000
BORN_AT: Final = [column.name for column in HEADER.values].index("DOB")
_TWICE_LOADED: Final = (
    "check --authority and the folder; where these children do stand under both authorities"
    " (an earlier slip in the code, a merger), say so with --also-loaded-for CODE; where that other import was stopped"
    " before it took anything, run this one again in two minutes"
)
_OTHER_CHILDREN: Final = (
    "check the folder and --authority: these are other children with the same local ids; where they are the same"
    " children and their dates of birth were wrong until now, say so with --births-corrected"
)
# By the rule that forbids the return: the class of what is wrong, and the remedy.
_REFUSED_WHOLE: Final = {"other_births": ("other dates of birth", _OTHER_CHILDREN)}
_OF_ANOTHER: Final = ("return of another authority", _TWICE_LOADED)


class Progress(NamedTuple):
    """How far an import has come."""

    rows_done: int
    rows_total: int
    facts: int


class Course(NamedTuple):
    """How an import runs, whatever it imports.

    `services` gives each service's address; `client` carries the bearer token. `in_flight` batches are under way at
    a time; `patience` is how many seconds a service may be away. `run_id` makes the command ids: a new run is new
    commands.
    """

    services: Mapping[str, str]
    client: httpx.AsyncClient
    work_dir: Path | None = None
    on_progress: Callable[[Progress], None] | None = None
    run_id: UUID | None = None
    in_flight: int = 3
    patience: float = 60.0


class Confirmed(NamedTuple):
    """What a person confirms of the children of a return, so that it is not refused as a whole.

    They stand under the authorities of `also_loaded_for` as well; they are the children known by their local ids,
    whose dates of birth were wrong (`births_corrected`).
    """

    also_loaded_for: Sequence[str] = ()
    births_corrected: bool = False


NOTHING_CONFIRMED: Final = Confirmed()


class _Run:
    """One import under way over one or more readings. `taken` are the rows that every service has taken."""

    def __init__(self, course: Course, readings: Sequence[Reading], confirmed: Confirmed) -> None:
        self.course = course
        self.confirmed = confirmed
        self.report = ImportReport()
        self.taken = 0
        self.total = sum(reading.report.rows_read for reading in readings)
        self.desk = Desk(course.client, dict(course.services), course.patience)
        self.workers: dict[str, str] = {}

    async def take(self, reading: Reading, order: Order) -> None:
        """Hand one reading over; its rows refused while reading count as done first."""
        spooled = reading.spool.count()
        self._begin(reading, reading.report.rows_read - spooled)
        if order.complete and reading.unnamed:
            self.report.notes.append("nothing is retracted: of a refused row it is not known which child it is about")
        if not await self._claimed(reading, order):
            return
        passage = Passage(order, reading, self.report, self.desk, self.workers)
        work = batches(reading, ChildCheck(reading, self.report))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.course.in_flight):
                    group.create_task(self._carry(passage, work))
            if spooled and reading.year is not None:
                await passage.carry_absent()
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _claimed(self, reading: Reading, order: Order) -> bool:
        """Claim the children a return brings; one that brings mostly others than it should is refused as a whole."""
        total = reading.spool.count_children(HEADER_KIND)
        try:
            # Of a return in several parts nothing is claimed before all of it was judged.
            if total > CLAIM_CHILDREN:
                await self._claim(reading, order, total, hold=False)
            await self._claim(reading, order, total, hold=True)
        except RefusedWholeError as refused:
            self._refuse_whole(reading, refused)
            return False
        return True

    async def _claim(self, reading: Reading, order: Order, total: int, *, hold: bool) -> None:
        counted = Tally()
        for children in _brought(reading):
            also, corrected = self.confirmed
            claim = Claim(order.authority, total, children, counted, list(also), corrected, hold)
            answer = await self.desk.post(PLACEMENT, "/returns/claims", encoder.encode(claim), "application/json")
            counted = tally_decoder.decode(answer)

    def _refuse_whole(self, reading: Reading, refused: RefusedWholeError) -> None:
        value_class, remedy = _REFUSED_WHOLE.get(refused.rule, _OF_ANOTHER)
        place, rows = reading.label or "the return", reading.spool.count()
        self.report.rows_refused += rows
        self.report.rows_read += rows
        self.report.refuse_file(place, value_class, str(refused), remedy)
        self._tell()

    def _begin(self, reading: Reading, done: int) -> None:
        found = reading.report
        self.report.add(found)
        self.report.rows_read += done - found.rows_read
        self._tell()

    async def _carry(self, passage: Passage, work: Iterator[list[ChildRows]]) -> None:
        for batch in work:
            self.taken += await passage.carry(batch)
            self.report.rows_read += sum(child.rows_seen for child in batch)
            self._tell()

    def _tell(self) -> None:
        if self.course.on_progress:
            self.course.on_progress(Progress(self.report.rows_read, self.total, self.report.facts_recorded))


def _brought(reading: Reading) -> Iterator[list[Brought]]:
    """Yield the children whom Header names, as many at a time as one claim holds."""
    rows = reading.spool.first_rows(HEADER_KIND)
    named = (Brought(child, str(values[BORN_AT])) for child, values in rows)
    return iter(lambda: list(islice(named, CLAIM_CHILDREN)), [])


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    found = failures.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _labels(folders: Sequence[Path]) -> list[str]:
    names = [folder.absolute().name for folder in folders]
    if len(folders) == 1:
        return [""]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]


async def _hand_over(
    course: Course, readings: Sequence[Reading], orders: Sequence[Order], confirmed: Confirmed
) -> ImportReport:
    run = _Run(course, readings, confirmed)
    try:
        for reading, order in zip(readings, orders, strict=True):
            await run.take(reading, order)
    except ImportStoppedError as stopped:
        # Of what was under way only the refusals are known.
        run.report.rows_read = run.taken + run.report.rows_refused
        stopped.report = run.report
        raise
    return run.report


async def import_return(
    folders: Sequence[Path],
    *,
    authority: str,
    today: date,
    course: Course,
    recorded_on: date | None = None,
    complete: bool = False,
    year: int | None = None,
    files: Mapping[str, Sequence[Path]] | None = None,
    confirmed: Confirmed = NOTHING_CONFIRMED,
) -> ImportReport:
    """Import the SSDA903 returns of one authority, one folder a return, in the order of their collection years.

    `recorded_on` is the day a historic return was made (at most `today`); `complete` lets services retract what
    vanished since the same year was imported, never of a child one of whose rows was refused; `year` and `files`
    (table name, or `xml`, to its files) belong to a single folder and overrule what would be told from it. A return
    most of whose children another authority's return has brought, or which gives most of those it shares with earlier
    returns another date of birth, is refused as a whole, unless a person has `confirmed` it.

    Raises:
        ImportStoppedError: a service refuses everything or stays away; its `report` says what was done by then.
        ValueError: `recorded_on` is after `today`, `year` is not one of `COLLECTION_YEARS`, `year` or `files` with
            several folders, or `files` names no table.

    """
    if recorded_on is not None and recorded_on > today:
        raise ValueError("the day the return was made cannot be after today")
    if len(folders) != 1 and (year is not None or files):
        raise ValueError("a collection year or chosen files can be stated for a single folder only")
    if year is not None and year not in COLLECTION_YEARS:
        raise ValueError(f"returns of the collection years {COLLECTION_YEARS[0]} to {COLLECTION_YEARS[-1]} are taken")
    day = recorded_on or today
    with ExitStack() as stack:
        readings = []
        for folder, label in zip(folders, _labels(folders), strict=True):
            read = partial(read_return, folder, day=day, year=year, files=files, work_dir=course.work_dir, label=label)
            readings.append(stack.enter_context(await asyncio.to_thread(read)))
        readings.sort(key=lambda reading: reading.year or 0)
        run_id = course.run_id or uuid4()
        known_from = recorded_on.isoformat() if recorded_on else None
        # One child may stand in several folders: each folder's commands have a name space of their own.
        spaces = [uuid5(run_id, str(number)) for number in range(len(readings))]
        orders = [Order("/returns/ssda903", authority, known_from, complete, space) for space in spaces]
        return await _hand_over(course, readings, orders, confirmed)


async def import_enrolments(
    path: Path,
    *,
    authority: str,
    today: date,
    course: Course,
    recorded_on: date | None = None,
    complete: bool = False,
) -> ImportReport:
    """Import a CSV of school enrolments through the education service; children must be known to the register.

    Raises:
        ImportStoppedError: a service refuses everything or stays away; its `report` says what was done by then.
        ValueError: `recorded_on` is after `today`.

    """
    if recorded_on is not None and recorded_on > today:
        raise ValueError("the day the enrolments were recorded cannot be after today")
    read = partial(read_enrolments, path, day=recorded_on or today, work_dir=course.work_dir)
    with await asyncio.to_thread(read) as reading:
        known_from = recorded_on.isoformat() if recorded_on else None
        order = Order("/returns/enrolments", authority, known_from, complete, course.run_id or uuid4())
        return await _hand_over(course, [reading], [order], NOTHING_CONFIRMED)
