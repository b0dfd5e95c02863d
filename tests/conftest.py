"""What every test may use: the real Kafka and PostgreSQL of the run, and the services over them."""

import os
import sys
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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name what failed when it fails: where processes share the tests, the end is far away."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stderr.write(f"\nfailed: {report.nodeid} ({report.when})\n")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    ladder.take_over(node.config, getattr(node, "workeroutput", {}))
