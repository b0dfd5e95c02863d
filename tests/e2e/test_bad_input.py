"""Bad input: each fault has its place, class, reason and remedy; the good goes in, and the corrected completes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from carejourney.returns.client import Confirmed
from carejourney.returns.report import ImportReport, Refusal
from tests.e2e.importing import Importing, lanes_told, new_authority, today
from tests.e2e.made_children import joined, whole_child
from tests.e2e.return_folders import Cells, Tables, changed, stated, write_tables
from tests.fixtures.system import System

Harm = Callable[[Path], None]
Told = dict[str, dict[str, list[str]]]

GOOD = "nothing wrong"
FAULTS: dict[str, tuple[str, Cells, str]] = {
    "a wrong date": ("reviews", {"REVIEW": "31/02/2026"}, "not a date"),
    "a review in the future": ("reviews", {"REVIEW": stated(today() + timedelta(days=1))}, "date in the future"),
    "an unknown code": ("missing", {"MISSING": "Q"}, "unknown code"),
    "an end before its start": ("episodes", {"DEC": "01/01/2020"}, "end before start"),
    "a blank cell": ("prev_perm", {"PREV_PERM": ""}, "blank"),
    "a megabyte in one field": ("oc2", {"SDQ_REASON": "x" * 1_000_000}, "over-long field"),
    "a child not in the header": ("oc3", {"CHILD": "a stranger"}, "unknown child"),
    "a day in words": ("sw_episodes", {"SW_DECOM": "yesterday"}, "not a date"),
    "an order nobody could make": ("ad1", {"NB_ADOPTR": "7"}, "unknown code"),
    "a worker without a number": ("sw_episodes", {"SW_ID": ""}, "blank"),
    "an order that ended first": ("dolo", {"DOLO_END": "01/01/2020"}, "end before start"),
}


@dataclass(frozen=True)
class Mended:
    """A return in which every child but one has a fault of its own, imported; and what is told once it is mended."""

    bad: ImportReport
    rows: dict[str, int]
    told_before: Told
    mended: ImportReport
    told: Told


def comparable(told: dict[str, dict[str, object]], prefix: str) -> Told:
    """What is told of each child, by its name without the prefix."""
    return {
        local_id.removeprefix(prefix): {lane: rows for lane, rows in lanes_told(one).items() if lane != "identity"}
        for local_id, one in told.items()
    }


async def told_of(importing: Importing) -> Told:
    return comparable(await importing.histories(), f"{importing.authority} ")


def good_return(importing: Importing, *children: str) -> Tables:
    """A return without fault; no other authority has children of these names."""
    return joined([whole_child(f"{importing.authority} {child}") for child in children])


async def clean_run(system: System, folder: Path, *children: str) -> Told:
    importing = Importing(system, new_authority())
    assert (await importing.returns(write_tables(folder, good_return(importing, *children)))).clean
    return await told_of(importing)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mended(system: System, tmp_path_factory: pytest.TempPathFactory) -> Mended:
    importing, folder = Importing(system, new_authority()), tmp_path_factory.mktemp("faults")
    bad = good = good_return(importing, *FAULTS, GOOD)
    rows = {}
    for fault, (table, cells, _) in FAULTS.items():
        at = max(n for n, row in enumerate(good[table]) if row["CHILD"].endswith(fault))
        bad = changed(bad, table, at, **cells)
        rows[fault] = at + 2
    report = await importing.returns(write_tables(folder / "bad", bad))
    before = await told_of(importing)
    after = await importing.returns(write_tables(folder / "good", good))
    return Mended(report, rows, before, after, await told_of(importing))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clean(system: System, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What is told of the same children when nothing was ever wrong."""
    return await clean_run(system, tmp_path_factory.mktemp("clean"), *FAULTS, GOOD)


