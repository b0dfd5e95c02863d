"""The image and the composed system, once for the run."""

from collections.abc import Iterator

import pytest

from tests.containers.composed import Composed, docker, remains

IMAGE = "carejourney:test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "containers" in item.path.parts:
            item.add_marker("containers")
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The image, built from this tree."""
    docker("build", "--tag", IMAGE, ".")
    yield IMAGE
    docker("image", "rm", "--no-prune", IMAGE)


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """The six services with Kafka and PostgreSQL, on a clean engine."""
    assert not remains(), "an earlier run left parts of the project behind"
    system = Composed()
    try:
        system.up()
        yield system
    finally:
        system.down()
