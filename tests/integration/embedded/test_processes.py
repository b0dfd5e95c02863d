"""Processes and ports of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from carejourney.embedded.errors import PortTaken
from carejourney.embedded.layout import Folders, Ports, load_ports, save_ports, service_environment
from carejourney.embedded.processes import ProcessMark, free_port, port_is_free, require_free

LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True); input()"


def test_a_taken_port_is_named_with_its_use_its_owner_and_the_remedy() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        with pytest.raises(PortTaken) as refused:
            require_free({"education": port})
        listener.communicate(b"\n")
    for told in (str(port), "education", f"process {listener.pid}", "--port-base"):
        assert told in str(refused.value)


def test_a_free_port_is_one_that_clients_are_never_given() -> None:
    port = free_port()
    assert port < 32768
    assert port_is_free(port)


def test_a_number_used_again_is_not_the_same_process() -> None:
    ours = ProcessMark.of(os.getpid())
    assert ours is not None
    assert ours.alive()
    assert not ProcessMark(ours.pid, "another start").alive()


def test_an_ended_child_that_nobody_waited_for_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = ProcessMark.of(child.pid)
    assert mark is not None
    child.kill()
    assert mark.wait(10)
    child.communicate()


def test_ports_are_remembered_in_the_data_folder(tmp_path: Path) -> None:
    folders = Folders.at(tmp_path)
    save_ports(folders, Ports.from_base(18000))
    assert load_ports(folders) == Ports.from_base(18000)
    assert load_ports(folders, 19000) == Ports.from_base(19000)
    assert Ports.from_base(18000).services["journey"] == 18006


def test_a_service_is_never_told_the_password_of_the_key_owner_or_the_superuser(tmp_path: Path) -> None:
    passwords = {"postgres": "super", "health": "one", "health_owner": "two"}
    told = service_environment(Folders.at(tmp_path), Ports(), "health", passwords)
    assert told["CAREJOURNEY_DATABASE_URL"] == "postgresql://health:one@127.0.0.1:5544/health"
    assert told["CAREJOURNEY_OWNER_DATABASE_URL"] == "postgresql://health_owner:two@127.0.0.1:5544/health"
    assert told["CAREJOURNEY_KEYS_DATABASE_URL"] == "postgresql://health:one@127.0.0.1:5544/keys"
    assert not any("super" in value for value in told.values())
