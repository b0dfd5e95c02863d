"""What came of each whole run of the suite, kept in `build/fault-runs.json`.

A run is whole where every case was asked for; runs of a part are not written down. One that was broken off, or in which
a test failed, counts as a whole run that did not hold.
"""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from carejourney.embedded.kafka_runtime import VERSION as KAFKA

MARKER: Final = "faults(case, ci): a case of the fault suite; `ci` for the part that every run includes"
FILE: Final = Path(__file__).parents[2] / "build" / "fault-runs.json"
KEPT: Final = 20

Run = dict[str, Any]

_run: Run = {}
_current: dict[str, Run] = {}


def begin(tests: Sequence[str], left_out: Sequence[str]) -> None:
    """A whole run of these tests begins; what cannot be run on this machine is left out."""
    _run.update(begun=_now(), wanted=len(tests), left_out=[*left_out], versions="", tests=[])


def made_with(postgres: str) -> None:
    """Say what the run is made with."""
    _run["versions"] = (
        f"Apache Kafka {KAFKA}, PostgreSQL {postgres}, Python {platform.python_version()}, {platform.system()}"
    )


def note(case: int, name: str, when: str, outcome: str, seconds: float) -> None:
    """Take one phase of one test; the checker speaks as it is torn down."""
    test = _current.setdefault(name, {"case": case, "test": name, "passed": True, "seconds": 0.0})
    test["passed"] = test["passed"] and outcome == "passed"
    test["seconds"] = round(test["seconds"] + seconds, 1)
    if when == "teardown":
        _run.setdefault("tests", []).append(_current.pop(name))


def share() -> Run:
    """What this process ran, for the one that writes it down."""
    return _run


def take(share: Run) -> None:
    """Add what another process ran."""
    _run.update(joined(_run, share))


def joined(run: Run, share: Run) -> Run:
    """A run with the share of one more process; one that came to no case has no versions to tell."""
    if "wanted" not in share:
        return run
    begun = min(run.get("begun", share["begun"]), share["begun"])
    versions = share["versions"] or run.get("versions", "")
    return {**share, "begun": begun, "versions": versions, "tests": [*run.get("tests", []), *share["tests"]]}


def end() -> None:
    """Write the run down, where it was a whole one."""
    if "wanted" in _run:
        earlier = runs()
        number = earlier[-1]["number"] + 1 if earlier else 1
        _write([*earlier, {"number": number, **_run, "ended": _now()}][-KEPT:])


def runs() -> list[Run]:
    """Every whole run written down, the last at the end."""
    found: list[Run] = json.loads(FILE.read_text()) if FILE.exists() else []
    return found


def held(run: Run) -> bool:
    """Whether every test of a run was run, and passed."""
    return len(run["tests"]) == run["wanted"] and all(test["passed"] for test in run["tests"])


def in_a_row(found: Sequence[Run]) -> int:
    """How many of the last runs held, one after another."""
    return len(list(takewhile(held, reversed(found))))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(found: list[Run]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    draft = FILE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(found, indent=1) + "\n")
    draft.replace(FILE)
