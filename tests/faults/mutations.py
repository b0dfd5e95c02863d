"""Whether the suite notices when the core is broken: `python -m tests.faults.mutations [NAME...]`.

Each mutation takes one guard out of a copy of the tree and runs only the cases meant to catch it, against the copy.
What caught each is printed and kept in `build/mutations.json`; exit status 1 where one was not caught.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from tests.faults.nursery import ROOT

FILE: Final = ROOT / "build" / "mutations.json"
FOLDERS: Final = ("carejourney", "events", "services", "tests")
SECONDS: Final = 400


@dataclass(frozen=True)
class Edit:
    """One change of a file: what stands there once, and what takes its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """A guard that is taken out, how, and the tests meant to notice (an expression of pytest's `-k`)."""

    name: str
    guard: str
    edits: tuple[Edit, ...]
    cases: str


MUTATIONS: Final = (
    Mutation(
        "fence", "the checkpoint moves only where it was left, under the epoch it was taken with",
        (Edit("carejourney/checkpoints.py", " and c.next_offset = m.expected and c.epoch = m.epoch", ""),),
        "case_08",
    ),
    Mutation(
        "gap", "a fact beyond a gap waits",
        (
            Edit("carejourney/owncopy.py", "elif version > expected:", "elif version < 0:"),
            Edit("carejourney/owncopy.py", "versions[lane] = expected", "versions[lane] = version"),
        ),
        "case_15",
    ),
    Mutation(
        "drain", "partitions are not given up before the batch in hand has ended",
        (Edit("carejourney/projector.py", "async with asyncio.timeout(DRAIN_SECONDS), self._working:",
              "async with asyncio.timeout(DRAIN_SECONDS):"),),
        "case_07_a_rebalance_waits",
    ),
    Mutation(
        "command", "a command that was answered is answered the same and nothing else is done",
        (
            Edit("carejourney/commands.py", "if loaded.answer is not None:", "if loaded.answer == 0:"),
            Edit("carejourney/chassis_schema.py",
                 "values (for_command, for_subject, answer) on conflict do nothing;\n  if not found then",
                 "values (for_command, for_subject, answer) on conflict do nothing;\n  if false then"),
        ),
        "case_01",
    ),
    Mutation(
        "order", "a publication is sent in the order of the versions",
        (Edit("carejourney/publishing_order.py", "    if not found:\n        return rows\n    everything",
              "    if found is not None:\n        return rows[::-1]\n    everything"),),
        "case_02 or case_15 or case_09_a_broker_killed",
    ),
    Mutation(
        "horizon", "nothing is read that an older transaction may still come before",
        (Edit("carejourney/relay.py", " and transaction_id < pg_snapshot_xmin(pg_current_snapshot())", ""),),
        "case_04",
    ),
    Mutation(
        "back-off", "the relay waits longer after each attempt that fails",
        (Edit("carejourney/relay.py", "RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)",
              "RETRY_SECONDS: Final = (0.0,)"),),
        "heats_nothing",
    ),
    Mutation(
        "republish", "a topic that has lost what it had acknowledged is published again",
        (Edit("carejourney/relay.py", "        await republish.after_loss(connection, loss)\n", ""),),
        "case_10_records_cut_off",
    ),
    Mutation(
        "isolation", "a fact whose row cannot be made is found by halving, and parked alone",
        (Edit("carejourney/faults.py", "        if len(items) == 1:\n            return [await alone(items[0], error)]",
              "        if len(items) >= 1:\n            raise"),),
        "case_17_a_bug",
    ),
)  # fmt: skip


def mutated(mutation: Mutation, folder: Path) -> None:
    """Make a copy of the tree without the guard. Raises ValueError where the code no longer reads as expected."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for edit in mutation.edits:
        file = folder / edit.file
        text = file.read_text()
        if text.count(edit.old) != 1:
            raise ValueError(f"{mutation.name}: {edit.file} does not hold this once: {edit.old}")
        file.write_text(text.replace(edit.old, edit.new))


def caught_by(mutation: Mutation) -> list[dict[str, str]]:
    """The tests that failed against the copy, and how: `{test, how}`."""
    with tempfile.TemporaryDirectory(prefix="carejourney-mutation-") as name:
        folder = Path(name)
        mutated(mutation, folder)
        report = folder / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "tests/faults", "-q", "-k", mutation.cases, f"--junit-xml={report}",
             "--maxfail=1", "--timeout=150", "-p", "no:cacheprovider"],
            cwd=folder, env={**os.environ, "CAREJOURNEY_FAULTS": "all"}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=SECONDS, check=False,
        )  # fmt: skip
        return list(failures(report))


def failures(report: Path) -> Sequence[dict[str, str]]:
    """Each failure or error of a report, with the first line of what it said."""
    found = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written a moment ago by our own run
        for kind in ("failure", "error"):
            found += [{"test": str(case.get("name")), "how": first_line(one)} for one in case.iter(kind)]
    return found


def first_line(failure: ET.Element) -> str:
    """What a failure says, without the kind of error and what the test runner adds."""
    said = (failure.get("message") or "").splitlines()[0]
    return said.removeprefix("failed on teardown with ").strip('"')[:160]


def main(names: Sequence[str]) -> int:
    """Try these mutations, or all; 1 where one was not caught."""
    known: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    for mutation in MUTATIONS:
        if names and mutation.name not in names:
            continue
        found = caught_by(mutation)
        known[mutation.name] = {"guard": mutation.guard, "cases": mutation.cases, "caught": found}
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(known, indent=1) + "\n")
        caught = "; ".join(f"{one['test']}: {one['how']}" for one in found)
        sys.stdout.write(f"{mutation.name}: {caught or 'NOT CAUGHT'}\n")
        sys.stdout.flush()
    return int(any(not one["caught"] for one in known.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
