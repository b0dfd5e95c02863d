"""Starting services as forks of a process that has the libraries loaded."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from carejourney.embedded.launcher import SIZE_CAP, Forks, rotate
from carejourney.embedded.processes import LINUX, free_port, wait_until
from carejourney.embedded.service import answers_ready

pytestmark = pytest.mark.skipif(not LINUX, reason="forks are used on Linux only")
ENTRY = "tests.integration.embedded.standin:serve"


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    launcher = Forks(tmp_path / "preload.log", ENTRY)
    yield launcher
    launcher.close()


def _environment(port: int) -> dict[str, str]:
    return {"CAREJOURNEY_PORT": str(port), "CAREJOURNEY_INSTANCE": "education-0"}


def test_a_fork_becomes_the_service_with_its_own_environment_and_log(forks: Forks, tmp_path: Path) -> None:
    port = free_port()
    forks.start("education", _environment(port), tmp_path / "education.log")
    assert wait_until(lambda: answers_ready(port), 20)
    assert (tmp_path / "education.log").read_text() == "education education-0\n"


def test_a_fork_that_ends_can_be_started_again(forks: Forks, tmp_path: Path) -> None:
    port = free_port()
    first = forks.start("education", _environment(port), tmp_path / "education.log")
    first.stop(10, signal.SIGKILL)
    second = forks.start("education", _environment(port), tmp_path / "education.log")
    assert not first.alive()
    assert second.alive()


def test_forks_end_with_the_process_that_asked_for_them(tmp_path: Path) -> None:
    launcher = Forks(tmp_path / "preload.log", ENTRY)
    port = free_port()
    mark = launcher.start("education", _environment(port), tmp_path / "education.log")
    assert wait_until(lambda: answers_ready(port), 20)
    launcher.close()
    assert mark.wait(10)


def test_a_broken_service_tells_why_in_its_own_log(forks: Forks, tmp_path: Path) -> None:
    broken = forks.start("education", {"CAREJOURNEY_PORT": "none", "CAREJOURNEY_INSTANCE": "e"}, tmp_path / "e.log")
    assert broken.wait(10)
    assert "ValueError" in (tmp_path / "e.log").read_text()


def test_a_large_log_is_put_aside_and_one_old_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "health.log"
    for content in ("a", "b"):
        log.write_text(content * (SIZE_CAP + 1))
        rotate(log)
    assert not log.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["health.log.1"]
    assert (tmp_path / "health.log.1").read_text().startswith("b")
