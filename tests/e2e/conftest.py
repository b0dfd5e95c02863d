"""What the end-to-end tests share: one generated authority, and imports over the running services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carejourney.sample import generate
from tests.e2e.importing import Importing, new_authority
from tests.e2e.installation import Installation, free_port_base
from tests.e2e.return_folders import Tables, read_tables
from tests.fixtures.system import System

YEARS = (2024, 2026)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated authority: the folders of three years, and enrolments.csv."""
    folder = tmp_path_factory.mktemp("sample")
    generate(40, YEARS, 7, folder)
    return folder


@pytest.fixture(scope="session")
def years(sample: Path) -> dict[int, Tables]:
    """The sample's returns by collection year."""
    return {year: read_tables(sample / str(year)) for year in range(YEARS[0], YEARS[1] + 1)}


@pytest.fixture
def importing(system: System) -> Importing:
    """Imports for an authority of this test alone."""
    return Importing(system, new_authority())


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole system, started by its own program."""
    one = Installation(tmp_path_factory.mktemp("installation"))
    one.up(free_port_base())
    yield one
    one.run("down")
