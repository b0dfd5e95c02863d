"""The suite itself: every named point of the code is used, every case has a test, and the judge can tell a fault."""

import re
from pathlib import Path

from tests.faults.cases import CASES
from tests.faults.mutations import MUTATIONS
from tests.faults.results import Run, held, joined, runs
from tests.faults.table import page

ROOT = Path(__file__).parents[2]
POINT = re.compile(r'crash\.point\("([a-z_.]+)"\)')
# Proved where imports and webhooks are tested, killed at each of them.
ELSEWHERE = ("import.", "webhooks.")


def test_every_named_point_of_the_code_is_used_by_a_case() -> None:
    named = {p for file in (ROOT / "carejourney").rglob("*.py") for p in POINT.findall(file.read_text())}
    used = {point for case in CASES.values() for point in case.points}
    assert {point for point in named if not point.startswith(ELSEWHERE)} == used


def test_the_page_has_a_row_for_every_case() -> None:
    assert all(f"| {number} |" in page(runs()) for number in CASES)


def a_run(number: int, *, passed: bool = True, wanted: int = 1) -> Run:
    test = {"case": 5, "test": "test_case_05", "passed": passed, "seconds": 1.0}
    return {"number": number, "begun": "2026-03-02T10:00:00+00:00", "ended": "2026-03-02T10:10:00+00:00",
            "wanted": wanted, "left_out": [], "versions": "", "tests": [test]}  # fmt: skip


def test_the_page_tells_of_the_last_run_alone_and_how_many_held_in_a_row() -> None:
    told = page([a_run(1), a_run(2, passed=False), a_run(3), a_run(4)])
    assert "Run 4, 02 March 2026, 10:00 UTC: 1 of 1 tests in 10 minutes, all held." in told
    assert "Whole runs that held in a row: 2." in told
    assert "| no stall | 1 | held |" in told


def test_a_run_that_failed_or_was_broken_off_begins_the_row_anew() -> None:
    for spoilt in (a_run(3, passed=False), a_run(3, wanted=2)):
        told = page([a_run(1), a_run(2), spoilt])
        assert "not all held. Whole runs that held in a row: 0." in told


def test_a_run_shared_by_processes_is_whole_where_each_brought_its_share() -> None:
    first, second = a_run(1, wanted=2), {**a_run(1, wanted=2), "versions": "PostgreSQL 18"}
    whole = joined(joined(joined({}, first), second), {})
    assert held(whole)
    assert whole["versions"] == "PostgreSQL 18"
    assert not held(joined({}, first))


def test_every_mutation_finds_what_it_takes_out() -> None:
    edits = [edit for mutation in MUTATIONS for edit in mutation.edits]
    assert [(ROOT / edit.file).read_text().count(edit.old) for edit in edits] == [1] * len(edits)
