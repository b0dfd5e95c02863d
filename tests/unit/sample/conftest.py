"""The samples the tests look at, each generated once."""

import pytest

from carejourney.sample import generate
from tests.unit.sample.made_sample import Return, Sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A few hundred children over four years, in which codes change and social workers are first told of."""
    folder = tmp_path_factory.mktemp("sample")
    generate(300, range(2023, 2028), seed=20, out=folder)
    return Sample(folder, range(2023, 2028))


@pytest.fixture(scope="session")
def large_year(tmp_path_factory: pytest.TempPathFactory) -> Return:
    """One year of an authority with 2,000 children in care."""
    folder = tmp_path_factory.mktemp("large")
    generate(2000, (2026, 2026), seed=5, out=folder)
    return Return(folder / "2026", 2026)