def told_in_full(refusal: Refusal) -> bool:
    return bool(refusal.file and refusal.value_class and refusal.reason and refusal.remedy)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_cannot_be_is_refused_with_its_place_class_reason_and_remedy(mended: Mended, fault: str) -> None:
    table, cells, value_class = FAULTS[fault]

    [refusal] = [r for r in mended.bad.refused if (r.file, r.row) == (f"{table}.csv", mended.rows[fault])]

    assert refusal.value_class == value_class
    assert told_in_full(refusal)
    assert not any(value in str(refusal) for value in cells.values() if value)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_refused_can_be_corrected_and_imported_again(mended: Mended, clean: Told, fault: str) -> None:
    assert mended.told_before[fault] != clean[fault]
    assert mended.told[fault] == clean[fault]


def test_good_rows_of_good_children_go_in_beside_the_bad(mended: Mended, clean: Told) -> None:
    assert mended.told_before[GOOD] == mended.told[GOOD] == clean[GOOD]
    assert mended.bad.rows_refused == len(FAULTS)
    assert (mended.mended.refused, mended.mended.corrections) == ([], 0)


def _unknown_column(folder: Path) -> None:
    path = folder / "reviews.csv"
    path.write_text(path.read_text().replace("REVIEW_CODE", "REVIEWED_HOW"))


def _not_utf8(folder: Path) -> None:
    path = folder / "missing.csv"
    path.write_bytes(path.read_bytes().replace(b"one", b"\xf6ne"))


def _empty(folder: Path) -> None:
    (folder / "oc3.csv").write_bytes(b"")


def _unreadable(folder: Path) -> None:
    (folder / "oc3.csv").unlink()
    (folder / "oc3.csv").symlink_to(folder / "nowhere.csv")


@pytest.mark.parametrize("harm", [_unknown_column, _not_utf8, _empty, _unreadable])
async def test_a_file_that_cannot_be_read_is_refused_by_name_and_the_others_are_taken(
    importing: Importing, clean: Told, tmp_path: Path, harm: Harm
) -> None:
    folder = write_tables(tmp_path / "bad", good_return(importing, "one"))
    harm(folder)

    report = await importing.returns(folder)
    mended = await importing.returns(write_tables(tmp_path / "good", good_return(importing, "one")))

    assert len({refusal.file for refusal in report.refused}) == 1
    assert all(map(told_in_full, report.refused))
    assert report.facts_recorded > 0
    assert (mended.refused, mended.corrections) == ([], 0)
    assert (await told_of(importing))["one"] == clean[GOOD]


async def test_a_duplicate_row_is_refused_and_the_first_is_taken(importing: Importing, tmp_path: Path) -> None:
    tables = good_return(importing, "one", "two")

    report = await importing.returns(write_tables(tmp_path, tables | {"reviews": tables["reviews"] * 2}))

    assert [r.value_class for r in report.refused] == ["duplicate row"] * 2
    assert {len(told["lanes"]["review"]) for told in (await importing.histories()).values()} == {1}


async def test_a_folder_that_is_not_there_is_refused(importing: Importing, tmp_path: Path) -> None:
    report = await importing.returns(tmp_path / "nowhere")

    assert [(r.value_class, r.row) for r in report.refused] == [("missing folder", None)]
    assert told_in_full(report.refused[0])


async def test_two_files_for_one_table_are_refused_by_name(importing: Importing, tmp_path: Path) -> None:
    folder = write_tables(tmp_path, good_return(importing, "one"))
    (folder / "reviews again.csv").write_bytes((folder / "reviews.csv").read_bytes())

    report = await importing.returns(folder)

    assert [r.value_class for r in report.refused] == ["ambiguous files"]
    assert "reviews again.csv" in report.refused[0].reason
    assert report.facts_recorded == 0


async def test_what_the_rules_would_question_is_taken_flagged_and_shown_as_a_contradiction(
    importing: Importing, tmp_path: Path
) -> None:
    overlapping = changed(whole_child("odd"), "episodes", 0, DEC="01/10/2025")

    report = await importing.returns(write_tables(tmp_path, overlapping))

    assert report.clean
    assert "episode-overlap" in {flag.rule for flag in report.flagged}
    told = await importing.history("odd")
    assert [one["until"] for one in told["lanes"]["episode"]] == ["2025-10-01", "2025-12-30"]
    assert [one["lane"] for one in told["contradictions"] if one["lane"] == "episode"]


