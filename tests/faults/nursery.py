"""Where replicas come from: a process that has loaded all that a service needs, and becomes one by forking.

A fork is the same process as `carejourney run SERVICE` begins, without the seconds it takes to load. How each ended is
written to a file, for a process hears only of the end of its own children.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, NoReturn

SERVICES: Final = ("placement", "planning", "education", "health", "leaving_care", "journey")
RUN: Final = "carejourney.cli.running:run_service"
ROOT: Final = Path(__file__).parents[2]
_OUTPUTS: Final = (1, 2)


@dataclass(frozen=True)
class Child:
    """A replica's process."""

    pid: int
    end: Path

    def poll(self) -> int | None:
        """Its exit status once it has ended, negative for the signal that ended it."""
        return int(self.end.read_text()) if self.end.exists() else None


class Nursery:
    """Starts replicas for one installation; `folder` is where their ends are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def fork(self, service: str, environment: Mapping[str, str], log: Path, call: str = RUN) -> Child:
        """A new process that calls `module:function` with the name of a service; it runs the service unless told."""
        end = self._folder / f"end-{next(self._numbers)}"
        request = {
            "service": service, "environment": dict(environment), "log": str(log), "end": str(end), "call": call,
        }  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        return Child(int(self._server.stdout.readline()), end)

    def close(self) -> None:
        """End; replicas are ended by their world before."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)
        if self._server.stdout is not None:
            self._server.stdout.close()


def serve() -> NoReturn:
    """Answer requests; in a child, do what is asked."""
    importlib.import_module("uvicorn.protocols.http.httptools_impl")
    importlib.import_module("uvicorn.lifespan.on")
    importlib.import_module("uvloop")
    importlib.import_module("carejourney.rebuild")
    importlib.import_module("carejourney.cli.verifying")
    for service in SERVICES:
        importlib.import_module(f"services.{service}.app")
    gc.freeze()
    ends: dict[int, Path] = {}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: _note_ends(ends))
    for line in sys.stdin:
        request = json.loads(line)
        # A child that ends at once must not be noted before it is known.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            _become(request)
        ends[pid] = Path(request["end"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.write(1, f"{pid}\n".encode())
    for pid in list(ends):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _note_ends(ends: dict[int, Path]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            draft = ends[pid].with_suffix(".draft")
            draft.write_text(str(os.waitstatus_to_exitcode(status)))
            draft.replace(ends.pop(pid))


def _become(request: dict[str, Any]) -> NoReturn:
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.environ.clear()
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for output in _OUTPUTS:
        os.dup2(log, output)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    status = 1
    try:
        module, _, function = request["call"].partition(":")
        getattr(importlib.import_module(module), function)(request["service"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        if status:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
