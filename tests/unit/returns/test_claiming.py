"""A return that brings mostly another authority's children is refused as a whole, until a person confirms it."""

from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from carejourney.returns.client import Confirmed, Course, import_enrolments, import_return
from carejourney.returns.report import ImportReport
from carejourney.returns.tables import SERVICES
from tests.unit.returns.made_returns import TODAY, Cells, episode, header, review, write_csv
from tests.unit.returns.service_desk import ServiceDesk, open_desk

FIRST: Final = "E09000027"
OTHER: Final = "E09000001"
CHILDREN: Final = ("A1", "B2", "C3", "D4")


@pytest.fixture
def desk() -> ServiceDesk:
    return ServiceDesk()


@pytest.fixture
def address(desk: ServiceDesk) -> Iterator[str]:
    with open_desk(desk) as address:
        yield address


@pytest.fixture
async def course(address: str) -> AsyncIterator[Course]:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        yield Course({service: f"{address}/{service}" for service in SERVICES}, http, patience=5)


def a_folder(folder: Path, *children: str, headers: tuple[Cells, ...] = ()) -> Path:
    tables = {
        "header": [*(header(child) for child in children), *headers],
        "episodes": [episode(child) for child in children],
        "reviews": [review(child) for child in children],
    }
    return write_csv(folder, tables)


async def take(course: Course, folder: Path, authority: str, **options: Any) -> ImportReport:
    report = await import_return([folder], authority=authority, today=TODAY, course=course, **options)
    assert report.rows_taken + report.rows_refused == report.rows_read
    return report


def was_refused(report: ImportReport) -> bool:
    classes = {entry.value_class for entry in report.refused if entry.row is None}
    return classes == {"return of another authority"} and report.facts_recorded == report.rows_taken == 0


@pytest.fixture
async def loaded(course: Course, tmp_path: Path) -> Path:
    """A return of four children, loaded for the first authority."""
    folder = a_folder(tmp_path / "return", *CHILDREN)
    assert not was_refused(await take(course, folder, FIRST))
    return folder


async def test_the_same_return_for_another_authority_is_refused_with_the_code_and_the_remedy(
    course: Course, loaded: Path
) -> None:
    report = await take(course, loaded, OTHER)
    (refusal,) = report.refused
    assert was_refused(report)
    assert "4 of its 4 children" in refusal.reason
    assert FIRST in refusal.reason
    assert "--also-loaded-for" in refusal.remedy
    assert (report.rows_read, report.files_refused) == (12, 1)


async def test_a_day_on_which_it_was_recorded_does_not_hide_whose_return_it_is(course: Course, loaded: Path) -> None:
    assert was_refused(await take(course, loaded, OTHER, recorded_on=date(2018, 6, 30)))


async def test_a_changed_cell_a_refused_row_or_a_missing_child_does_not_hide_whose_return_it_is(
    course: Course, loaded: Path, tmp_path: Path
) -> None:
    assert loaded
    changed = (header("A1", DOB="04/05/2010"), header("B2", SEX="9"))
    folder = a_folder(tmp_path / "changed", "C3", "D4", headers=changed)
    report = await take(course, folder, OTHER)
    assert "2 of its 3 children" in next(entry.reason for entry in report.refused if entry.row is None)
    assert report.facts_recorded == 0


async def test_a_few_children_of_another_authority_are_taken_with_the_rest(
    course: Course, loaded: Path, tmp_path: Path
) -> None:
    assert loaded
    half = a_folder(tmp_path / "half", "A1", "B2", "X1", "X2")
    assert (await take(course, half, OTHER)).clean


async def test_a_person_may_confirm_that_the_children_stand_under_another_authority_as_well(
    course: Course, loaded: Path
) -> None:
    assert was_refused(await take(course, loaded, OTHER, confirmed=Confirmed(["E06000016"])))
    assert (await take(course, loaded, OTHER, confirmed=Confirmed([FIRST]))).clean
    assert (await take(course, loaded, OTHER)).clean


