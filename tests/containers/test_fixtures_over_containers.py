"""The fixtures of the run over testcontainers: the same tests, a Kafka and a PostgreSQL in containers."""

import os
import re
import subprocess
import sys

import pytest

from tests.containers.composed import ROOT, docker
from tests.fixtures.ladder import announce

REPRESENTATIVE = ("tests/integration/embedded/test_fixtures.py", "tests/integration/journey")
EXPECTED = (r"Kafka: container apache/kafka:4\.1\.0, ", r"PostgreSQL: 17\.\S+.*, container postgres:17$")
_OURS = ("--filter", "ancestor=apache/kafka:4.1.0", "--filter", "ancestor=postgres:17")


def test_the_integration_tests_pass_over_containers_and_leave_none(request: pytest.FixtureRequest) -> None:
    before = docker("ps", "--all", "--quiet", *_OURS)
    given = ("CAREJOURNEY_KAFKA", "CAREJOURNEY_POSTGRES")
    environment = {name: value for name, value in os.environ.items() if name not in given}
    environment["CAREJOURNEY_TEST_CONTAINERS"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *REPRESENTATIVE]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    for part in EXPECTED:
        found = next(line for line in done.stdout.splitlines() if re.match(part, line))
        announce(request.config, found)
    assert docker("ps", "--all", "--quiet", *_OURS) == before
