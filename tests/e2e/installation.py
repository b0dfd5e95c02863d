"""The whole system as a user runs it: the program, its data folder, and every process it started."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from carejourney.embedded.layout import SERVICES, Folders, Ports, load_ports, service_environment
from carejourney.embedded.processes import PROC, ProcessMark, port_is_free, wait_until
from carejourney.embedded.state import read_state
from tests.e2e.canonical import Whereabouts

PROGRAM: Final = (sys.executable, "-m", "carejourney")
PORT_BASES: Final = range(21_100, 29_000, 100)


def free_port_base() -> int:
    """A base of ports none of which is taken, by chance: others may be looking for one at the same time."""
    bases = random.sample(PORT_BASES, len(PORT_BASES))
    return next(base for base in bases if all(map(port_is_free, Ports.from_base(base).named().values())))


@dataclass(frozen=True)
class Installation:
    """An embedded system in one data folder."""

    folder: Path

    def start(self, command: str, *arguments: object, environment: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        """A `carejourney` command under way; its words are separated by blanks."""
        line = [*PROGRAM, *command.split(), *map(str, arguments), "--data", str(self.folder)]
        return subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )

    def run(self, command: str, *arguments: object, seconds: float = 120) -> str:
        """What a command prints; it must end well."""
        process = self.start(command, *arguments)
        output, errors = process.communicate(timeout=seconds)
        assert process.returncode == 0, f"{command}: {process.returncode}\n{output}\n{errors}"
        return output

    def told(self, command: str, *arguments: object) -> dict[str, Any]:
        """The JSON a command prints."""
        answer: dict[str, Any] = json.loads(self.run(command, *arguments, "--json"))
        return answer

    def up(self, base: int | None = None) -> None:
        """Start everything and return when it is ready."""
        self.run("up --detach", *(("--port-base", base) if base else ()))

    def settle(self, seconds: float = 60) -> None:
        """Wait until everything recorded is in every projection, twice in a row."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 2:
            lag = self.told("lag")
            quiet = quiet + 1 if lag["total"] == 0 else 0
            assert time.monotonic() < deadline, f"not settled after {seconds} s: {lag}"

    def whereabouts(self) -> Whereabouts:
        """Where this system keeps things, as its services are told."""
        folders = Folders.at(self.folder)
        ports, passwords = load_ports(folders), json.loads(folders.passwords.read_text())
        told = {name: service_environment(folders, ports, name, passwords) for name in SERVICES}
        return Whereabouts(
            databases={name: one["CAREJOURNEY_DATABASE_URL"] for name, one in told.items()},
            keys=told["placement"]["CAREJOURNEY_KEYS_DATABASE_URL"],
            key_file=folders.master_key,
            kafka=told["placement"]["CAREJOURNEY_KAFKA"],
        )

    def kill_everything(self) -> int:
        """End every process of the system as a power cut would, the supervisor first; how many there were."""
        marks = self._processes()
        for mark in marks:
            mark.send(signal.SIGKILL)
        assert wait_until(lambda: not any(mark.alive() for mark in marks), 20)
        return len(marks)

    def _processes(self) -> list[ProcessMark]:
        state = read_state(Folders.at(self.folder).state)
        assert state is not None, f"no system was started in {self.folder}"
        noted = [ProcessMark(state.pid, state.started), *(part.mark() for part in state.parts.values())]
        roots = [mark for mark in noted if mark is not None and mark.alive()]
        sessions = {os.getsid(mark.pid) for mark in roots} - {os.getsid(0)}
        family = {mark.pid for mark in roots}
        rest = [pid for pid, parent, session in _all_processes() if session in sessions or parent in family]
        others = [mark for pid in rest if pid not in family and (mark := ProcessMark.of(pid))]
        return [*roots, *others]


def _all_processes() -> Iterator[tuple[int, int, int]]:
    """Number, parent and session of every process there is."""
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            yield int(entry.name), int(fields[1]), int(fields[3])
