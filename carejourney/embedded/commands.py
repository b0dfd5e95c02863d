"""What `carejourney up`, `down` and `status` do; each gives the exit status."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from carejourney.embedded.errors import EmbeddedError
from carejourney.embedded.kafka import cluster_at
from carejourney.embedded.kafka_runtime import prepare
from carejourney.embedded.layout import DEFAULT_FOLDER, LOOPBACK, SERVICES, Folders, Ports, load_ports, service_url
from carejourney.embedded.postgres import SUPERUSER, PostgresServer
from carejourney.embedded.processes import ProcessMark, require_free
from carejourney.embedded.progress import Progress, shown
from carejourney.embedded.service import readiness
from carejourney.embedded.stack import Hooks, Stack, clear_remains
from carejourney.embedded.state import FAILED, READY, STOPPED, StackState, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_START = 600.0
LONGEST_STOP = 90.0


def up(
    data: Path = DEFAULT_FOLDER,
    *,
    detach: bool = False,
    port_base: int | None = None,
    console: Console | None = None,
    hooks: Hooks | None = None,
) -> int:
    """Run the whole system; in the foreground until Ctrl-C or SIGTERM, with `detach` until `down`.

    A system that already runs in `data` is left alone and its addresses are printed. `hooks` counts in the
    foreground.
    """
    console = console or Console()
    folders = Folders.at(data)
    running = _running(folders)
    if running is not None:
        console.print(
            f"Already running ({running.phase}) in {folders.root} since {running.since}.",
            highlight=False,
            soft_wrap=True,
        )
        _print_addresses(console, folders, load_ports(folders))
        return 0
    try:
        _make_room(folders, port_base)
        with shown(console) as progress:
            prepare(progress)
        if detach:
            _detached(console, folders, port_base)
        else:
            _foreground(console, folders, port_base, hooks)
    except EmbeddedError as error:
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


def _make_room(folders: Folders, port_base: int | None) -> None:
    """Make the data folder; where taken ports would refuse the start, no new one is left behind."""
    if folders.is_new():
        require_free(load_ports(folders, port_base).named())
    folders.make()


def down(data: Path = DEFAULT_FOLDER, *, console: Console | None = None) -> int:
    """Stop the system of this data folder and wait for its end; also what a killed supervisor left behind."""
    console = console or Console()
    folders = Folders.at(data)
    running = _running(folders)
    if running is None:
        left = folders.root.exists() and clear_remains(folders)
        told = "Stopped what an earlier run had left." if left else f"Nothing runs in {folders.root}."
        console.print(told, highlight=False, markup=False, soft_wrap=True)
        return 0
    supervisor = ProcessMark(running.pid, running.started)
    supervisor.send(signal.SIGTERM)
    with shown(console) as progress:
        ended = _follow(folders, progress, lambda: not supervisor.alive(), LONGEST_STOP)
    console.print("Stopped." if ended else f"Still stopping; see {folders.log('supervisor')}.", soft_wrap=True)
    return 0 if ended else 1


def status(data: Path = DEFAULT_FOLDER, *, as_json: bool = False, console: Console | None = None) -> int:
    """Say what runs and whether it is ready; 0 when everything is."""
    console = console or Console()
    report = examine(data)
    if as_json:
        console.file.write(json.dumps(report) + "\n")
    else:
        _print_report(console, report)
    return 0 if report["ready"] else 1


def examine(data: Path = DEFAULT_FOLDER) -> dict[str, Any]:
    """Look at the system now: `{running, ready, phase, since, folder, parts: {name: {port, pid, restarts, ...}}}`.

    Each part is asked, not only looked up: a service by `/health/ready`, Kafka by a metadata request, PostgreSQL by a
    query. `notes` of a part say what of it does not do its work, such as `relay waiting`.
    """
    folders = Folders.at(data)
    running = _running(folders)
    state = running or read_state(folders.state)
    parts: dict[str, dict[str, Any]] = state.as_json()["parts"] if state else {}
    with ThreadPoolExecutor(len(parts) or 1) as pool:
        ports = [part["port"] for part in parts.values()]
        answers = dict(zip(parts, pool.map(partial(_ready, folders), parts, ports), strict=True))
    for name, part in parts.items():
        part["ready"], part["notes"] = answers[name]
    return {
        "running": running is not None,
        "ready": running is not None and running.phase == READY and all(ready for ready, _ in answers.values()),
        "phase": running.phase if running else _last_phase(state),
        "problem": state.problem if state else None,
        "since": running.since if running else None,
        "folder": str(folders.root),
        "parts": parts,
    }


def _last_phase(state: StackState | None) -> str:
    ended = state is None or state.phase in (STOPPED, FAILED)
    return STOPPED if ended else "killed (`carejourney up` starts it again, `carejourney down` clears what is left)"


def _ready(folders: Folders, name: str, port: int) -> tuple[bool, list[str]]:
    if name == "kafka":
        return cluster_at(port) is not None, []
    return readiness(port) if name in SERVICES else (_postgres_answers(folders, port), [])


def _postgres_answers(folders: Folders, port: int) -> bool:
    try:
        password = str(json.loads(folders.passwords.read_text())[SUPERUSER])
    except (OSError, ValueError, KeyError):
        return False
    return PostgresServer(folders.postgres, port=port, password=password, log=folders.log("postgres")).answers()


def _running(folders: Folders) -> StackState | None:
    state = read_state(folders.state)
    return state if state and state.supervised() else None


def _foreground(console: Console, folders: Folders, port_base: int | None, hooks: Hooks | None) -> None:
    ports = load_ports(folders, port_base)
    with stopped_by_signals() as stop, shown(console) as progress:
        stack = Stack(folders, ports, progress=progress, hooks=hooks)

        def tell() -> None:
            progress.rest()
            _print_addresses(console, folders, ports)

        stack.run(stop, tell)
    console.print("Stopped.")


@contextmanager
def stopped_by_signals() -> "Iterator[threading.Event]":
    """Give an event that Ctrl-C, SIGTERM or a closed terminal sets."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, lambda *_: stop.set())) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _detached(console: Console, folders: Folders, port_base: int | None) -> None:
    with shown(console) as progress:
        supervisor = _spawn(folders, port_base)

        def settled() -> bool:
            state = read_state(folders.state)
            ours = state is not None and state.pid == supervisor.pid
            return supervisor.poll() is not None or (ours and state is not None and state.phase in (READY, FAILED))

        _follow(folders, progress, settled, LONGEST_START)
    state = read_state(folders.state)
    if supervisor.poll() is not None or state is None or state.phase != READY:
        problem = (
            state.problem if state and state.problem else f"The supervisor ended; see {folders.log('supervisor')}."
        )
        raise EmbeddedError(problem)
    # The supervisor goes on without us: it is not a child to wait for.
    supervisor.returncode = 0
    _print_addresses(console, folders, load_ports(folders))


