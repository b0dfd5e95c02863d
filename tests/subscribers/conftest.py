"""A system that has something to read: the embedded one, or the one that the environment names."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from carejourney.embedded.layout import Folders, load_ports
from tests.e2e.installation import Installation, free_port_base
from tests.subscribers.page import follow

PAGES: Final = Path(__file__).parents[2] / "docs" / "subscribe"
# The broker of a system that runs already; its services and a token are then in the environment as for every command.
GIVEN: Final = "CAREJOURNEY_PAGES_KAFKA"
START: Final = "carejourney up --detach"
SECONDS: Final = 300


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of a stranger who has followed the first page."""
    work, one = tmp_path_factory.mktemp("stranger"), Installation(tmp_path_factory.mktemp("system"))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": programs, "CAREJOURNEY_DATA": str(one.folder)}
    if given := os.environ.get(GIVEN):
        first = work / "index.md"
        first.write_text((PAGES / "index.md").read_text().replace(f"\n{START}\n", "\ntrue\n"))
        follow(first, work, environment, SECONDS)
        yield {**environment, "KAFKA": given}
        return
    one.up(free_port_base())
    try:
        follow(PAGES / "index.md", work, environment, SECONDS)
        ports = load_ports(Folders.at(one.folder))
        planning = f"http://127.0.0.1:{ports.services['planning']}"
        yield {**environment, "KAFKA": f"127.0.0.1:{ports.kafka}", "PLANNING": planning, "TOKEN": ""}
    finally:
        one.run("down")
