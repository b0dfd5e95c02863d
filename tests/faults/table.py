"""The results of the fault suite as a page: `python -m tests.faults.table` writes docs/reliability.md from the runs."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.faults.cases import CASES, Case
from tests.faults.mutations import FILE as MUTATIONS_FILE
from tests.faults.mutations import MUTATIONS
from tests.faults.results import Run, held, in_a_row, runs

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEAD: Final = """# Reliability

What was broken on purpose, and what held. `make faults` runs every case against real Apache Kafka and PostgreSQL. The
services are processes of their own: killed at named points of the code, frozen and resumed, cut off by a proxy. Case 0
is a state machine: hypothesis chooses commands, corrections, faults, restarts and rebuilds, and shrinks an order that
breaks a promise to what is needed for it; `--hypothesis-seed` repeats a run, `@reproduce_failure` one order.

This page is written by `python -m tests.faults.table` from the runs; it is not edited by hand.

## How it is judged

After each case an independent checker, with plain SQL and a plain Kafka consumer, compares stores, topics, copies, rows
and checkpoints:

- every committed fact is in Kafka in the very bytes, in the order of its versions, and nothing else is;
- every copy holds what the stores hold, once; every row is the fold of its facts from zero;
- no checkpoint is ahead of what was applied, and each record was counted once;
- what was acknowledged is stored once, what was not at most once;
- lag returns to zero without hands, and what waits for a person is told by the service.

Beside it `carejourney verify --json` is run, in a process of its own, over the same installation. It has to say that
all is equal, with the number of facts that the stores hold and nothing left over. Where a case leaves something odd on
purpose (records put into Kafka past every store, parked lanes) it has to name each of them and nothing else.

**Shared with the product.** The checker uses none of the code that stores, relays, copies, projects, rebuilds or
verifies. It does use: what each service says of itself (its topics, the fact types it keeps); the pure functions by
which a projection is defined (`fold` with `evolve` and `row`), so it proves that rows equal their fold and not that the
fold means what it should: that is for the tests of each projection; the reader of an envelope; and the unwrapping
of keys, without which sealed fields cannot be compared. `carejourney verify` shares the same definitions with the
services, and no reading or comparing with the checker.

**Durability.** A process killed with `kill -9` loses nothing that it had written to the operating system, flushed or
not; so most cases run PostgreSQL with `fsync` and `full_page_writes` off. PostgreSQL killed under load, a standby that
takes over and a full disk of the write-ahead log run with both on, as in production. What only the loss of power
could show (a disk that lies about its flushes) is not tested here.
"""
_MUTATIONS: Final = (
    "`python -m tests.faults.mutations` takes one guard at a time out of a copy of the tree, and runs the cases meant"
    " to catch it."
)


def page(found: Sequence[Run]) -> str:
    """The page for these runs."""
    last = found[-1] if found else None
    by_case: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for test in last["tests"] if last else []:
        by_case[test["case"]].append(test)
    lines = [_HEAD, "## The last whole run", "", *_told(found)]
    lines += ["", "| case | fault | where | must hold | tests | result |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [_row(case, by_case[case.number]) for case in CASES.values()]
    return "\n".join([*lines, *mutations()]) + "\n"


def _told(found: Sequence[Run]) -> list[str]:
    """What is said of the last run, and of those before it."""
    if not found:
        return ["There was none yet."]
    last = found[-1]
    begun, ended = (datetime.fromisoformat(last[name]) for name in ("begun", "ended"))
    count, minutes = len(last["tests"]), round((ended - begun).total_seconds() / 60)
    words = f"Run {last['number']}, {begun:%d %B %Y, %H:%M} UTC: {count} of {last['wanted']} tests in {minutes} minutes"
    rows = in_a_row(found)
    lines = [
        f"{words}, {'all held' if held(last) else 'not all held'}. Whole runs that held in a row: {rows}.",
        f"{last['versions']}.",
    ]
    if last["left_out"]:
        lines.append(f"Left out, for want of the right to mount a disk: {_names(last['left_out'])}.")
    if failed := [test["test"] for test in last["tests"] if not test["passed"]]:
        lines.append(f"Failed: {_names(failed)}.")
    return lines


def _names(tests: Sequence[str]) -> str:
    return ", ".join(f"`{test}`" for test in tests)


def mutations() -> list[str]:
    """What was taken out of the core to see whether the suite notices, and what noticed."""
    found: dict[str, dict[str, Any]] = json.loads(MUTATIONS_FILE.read_text()) if MUTATIONS_FILE.exists() else {}
    head = ["", "## Mutations", "", _MUTATIONS, "", "| taken out | caught by | how |", "| --- | --- | --- |"]
    lines = [line for one in MUTATIONS for line in _caught(one.guard, found.get(one.name))]
    return [*head, *lines]


def _caught(guard: str, one: dict[str, Any] | None) -> list[str]:
    if one is None:
        return [f"| {guard} | not run | |"]
    caught = one["caught"] or [{"test": "nothing", "how": ""}]
    return [f"| {guard} | `{test['test']}` | {_cell(test['how'])} |" for test in caught]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(case: Case, found: Sequence[dict[str, Any]]) -> str:
    points = f" ({', '.join(f'`{point}`' for point in case.points)})" if case.points else ""
    failed = sum(not test["passed"] for test in found)
    result = "not run" if not found else f"{failed} failed" if failed else "held"
    return f"| {case.number} | {case.fault} | {case.where}{points} | {case.expected} | {len(found)} | {result} |"


if __name__ == "__main__":
    PAGE.write_text(page(runs()))