def _spawn(folders: Folders, port_base: int | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "carejourney.embedded.supervise", str(folders.root)]
    command += [str(port_base)] if port_base is not None else []
    with folders.log("supervisor").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _follow(folders: Folders, progress: Progress, settled: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not settled():
        if time.monotonic() > deadline:
            return False
        state = read_state(folders.state)
        progress.update(state.doing if state else "starting")
        time.sleep(0.05)
    return True


def _print_addresses(console: Console, folders: Folders, ports: Ports) -> None:
    lines = [f"  {service:<13} {service_url(ports, service)}" for service in ports.services]
    lines += [
        f"  {'Kafka':<13} {LOOPBACK}:{ports.kafka}  (any Kafka client may subscribe)",
        f"  {'PostgreSQL':<13} {LOOPBACK}:{ports.postgres}  (passwords: {folders.passwords})",
        f"Everything is kept in {folders.root}; `carejourney down --data {folders.root}` stops it.",
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _headline(report: dict[str, Any]) -> str:
    """What the supervisor says, unless a part that was asked just now says otherwise."""
    if report["ready"] or report["phase"] != READY:
        return str(report["phase"])
    away = ", ".join(name for name, part in report["parts"].items() if not part["ready"])
    return f"not ready ({away})"


def _print_report(console: Console, report: dict[str, Any]) -> None:
    console.print(f"{_headline(report)} in {report['folder']}", highlight=False, markup=False, soft_wrap=True)
    if report["problem"]:
        console.print(report["problem"], highlight=False, markup=False, soft_wrap=True)
    if not report["parts"]:
        return
    table = Table(box=None)
    for heading in ("part", "ready", "port", "process", "restarts", "since", "notes"):
        table.add_column(heading, overflow="fold")
    for name, part in report["parts"].items():
        ready = "yes" if part["ready"] else "no"
        table.add_row(
            name, ready, str(part["port"]), str(part["pid"]), str(part["restarts"]), part["since"] or "",
            ", ".join(part["notes"]),
        )  # fmt: skip
    console.print(table)
