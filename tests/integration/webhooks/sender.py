"""A service with webhooks over its real database; several of them are replicas."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final

import asyncpg
import httpx

from carejourney.access import TokenVerifier, mint
from carejourney.http import LimitBody, add_problems
from carejourney.openapi import Application
from carejourney.service import Running
from carejourney.webhooks.addresses import Addresses, LookUp, system_look_up
from carejourney.webhooks.api import webhooks_router
from carejourney.webhooks.deliveries import Deliveries
from events.catalogue import CATALOGUE
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, until

TOPIC: Final = "care.health"
TWIN: Final = "care.health.restricted"
LOOPBACK: Final = ip_network("127.0.0.0/8")


@dataclass
class Clock:
    """The time of day, which a test may put forward."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Sender:
    """One replica, and clients of it."""

    running: Running
    surroundings: Surroundings
    app: Application
    clock: Clock

    @property
    def webhooks(self) -> Deliveries:
        return self.running.webhooks

    def client(self, *roles: str, authorities: Iterable[str] = ("*",), actor: str = "agency") -> httpx.AsyncClient:
        """A client of an agency's system that may see what a social worker may, unless roles are named."""
        key = self.surroundings.folder / "issuer.json"
        token = mint(key, actor, roles or ("agency-system", "social-work"), authorities)
        transport = httpx.ASGITransport(app=self.app)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers, timeout=40)

    async def register(self, url: str, *roles: str, actor: str = "agency", **body: Any) -> dict[str, Any]:
        """A webhook, with its secret, that this or another replica leads for."""
        async with self.client(*roles, actor=actor) as client:
            answer = await client.post("/webhooks", json={"url": url, **body})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def shown(self, webhook: dict[str, Any], what: str = "", **query: Any) -> dict[str, Any]:
        async with self.client("operations") as client:
            answer = await client.get(f"/webhooks/{webhook['id']}{what}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def becomes(self, webhook: dict[str, Any], seconds: float = 12, **state: Any) -> None:
        """Wait until the webhook is in a state."""

        async def so() -> bool:
            found = await self.shown(webhook)
            return all(found[name] == value for name, value in state.items())

        await until(so, f"webhook {state}", seconds)


@asynccontextmanager
async def sending(
    probe: Probe, surroundings: Surroundings, *, look_up: LookUp = system_look_up, allowed: bool = True
) -> AsyncIterator[Sender]:
    """A replica; nothing is relayed, so that other tests hear nothing of it."""
    async with probe.parts_only(catalogue=CATALOGUE, topics=(TOPIC, TWIN)) as running:
        means, clock = running.webhooks.means, Clock()
        means.clock = clock
        means.addresses = Addresses([LOOPBACK] if allowed else [], look_up)
        app = Application()
        app.add_middleware(LimitBody)
        add_problems(app)
        app.include_router(webhooks_router(running.parts.topics))
        app.state.verifier = TokenVerifier("carejourney", jwks_file=surroundings.folder / "jwks.json")
        app.state.running = running
        running.store.on_append(running.webhooks.wake)
        running.background.start("webhooks", running.webhooks.run())
        yield Sender(running, surroundings, app, clock)
        assert not running.background.faults


async def lanes(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """Every lane that lags."""
    return [dict(row) for row in await pool.fetch("select * from webhook_lane order by topic, subject")]
