"""One service process, as a container would run it, with a network of its own to the database."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import free_port
from tests.faults.nursery import Child, Nursery
from tests.faults.proxy import Proxy
from tests.faults.waiting import ended, until

GRACE_SECONDS: Final = 30


class Replica:
    """A process of `carejourney run SERVICE`; `number` makes its stable name."""

    def __init__(
        self, service: str, number: int, environment: Mapping[str, str], log: Path, postgres: Proxy, nursery: Nursery
    ) -> None:
        self.service = service
        self.number = number
        self.postgres = postgres
        self.port = free_port()
        self.log = log
        # Plain HTTP on loopback: certificates would only be loaded for nothing.
        self.http = httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{self.port}", verify=False)  # noqa: S501
        self._environment = {**environment, "CAREJOURNEY_PORT": str(self.port)}
        self._nursery = nursery
        self._process: Child | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.service} was never started"
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, crash_at: str | None = None, **changes: str) -> None:
        """Start the process; it kills itself at the named point where one is given."""
        self._process = self._nursery.fork(self.service, {**self.environment(crash_at), **changes}, self.log)

    def environment(self, crash_at: str | None = None) -> dict[str, str]:
        """What the process is told, and where it is to die."""
        asked = {"CAREJOURNEY_CRASH_AT": crash_at} if crash_at else {}
        return {**os.environ, **self._environment, **asked}

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self.alive():
                os.kill(self.pid, number)

    async def dies(self, seconds: float = 80) -> int:
        """Wait for the end of the process; its exit status, negative for the signal that ended it."""
        await ended(f"the end of {self.service}-{self.number}", seconds, self.alive)
        status = self._process.poll() if self._process is not None else None
        assert status is not None
        return status

    async def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self.dies()

    async def stop(self) -> float:
        """Ask the process to end, as a deployment does; how many seconds it took."""
        begun = asyncio.get_running_loop().time()
        self.signal(signal.SIGTERM)
        if self._process is not None:
            await self.dies(GRACE_SECONDS)
        return asyncio.get_running_loop().time() - begun

    async def state(self) -> dict[str, Any]:
        """What `/health/ready` says; empty where nothing answers."""
        with suppress(httpx.HTTPError, ValueError):
            found: dict[str, Any] = (await self.http.get("/health/ready", timeout=5)).json()
            return found
        return {}

    async def ready(self, seconds: float = 80) -> None:
        async def is_ready() -> bool:
            assert self.alive(), f"{self.service}-{self.number} ended: {self.last_lines()}"
            return bool((await self.state()).get("ready"))

        try:
            await until(is_ready, f"{self.service}-{self.number} ready", seconds, pause=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it says {await self.state()}") from error

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where it has never moved."""
        lines = (await self.http.get("/metrics", timeout=5)).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def said(self, event: str) -> int:
        """How often the log holds an event."""
        return self.log.read_text(errors="replace").count(f'"{event}"') if self.log.exists() else 0

    def lines(self) -> int:
        """How many lines the log has."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-3:])

    def cpu_seconds(self) -> float:
        """Processor time the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
