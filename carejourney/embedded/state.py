"""What a supervisor says about itself in DIR/state.json, for `status`, `down` and the next `up`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from carejourney.embedded.processes import ProcessMark
from carejourney.embedded.secret_files import write_private

STARTING, READY, STOPPING, STOPPED, FAILED = "starting", "ready", "stopping", "stopped", "failed"


@dataclass(slots=True)
class PartState:
    """One process of the system."""

    port: int
    pid: int | None = None
    started: str | None = None
    since: str | None = None
    restarts: int = 0
    ready: bool = False

    def mark(self) -> ProcessMark | None:
        """Give the process that was noted, dead or alive."""
        return ProcessMark(self.pid, self.started) if self.pid is not None and self.started is not None else None


@dataclass(slots=True)
class StackState:
    """The whole system, as its supervisor last knew it."""

    pid: int
    started: str
    since: str
    phase: str = STARTING
    doing: str = ""
    problem: str | None = None
    parts: dict[str, PartState] = field(default_factory=dict)

    def supervised(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return ProcessMark(self.pid, self.started).alive()

    def as_json(self) -> dict[str, Any]:
        """Give the state as plain values."""
        return asdict(self)

    def save(self, path: Path) -> None:
        """Write the file in one go."""
        write_private(path, json.dumps(self.as_json(), indent=2) + "\n")


def read_state(path: Path) -> StackState | None:
    """Read what the last supervisor said; None when there never was one (or its file is no longer readable)."""
    try:
        raw = json.loads(path.read_text())
        parts = {name: PartState(**part) for name, part in raw.pop("parts").items()}
        return StackState(**raw, parts=parts)
    except (OSError, ValueError, TypeError, KeyError):
        return None