async def test_a_refused_return_claims_nothing(course: Course, desk: ServiceDesk, loaded: Path) -> None:
    before = {child: set(codes) for child, codes in desk.brought.items()}
    assert was_refused(await take(course, loaded, OTHER))
    assert desk.brought == before


async def test_where_no_child_can_be_sent_nothing_is_claimed(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    folder = write_csv(tmp_path, {"header": [header(SEX="9")], "episodes": [episode()]})
    report = await take(course, folder, FIRST)
    assert (report.rows_taken, desk.claims, desk.brought) == (0, [], {})


async def test_only_the_children_that_header_names_legibly_are_claimed_once_each(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    twice = (header("A1", DOB="09/05/2010"), header("B2", DOB="never"))
    await take(course, a_folder(tmp_path, "A1", headers=twice), FIRST)
    (claim,) = desk.claims
    assert (claim["of"], claim["children"]) == (1, [{"local_id": "A1", "born": "2010-05-03"}])


async def test_enrolments_claim_no_child(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    path = tmp_path / "enrolments.csv"
    path.write_text("local_id,upn,urn,school,from,until,reason\nA1,,100,Elm,2017-09-01,,\n", encoding="utf-8")
    await import_enrolments(path, authority=FIRST, today=TODAY, course=course)
    assert desk.claims == []


SHARED: Final = tuple(f"S{number}" for number in range(6))


def born_otherwise(folder: Path, *children: str, others: tuple[str, ...]) -> Path:
    """A return that gives the others another date of birth than `a_folder` does."""
    return a_folder(folder, *children, headers=tuple(header(child, DOB="09/09/2009") for child in others))


async def test_a_return_with_other_dates_of_birth_for_most_known_children_is_refused_with_the_remedy(
    course: Course, tmp_path: Path
) -> None:
    await take(course, a_folder(tmp_path / "first", *SHARED, "T1", "T2"), FIRST)
    report = await take(course, born_otherwise(tmp_path / "other", "S5", "N1", others=SHARED[:5]), FIRST)
    (refusal,) = report.refused
    assert (refusal.value_class, report.facts_recorded, report.rows_taken) == ("other dates of birth", 0, 0)
    assert "5 of 6" in refusal.reason
    assert "--births-corrected" in refusal.remedy


async def test_other_dates_of_birth_are_taken_when_a_person_confirms_them(course: Course, tmp_path: Path) -> None:
    await take(course, a_folder(tmp_path / "first", *SHARED), FIRST)
    other = born_otherwise(tmp_path / "other", "N1", others=SHARED)
    assert not (await take(course, other, FIRST)).clean
    report = await take(course, other, FIRST, confirmed=Confirmed(births_corrected=True))
    assert report.clean
    assert report.corrections > 0
    assert (await take(course, other, FIRST)).clean


async def test_a_few_other_dates_of_birth_are_corrections(course: Course, tmp_path: Path) -> None:
    await take(course, a_folder(tmp_path / "first", *SHARED), FIRST)
    report = await take(course, born_otherwise(tmp_path / "other", "N1", others=SHARED[:4]), FIRST)
    assert report.clean
    assert report.corrections > 0


def many(letter: str, count: int) -> list[Cells]:
    return [header(f"{letter}{number:04}") for number in range(count)]


async def test_a_return_in_several_parts_is_judged_whole_before_any_part_is_claimed(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    theirs = write_csv(tmp_path / "theirs", {"header": many("Z", 3_200)})
    long = write_csv(tmp_path / "long", {"header": many("A", 2_500) + many("Z", 3_200)})
    await take(course, theirs, FIRST, year=2018)
    desk.claims.clear()
    assert was_refused(await take(course, long, OTHER, year=2018))
    assert [(len(one["children"]), one["hold"]) for one in desk.claims] == [(5_000, False), (700, False)]
    assert not any(OTHER in codes for codes in desk.brought.values())
    assert (await take(course, long, OTHER, year=2018, confirmed=Confirmed([FIRST]))).clean
    assert sum(OTHER in codes for codes in desk.brought.values()) == 5_700
