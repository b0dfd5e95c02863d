"""What came of each run of each case, kept in `build/faults.json` over runs."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from carejourney.embedded.kafka_runtime import VERSION as KAFKA

MARKER: Final = "faults(case, ci): a case of the fault suite; `ci` for the part that every run includes"
FILE: Final = Path(__file__).parents[2] / "build" / "faults.json"
_current: dict[str, dict[str, Any]] = {}
_versions: list[str] = []


def made_with(postgres: str) -> None:
    """Say what the runs to come are made with."""
    _versions[:] = [
        f"Apache Kafka {KAFKA}, PostgreSQL {postgres}, Python {platform.python_version()}, {platform.system()}"
    ]


def note(case: int, name: str, when: str, outcome: str, seconds: float) -> None:
    """Take one phase of one test; the test is written down when it was torn down, where the checker speaks."""
    run = _current.setdefault(name, {"case": case, "test": name, "passed": True, "seconds": 0.0})
    run["passed"] = run["passed"] and outcome == "passed"
    run["seconds"] = round(run["seconds"] + (seconds if when != "setup" else 0), 1)
    if when == "teardown":
        run["versions"] = "".join(_versions)
        run["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        _write([*runs(), _current.pop(name)])


def runs() -> list[dict[str, Any]]:
    """Every run written down so far."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
    return found


def _write(found: list[dict[str, Any]]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    draft = FILE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(found, indent=1) + "\n")
    draft.replace(FILE)
