"""Processes by an identity that survives the reuse of their number, and the ports they hold."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carejourney.embedded.errors import PortTaken
from carejourney.embedded.layout import LOOPBACK

LINUX = sys.platform == "linux"
PROC = Path("/proc")
# Below 32768, where Linux begins to hand out ports to clients.
FREE_PORTS = range(15000, 30000)


@cache
def _boot() -> str:
    with suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def _started_linux(pid: int) -> str | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name in brackets may hold spaces: fields are counted after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    answer = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process, told from any later one of the same number by its start."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessMark | None":
        """Mark a living process; None when there is none (a zombie counts as none)."""
        started = _started_linux(pid) if LINUX else _started_elsewhere(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessMark.of(self.pid) == self

    def send(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; False when it still runs after that time."""
        return wait_until(lambda: not self.alive(), seconds)

    def stop(self, seconds: float, number: int = signal.SIGTERM) -> None:
        """End the process: by `number`, and by SIGKILL when that takes longer than `seconds`."""
        self.send(number)
        if not self.wait(seconds):
            self.send(signal.SIGKILL)
            self.wait(10)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Ask until the condition holds; False when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def command_line(pid: int) -> str:
    """How a process was called; empty when that cannot be known."""
    if LINUX:
        with suppress(OSError):
            return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return ""
    answer = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def processes_in(folder: Path) -> Iterator[ProcessMark]:
    """Find the processes whose working directory is this folder (Linux only, as far as we may see)."""
    for entry in PROC.glob("[0-9]*") if LINUX else ():
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder and (mark := ProcessMark.of(int(entry.name))):
                yield mark


def _listening_sockets(port: int) -> set[str]:
    wanted = f":{port:04X}"
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in (PROC / "net" / table).read_text().splitlines()[1:]]
            found |= {f"socket:[{row[9]}]" for row in rows if row[1].endswith(wanted) and row[3] == "0A"}
    return found


def _holds(process: Path, sockets: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) in sockets:
                    return True
    return False


def port_owner(port: int) -> str | None:
    """Name the process that listens on a port, as far as the system lets us know."""
    sockets = _listening_sockets(port) if LINUX else set()
    for process in PROC.glob("[0-9]*") if sockets else ():
        if _holds(process, sockets):
            name = (process / "comm").read_text().strip()
            return f"{name} (process {process.name})"
    return None


def port_is_free(port: int) -> bool:
    """Whether we could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(ports: Mapping[str, int]) -> None:
    """Raise PortTaken for the first port (by what it is for) that is in use."""
    for use, port in ports.items():
        if not port_is_free(port):
            raise PortTaken(use, port, port_owner(port))


def free_port() -> int:
    """Find a free loopback port that the system gives to no client."""
    while True:
        port = random.SystemRandom().choice(FREE_PORTS)
        if port_is_free(port):
            return port
