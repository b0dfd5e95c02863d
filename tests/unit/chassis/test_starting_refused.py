"""What `carejourney up` refuses before anything is made or started, and what `status` says of parts that are silent."""

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from carejourney.cli.main import app
from carejourney.embedded.commands import status, up
from carejourney.embedded.layout import GREATEST_BASE, LEAST_BASE, Folders, Ports
from carejourney.embedded.processes import ProcessMark, free_port, port_is_free
from carejourney.embedded.state import READY, STARTING, PartState, StackState


@pytest.fixture
def base() -> int:
    """From where on all ports of a system are free."""
    found = range(20_000, 30_000, 100)
    return next(one for one in found if all(port_is_free(port) for port in Ports.from_base(one).named().values()))


@pytest.fixture
def held(base: int) -> Iterator[int]:
    """A port of that system, taken by somebody else."""
    with socket.create_server(("127.0.0.1", Ports.from_base(base).kafka)) as taken:
        yield taken.getsockname()[1]


def started(folder: Path, base: int) -> tuple[int, str]:
    printed = io.StringIO()
    return up(folder, detach=True, port_base=base, console=Console(file=printed, width=1000)), printed.getvalue()


def noted(folders: Folders, phase: str) -> None:
    """A supervisor that says this of itself, over a broker and a database that answer nothing."""
    folders.make()
    mark = ProcessMark.of(os.getpid())
    assert mark is not None
    parts = {name: PartState(free_port(), ready=True) for name in ("postgres", "kafka")}
    StackState(mark.pid, mark.started, "2026-01-01T00:00:00+00:00", phase, parts=parts).save(folders.state)


def headline(folders: Folders) -> tuple[int, str]:
    printed = io.StringIO()
    ended = status(folders.root, console=Console(file=printed, width=1000))
    return ended, printed.getvalue().splitlines()[0]


def test_a_taken_port_is_named_and_leaves_no_folder_where_there_was_none(tmp_path: Path, base: int, held: int) -> None:
    ended, told = started(tmp_path / "data", base)
    assert ended == 1
    assert f"Port {held}, meant for Kafka, is in use" in told
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path, base: int) -> None:
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "data", Path("/dev/null/data")):
        ended, told = started(impossible, base)
        assert ended == 1
        assert f"Nothing can be kept in {impossible}" in told
        assert "--data DIR" in told


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize("typed", [-1, 0, LEAST_BASE - 1, GREATEST_BASE + 1, 70_000])
def test_ports_that_there_are_not_are_misuse(command: str, typed: int) -> None:
    result = CliRunner().invoke(app, [command, "--port-base", str(typed)])
    assert result.exit_code == 2
    assert "--port-base" in result.output


@pytest.mark.parametrize("base", [LEAST_BASE, GREATEST_BASE])
def test_every_port_of_a_system_at_the_bounds_is_one(base: int) -> None:
    assert all(LEAST_BASE < port <= 65_535 for port in Ports.from_base(base).named().values())


def test_the_headline_of_the_status_agrees_with_its_table_and_its_exit_status(tmp_path: Path) -> None:
    folders = Folders.at(tmp_path)
    noted(folders, READY)
    assert headline(folders) == (1, f"not ready (postgres, kafka) in {tmp_path}")
    noted(folders, STARTING)
    assert headline(folders) == (1, f"starting in {tmp_path}")
