"""The feed of one service over its real database, served by a real HTTP server; several of them are replicas."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
import uvicorn

from carejourney.access import TokenVerifier, mint
from carejourney.envelope import Draft
from carejourney.feed.api import feed_router
from carejourney.http import add_problems
from carejourney.openapi import Application
from carejourney.service import Running
from events.catalogue import CATALOGUE
from events.event import Fact
from events.health import HealthAssessmentHeld, HealthPlanMade, SubstanceMisuseReported
from tests.builders import AUTHORITY, a_context
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, until

TOPIC: Final = "care.health"
TWIN: Final = "care.health.restricted"
ELSEWHERE: Final = "E06000016"
HELD: Final = HealthAssessmentHeld(kind="initial")
PLAN: Final = HealthPlanMade(summary="A plan that names Asha.")
MISUSE: Final = SubstanceMisuseReported(year=2026)

Event = dict[str, Any]


@dataclass
class Served:
    """One replica, and clients of it."""

    running: Running
    surroundings: Surroundings
    server: uvicorn.Server
    address: str
    app: Application

    @property
    def streams(self) -> int:
        return self.running.feed.streams

    def client(
        self, *roles: str, authorities: Iterable[str] = ("*",), actor: str = "reader", seconds: int = 600
    ) -> httpx.AsyncClient:
        """A client with a token of its own; a social worker's unless roles are named."""
        key = self.surroundings.folder / "issuer.json"
        token = mint(key, actor, roles or ("social-work",), authorities, seconds=seconds)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.address, headers=headers, timeout=40)


@asynccontextmanager
async def served(probe: Probe, surroundings: Surroundings) -> AsyncIterator[Served]:
    """A replica; nothing is relayed, so that other tests hear nothing of it."""
    async with probe.parts_only(catalogue=CATALOGUE, topics=(TOPIC, TWIN)) as running:
        app = Application()
        add_problems(app)
        app.include_router(feed_router(running.parts.topics, CATALOGUE))
        app.state.verifier = TokenVerifier("carejourney", jwks_file=surroundings.folder / "jwks.json")
        app.state.running = running
        config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=10)
        server = uvicorn.Server(config)
        running.feed.watch.ending = lambda: server.should_exit
        running.store.on_append(running.feed.watch.appended)
        running.background.start("feed", running.feed.watch.run())
        serving = asyncio.create_task(server.serve())
        await until(lambda: _started(server), "the server takes connections")
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        try:
            yield Served(running, surroundings, server, f"http://{host}:{port}", app)
        finally:
            server.should_exit = True
            await serving


async def _started(server: uvicorn.Server) -> bool:
    return server.started


async def says(
    running: Running, subject: UUID, *bodies: Fact, authority: str = AUTHORITY, topic: str | None = None
) -> list[str]:
    """Record facts in one transaction; their ids."""
    drafts = [Draft(subject, body, "2026-05-04", topic or body.destination()) for body in bodies]
    async with running.store.unit([subject]) as unit:
        return [fact.id for fact in unit.append(drafts, a_context(source="health", authority=authority))]


async def page(client: httpx.AsyncClient, after: str | None = None, topic: str = TOPIC, **query: Any) -> Event:
    """One page."""
    asked = {**query, **({"after": after} if after else {})}
    answer = await client.get(f"/feed/{topic}", params=asked)
    assert answer.status_code == 200, answer.text
    found: Event = answer.json()
    return found


async def everything(
    client: httpx.AsyncClient, after: str | None = None, topic: str = TOPIC, **query: Any
) -> list[Event]:
    """All that there is now after a cursor, page after page."""
    facts: list[Event] = []
    more = True
    while more:
        found = await page(client, after, topic, **query)
        facts += found["facts"]
        after, more = found["next"], found["more"]
    return facts


def ids(facts: Iterable[Event]) -> list[str]:
    return [fact["id"] for fact in facts]


@asynccontextmanager
async def stream(client: httpx.AsyncClient, topic: str = TOPIC, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a stream: `id`, `event` and what is in `data`."""
    asked = {"accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with client.stream("GET", f"/feed/{topic}", headers=asked) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    fields: Event = {}
    async for line in answer.aiter_lines():
        if not line and fields:
            yield fields
            fields = {}
        elif line:
            name, _, value = line.partition(": ")
            fields[name or "comment"] = json.loads(value) if name == "data" else value
