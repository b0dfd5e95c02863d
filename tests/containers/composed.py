"""The compose project, under a name and on ports of its own, as a person drives it."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carejourney.embedded.processes import free_port

ROOT = Path(__file__).parents[2]
PROJECT = "carejourney-test"
SERVICES = ("placement", "planning", "education", "health", "leaving-care", "journey")
_IDENTITY = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_OF_THE_RUN = {"child", "facts", "recorded", "true_on", "known_on"}


def docker(*arguments: str, check: bool = True) -> str:
    """Run a docker command and give what it prints; an error shows what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr[-3000:]}"
    return done.stdout


@dataclass
class Composed:
    """One project: `up`, `cli` for a command in it, `down`; the ports are those published on 127.0.0.1."""

    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (*SERVICES, "kafka")})

    def compose(self, *arguments: str) -> str:
        """Run `docker compose`; raises AssertionError with what it said."""
        published = {f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in self.ports.items()}
        command = ["docker", "compose", "--project-name", PROJECT, *arguments]
        done = subprocess.run(
            command, env=os.environ | published, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-3000:]}"
        return done.stdout

    def up(self) -> None:
        """Build and start everything; a start that fails shows what the parts logged."""
        try:
            self.compose("up", "--build", "--wait", "--wait-timeout", "480")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.compose('logs', '--tail', '15')}") from failure

    def cli(self, *arguments: str, folder: Path) -> str:
        """Run `carejourney` inside, with a folder of this machine mounted read-only as /returns."""
        return self.compose("run", "--rm", "-T", "--volume", f"{folder}:/returns:ro", "cli", *arguments)

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "40")


def remains() -> list[str]:
    """What the engine still holds of the project: containers, volumes, networks."""
    of_ours = f"label=com.docker.compose.project={PROJECT}"
    listings = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
    return [line for listing in listings for line in docker(*listing, "--quiet", "--filter", of_ours).split()]


def without_identities(told: Any) -> Any:
    """A journey without what differs between two systems with the same facts: pseudonyms, fact ids, times of record."""
    if isinstance(told, dict):
        return {key: without_identities(value) for key, value in told.items() if key not in _OF_THE_RUN}
    if isinstance(told, list):
        return [without_identities(one) for one in told]
    return "(identity)" if isinstance(told, str) and _IDENTITY.match(told) else told