async def of_two_authorities(system: System, folder: Path, *children: str) -> tuple[Importing, Importing, Tables]:
    """An authority whose return is imported, another, and the tables of that return."""
    first, other = Importing(system, new_authority()), Importing(system, new_authority())
    tables = good_return(first, *children)
    assert (await first.returns(write_tables(folder / "first", tables))).clean
    return first, other, tables


async def test_a_return_of_another_authority_is_refused_however_it_is_dressed_up(
    system: System, tmp_path: Path
) -> None:
    first, other, tables = await of_two_authorities(system, tmp_path, "one", "two")
    same = write_tables(tmp_path / "same", tables)
    nearly = write_tables(tmp_path / "nearly", changed(tables, "episodes", 0, LS="E1"))
    with_a_fault = write_tables(tmp_path / "fault", changed(tables, "reviews", 0, REVIEW_CODE="PN99"))

    reports = [
        await other.returns(same),
        await other.returns(same, recorded_on=date(2026, 6, 30)),
        await other.returns(nearly),
        await other.returns(with_a_fault),
    ]

    whole = [[one for one in report.refused if one.row is None] for report in reports]
    assert [[one.value_class for one in ones] for ones in whole] == [["return of another authority"]] * 4
    assert all(first.authority in one.reason and told_in_full(one) for ones in whole for one in ones)
    assert sum(report.facts_recorded for report in reports) == 0
    assert await other.histories() == {}


async def test_a_return_of_which_nothing_was_taken_is_no_authoritys(system: System, tmp_path: Path) -> None:
    first, other = Importing(system, new_authority()), Importing(system, new_authority())
    tables = good_return(first, "one")
    wrong = write_tables(tmp_path / "wrong", changed(tables, "header", 0, SEX="X"))

    refused = await other.returns(wrong)
    taken = await first.returns(write_tables(tmp_path / "right", tables))

    assert (refused.rows_taken, refused.facts_recorded) == (0, 0)
    assert taken.clean


async def test_a_mistyped_authority_is_put_right_by_a_person_who_says_so(
    system: System, clean: Told, tmp_path: Path
) -> None:
    mistyped, right, tables = await of_two_authorities(system, tmp_path, "one")
    folder = write_tables(tmp_path / "again", tables)
    assert not (await right.returns(folder)).clean

    report = await right.returns(folder, confirmed=Confirmed([mistyped.authority]))

    assert report.clean
    assert comparable(await right.histories(), f"{mistyped.authority} ")["one"] == clean[GOOD]
    assert (await right.returns(folder)).facts_recorded == 0


async def test_other_children_under_the_local_ids_of_known_ones_are_refused_until_a_person_says_they_are_the_same(
    importing: Importing, tmp_path: Path
) -> None:
    tables = good_return(importing, *map(str, range(6)))
    assert (await importing.returns(write_tables(tmp_path / "first", tables))).clean
    before = await told_of(importing)
    born_otherwise = [one | {"DOB": "04/05/2009"} for one in tables["header"]]
    other = write_tables(tmp_path / "other", tables | {"header": born_otherwise})

    refused = await importing.returns(other)
    assert [(one.value_class, one.row) for one in refused.refused] == [("other dates of birth", None)]
    assert (refused.facts_recorded, await told_of(importing)) == (0, before)

    confirmed = await importing.returns(other, confirmed=Confirmed(births_corrected=True))
    assert (confirmed.refused, confirmed.corrections) == ([], 6)


async def test_a_few_children_whom_another_authority_has_too_are_taken(system: System, tmp_path: Path) -> None:
    first, other, tables = await of_two_authorities(system, tmp_path, "shared")
    both = joined([tables, good_return(other, "one")])

    assert (await other.returns(write_tables(tmp_path / "both", both))).clean
    assert len(await other.histories()) == 2
    assert len(await first.histories()) == 1
