"""The supervisor, over real PostgreSQL and Kafka and two stand-in services."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from carejourney.embedded.commands import down, examine, status, up
from carejourney.embedded.errors import AlreadyRunning, PortTaken
from carejourney.embedded.launcher import Commands
from carejourney.embedded.layout import Folders, Ports, save_ports
from carejourney.embedded.processes import ProcessMark, wait_until
from carejourney.embedded.service import LONGEST_PAUSE, ServiceProcess, Watched
from carejourney.embedded.stack import Stack
from carejourney.embedded.state import READY, PartState, StackState, read_state
from tests.integration.embedded.standin import SERVICES, a_stack, some_ports

PARTS = {"postgres", "kafka", *SERVICES}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.at(tmp_path / "data")


@contextmanager
def _running(stack: Stack) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=stack.run, args=(stop, ready.set))
    thread.start()
    try:
        assert ready.wait(60), stack.state
        yield
    finally:
        stop.set()
        thread.join(60)


def _noted(folders: Folders) -> StackState:
    state = read_state(folders.state)
    assert state is not None
    return state


def _marks(folders: Folders) -> list[ProcessMark]:
    return [mark for part in _noted(folders).parts.values() if (mark := part.mark())]


def test_a_service_that_dies_is_started_again_and_counted(folders: Folders) -> None:
    with _running(a_stack(folders, some_ports())):
        before = _noted(folders).parts["education"].mark()
        assert before is not None
        before.send(signal.SIGKILL)
        assert wait_until(lambda: _noted(folders).parts["education"].restarts == 1, 20)
        assert wait_until(lambda: bool(examine(folders.root)["ready"]), 20)
        parts = examine(folders.root)["parts"]
        assert {name: part["restarts"] for name, part in parts.items()} == dict.fromkeys(PARTS, 0) | {"education": 1}
        assert parts["education"]["pid"] != before.pid


def test_a_broker_and_a_database_that_die_are_started_again(folders: Folders) -> None:
    with _running(a_stack(folders, some_ports())):
        for part in ("kafka", "postgres"):
            killed = _noted(folders).parts[part].mark()
            assert killed is not None
            killed.send(signal.SIGKILL)
            assert wait_until(lambda part=part: _noted(folders).parts[part].restarts == 1, 30)  # type: ignore[misc]
        assert wait_until(lambda: bool(examine(folders.root)["ready"]), 20)


@pytest.mark.parametrize("part", ["kafka", "postgres"])
def test_a_part_that_hangs_is_what_the_status_says_first(folders: Folders, part: str) -> None:
    with _running(a_stack(folders, some_ports())):
        hanging = _noted(folders).parts[part].mark()
        assert hanging is not None
        hanging.send(signal.SIGSTOP)
        printed = io.StringIO()
        try:
            ended = status(folders.root, console=Console(file=printed, width=1000))
        finally:
            hanging.send(signal.SIGCONT)
        assert ended == 1
        assert printed.getvalue().startswith(f"not ready ({part}) in ")
        assert wait_until(lambda: bool(examine(folders.root)["ready"]), 20)


def test_a_stop_ends_every_process_and_says_so(folders: Folders) -> None:
    with _running(a_stack(folders, some_ports())):
        marks = _marks(folders)
        assert len(marks) == len(PARTS)
        assert all(mark.alive() for mark in marks)
    assert not any(mark.alive() for mark in marks)
    assert _noted(folders).phase == "stopped"


def test_secrets_are_made_once_and_readable_by_their_owner_alone(folders: Folders) -> None:
    ports = some_ports()
    with _running(a_stack(folders, ports)):
        made = {path.name: path.read_text() for path in folders.secrets.iterdir()}
        assert folders.master_key.stat().st_mode & 0o777 == 0o600
        assert folders.passwords.stat().st_mode & 0o777 == 0o600
    with _running(a_stack(folders, ports)):
        assert {path.name: path.read_text() for path in folders.secrets.iterdir()} == made


def test_up_on_a_running_system_says_so_and_prints_its_addresses(folders: Folders) -> None:
    ports, printed = some_ports(), io.StringIO()
    with _running(a_stack(folders, ports)):
        assert up(folders.root, console=Console(file=printed)) == 0
    for told in ("Already running", f"http://127.0.0.1:{ports.services['education']}", f"127.0.0.1:{ports.kafka}"):
        assert told in printed.getvalue()


def test_a_second_supervisor_is_refused_by_name(folders: Folders) -> None:
    with _running(a_stack(folders, some_ports())), pytest.raises(AlreadyRunning, match=str(folders.root)):
        a_stack(folders, some_ports()).run(threading.Event())


def test_a_taken_port_stops_the_start_before_anything_runs(folders: Folders, tmp_path: Path) -> None:
    ports = some_ports()
    with _running(a_stack(Folders.at(tmp_path / "first"), ports)):
        with pytest.raises(PortTaken, match=r"PostgreSQL.*postgres \(process \d+\)"):
            a_stack(folders, ports).run(threading.Event())
        assert _noted(folders).phase == "failed"
        assert not folders.postgres.exists()


def _spawned(folders: Folders, ports: Ports) -> "subprocess.Popen[bytes]":
    folders.make()
    save_ports(folders, ports)
    command = [sys.executable, "-m", "tests.integration.embedded.standin", "supervise", str(folders.root)]
    supervisor = subprocess.Popen(command, start_new_session=True)
    assert wait_until(lambda: (state := read_state(folders.state)) is not None and state.phase == READY, 60)
    return supervisor


def test_after_everything_was_killed_a_new_start_recovers(folders: Folders) -> None:
    ports = some_ports()
    supervisor = _spawned(folders, ports)
    marks = _marks(folders)
    for mark in marks:
        os.kill(mark.pid, signal.SIGKILL)
    supervisor.kill()
    supervisor.wait()
    assert examine(folders.root)["phase"].startswith("killed")
    with _running(a_stack(folders, ports)):
        assert examine(folders.root)["ready"]


def test_what_a_killed_supervisor_leaves_is_cleared_by_down(folders: Folders) -> None:
    supervisor = _spawned(folders, some_ports())
    marks = _marks(folders)
    supervisor.kill()
    supervisor.wait()
    assert any(mark.alive() for mark in marks)
    assert down(folders.root) == 0
    assert not any(mark.alive() for mark in marks)


def test_a_process_that_only_has_the_number_of_an_old_service_is_left_alone(folders: Folders) -> None:
    folders.make()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        old = {"education": PartState(1, stranger.pid, "an earlier start")}
        StackState(stranger.pid, "an earlier start", "2020-01-01", parts=old).save(folders.state)
        assert down(folders.root) == 0
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_the_pause_before_a_restart_grows_to_ten_seconds(tmp_path: Path) -> None:
    a_part = ServiceProcess("education", 1, Commands(), {}, tmp_path / "log")
    watched = Watched("education", a_part, PartState(1))
    pauses = [watched.note_ended() for _ in range(8)]
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_PAUSE


def test_status_is_plain_json_for_programs(folders: Folders) -> None:
    report = json.loads(json.dumps(examine(folders.root)))
    assert report == {
        "running": False,
        "ready": False,
        "phase": "stopped",
        "problem": None,
        "since": None,
        "folder": str(folders.root),
        "parts": {},
    }
