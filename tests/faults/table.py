"""The results of the fault suite as a page: `python -m tests.faults.table` writes docs/reliability.md from the runs."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from tests.faults.cases import CASES, Case
from tests.faults.mutations import FILE as MUTATIONS
from tests.faults.results import runs

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEAD: Final = """# Reliability

What was broken on purpose, and what held. `make faults` runs every case against real Apache Kafka and PostgreSQL. The
services are processes of their own: killed at named points of the code, frozen and resumed, cut off by a proxy. Case 0
is a state machine: hypothesis chooses commands, corrections, faults, restarts and rebuilds, and shrinks an order that
breaks a promise to what is needed for it; `--hypothesis-seed` repeats a run, `@reproduce_failure` one order. After
each case an independent checker, with plain SQL and a plain Kafka consumer, compares stores, topics, copies, rows
and checkpoints:

- every committed fact is in Kafka in the very bytes, in the order of its versions, and nothing else is;
- every copy holds what the stores hold, once; every row is the fold of its facts from zero;
- no checkpoint is ahead of what was applied, and each record was counted once;
- what was acknowledged is stored once, what was not at most once;
- lag returns to zero without hands, and what waits for a person is told by the service.

This page is written by `python -m tests.faults.table` from the runs; it is not edited by hand.
"""
_MUTATIONS: Final = (
    "`python -m tests.faults.mutations` takes one guard at a time out of a copy of the tree, and runs the cases meant"
    " to catch it."
)


def page(found: list[dict[str, Any]]) -> str:
    """The page for these runs."""
    by_case: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run in found:
        by_case[run["case"]].append(run)
    last = max((run["at"] for run in found), default="never")
    versions = max((run.get("versions", "") for run in found), default="")
    lines = [_HEAD, f"Last run: {last}. {versions}", "", "| case | fault | where | must hold | runs | result |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    lines += [_row(case, by_case[case.number]) for case in CASES.values()]
    return "\n".join([*lines, *mutations()]) + "\n"


def mutations() -> list[str]:
    """What was taken out of the core to see whether the suite notices, and what noticed."""
    found: dict[str, dict[str, Any]] = json.loads(MUTATIONS.read_text()) if MUTATIONS.exists() else {}
    if not found:
        return []
    head = ["", "## Mutations", "", _MUTATIONS, "", "| taken out | caught by | how |", "| --- | --- | --- |"]
    return [*head, *(line for one in found.values() for line in _caught(one))]


def _caught(one: dict[str, Any]) -> list[str]:
    caught = one["caught"] or [{"test": "nothing", "how": ""}]
    return [f"| {one['guard']} | `{test['test']}` | {_cell(test['how'])} |" for test in caught]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(case: Case, found: list[dict[str, Any]]) -> str:
    points = f" ({', '.join(f'`{point}`' for point in case.points)})" if case.points else ""
    failed = [run for run in found if not run["passed"]]
    result = "not run" if not found else f"{len(failed)} failed" if failed else "held"
    return f"| {case.number} | {case.fault} | {case.where}{points} | {case.expected} | {len(found)} | {result} |"


if __name__ == "__main__":
    PAGE.write_text(page(runs()))
