"""One service as a part of the system, and what its supervisor remembers of any part."""

import http.client
import json
import signal
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from carejourney.embedded.launcher import Launcher
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import ProcessMark
from carejourney.embedded.state import PartState

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
# A part that ran this long has earned a quick restart again.
STEADY = 30.0
_PARTS = ("database", "kafka", "relay", "projector")
_NOT_WORKING = frozenset({"starting", "away", "read-only", "unknown", "waiting", "held", "stuck", "ended"})
# A little longer than a service takes at most to end its requests.
_LONGEST_DRAIN = 25.0


class Part(Protocol):
    """A process that can be started, watched and stopped."""

    port: int

    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def mark(self) -> ProcessMark | None: ...
    def stop(self) -> None: ...


class ServiceProcess:
    """The process of one service."""

    def __init__(self, name: str, port: int, launcher: Launcher, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.port = port
        self._launcher = launcher
        self._environment = environment
        self._log = log
        self._mark: ProcessMark | None = None

    def start(self) -> None:
        """Start the process; it answers some time later."""
        self._mark = self._launcher.start(self.name, self._environment, self._log)

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._mark is not None and self._mark.alive()

    def mark(self) -> ProcessMark | None:
        """Give the process, if it was started."""
        return self._mark

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        if self._mark:
            self._mark.send(signal.SIGTERM)

    def stop(self) -> None:
        """Stop: by SIGTERM, after 25 s by force."""
        if self._mark:
            self._mark.stop(_LONGEST_DRAIN)
            self._mark = None


@dataclass(slots=True)
class Watched:
    """A part under supervision: when it was started, how often again, when the next try is due."""

    name: str
    part: Part
    state: PartState
    failures: int = 0
    due: float | None = None
    started_at: float = field(default_factory=time.monotonic)

    def note_started(self) -> None:
        """Remember the new process."""
        mark = self.part.mark()
        self.state.pid, self.state.started = (mark.pid, mark.started) if mark else (None, None)
        self.state.since = datetime.now(UTC).isoformat(timespec="seconds")
        self.started_at = time.monotonic()
        self.due = None

    def note_ended(self) -> float:
        """Plan the next start; gives the pause in seconds, longer with each failure."""
        steady = time.monotonic() - self.started_at > STEADY
        self.failures = 1 if steady else self.failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.failures - 1))
        self.due = time.monotonic() + pause
        self.state.ready = False
        return pause

    def is_due(self) -> bool:
        """Whether a planned start should happen now."""
        return self.due is not None and time.monotonic() >= self.due


def answers_ready(port: int, seconds: float = 2.0) -> bool:
    """Whether the service on this loopback port says that it is ready (`GET /health/ready`)."""
    return readiness(port, seconds)[0]


def readiness(port: int, seconds: float = 2.0) -> tuple[bool, list[str]]:
    """Whether a service is ready, and what of it does not work or needs a person: `relay waiting`, `parked 3`."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=seconds)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        return answer.status == HTTPStatus.OK, _notes(answer.read())
    return False, []


def _notes(body: bytes) -> list[str]:
    try:
        said = json.loads(body)
    except ValueError:
        return []
    told = ((part, said.get(part)) for part in _PARTS)
    again = (f"publishing {topic} again: {reason}" for topic, reason in said.get("republishing", {}).items())
    return [*(f"{part} {state}" for part, state in told if state in _NOT_WORKING), *again, *_for_people(said)]


def _for_people(said: Mapping[str, Any]) -> list[str]:
    """What does not go away by itself, such as `parked 3`."""
    counted = {"parked": sum(said.get("parked", {}).values()), "unreadable": said.get("unreadable", 0)}
    lost = ["log lost"] if said.get("lost") else []
    damaged = [f"log damaged: {place}" for place in said.get("damaged", ())]
    return [*(f"{what} {number}" for what, number in counted.items() if number), *lost, *damaged]
