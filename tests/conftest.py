"""What every test may use: the real Kafka and PostgreSQL of the run, and the services over them."""

from typing import Any

import pytest
from hypothesis import settings

from tests.fixtures import ladder

pytest_plugins = ["tests.fixtures.kafka", "tests.fixtures.postgres", "tests.fixtures.spans", "tests.fixtures.system"]

# How long an example takes says more of the machine than of the code.
settings.register_profile("timeless", deadline=None)
settings.load_profile("timeless")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    ladder.hand_over(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    ladder.take_over(node.config, getattr(node, "workeroutput", {}))
