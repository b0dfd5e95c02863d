"""Ways to start the process of a service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from carejourney.embedded.errors import EmbeddedError
from carejourney.embedded.processes import ProcessMark

SIZE_CAP = 5_000_000
ENTRY = "carejourney.cli:run_service"


class Launcher(Protocol):
    """Starts services and stops what it needed for that."""

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> ProcessMark:
        """Start the service; its output goes to the log. Raises EmbeddedError when it ends at once."""

    def close(self) -> None:
        """End whatever served the starting; the services are ended by their supervisor before."""


def run_command(service: str) -> list[str]:
    """Give the command that runs one service with the settings of its environment."""
    return [sys.executable, "-m", "carejourney", "run", service]


def rotate(log: Path) -> None:
    """Put a large log aside; one old one is kept."""
    if log.exists() and log.stat().st_size > SIZE_CAP:
        log.replace(log.with_name(f"{log.name}.1"))


class Commands:
    """Starts each service as a process of its own."""

    def __init__(self, command: Callable[[str], Sequence[str]] = run_command) -> None:
        self._command = command
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> ProcessMark:
        """Start the command of the service."""
        self._processes = [process for process in self._processes if process.poll() is None]
        with log.open("ab") as output:
            process = subprocess.Popen(
                self._command(name),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return _marked(process.pid, name)

    def close(self) -> None:
        """Take note of the ends of all processes."""
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)


class Forks:
    """Starts services as forks of one process that has the libraries loaded (see `preload`)."""

    def __init__(self, log: Path, entry: str = ENTRY) -> None:
        """Begin to load; `entry` is what a fork calls with the name of its service, as `module:function`."""
        self._log = log
        self._entry = entry
        self._server: subprocess.Popen[str] | None = None
        self.warm()

    def warm(self) -> None:
        """Begin to load the libraries; returns at once."""
        if self._server is not None and self._server.poll() is None:
            return
        with self._log.open("ab") as output:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "carejourney.embedded.preload", self._entry],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                bufsize=1,
                start_new_session=True,
            )

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> ProcessMark:
        """Ask for a fork that becomes the service."""
        self.warm()
        request = {"name": name, "environment": {**os.environ, **environment}, "log": str(log)}
        answer = ""
        if self._server and self._server.stdin and self._server.stdout:
            with suppress(BrokenPipeError):
                self._server.stdin.write(json.dumps(request) + "\n")
                answer = self._server.stdout.readline()
        if not answer:
            raise EmbeddedError(f"{name} could not be started: see {self._log}")
        return _marked(int(answer), name)

    def close(self) -> None:
        """End the process that forks."""
        if self._server is not None and self._server.stdin and self._server.stdout:
            with suppress(BrokenPipeError):
                self._server.stdin.close()
            self._server.wait()
            self._server.stdout.close()


def _marked(pid: int, name: str) -> ProcessMark:
    mark = ProcessMark.of(pid)
    if mark is None:
        raise EmbeddedError(f"{name} ended at once")
    return mark
