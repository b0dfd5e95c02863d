"""A service with lanes parked on purpose, served over HTTP, and the program mended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from fastapi import FastAPI

from carejourney.projection import Projection
from carejourney.service import Running, build
from carejourney.standing import Standing
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import HANDLES, TALLY, Probe, Tally, row


def _taking_all(tally: Tally, fact: Standing) -> Tally:
    return Tally(tally.count + 1, max(tally.latest, fact.effective or ""))


MENDED: Final = Projection("tally", 1, TALLY, Tally, HANDLES, _taking_all, row)


@dataclass
class Site:
    """A served probe: its application, what runs in it, and a client of an operator."""

    app: FastAPI
    running: Running
    client: httpx.AsyncClient

    async def parked(self, **asked: Any) -> dict[str, Any]:
        answer = await self.client.get("/operations/parked", params=asked)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def redrive(self, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/operations/redrive", json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@asynccontextmanager
async def site(
    probe: Probe, surroundings: Surroundings, *, mended: bool = False, **changes: Any
) -> AsyncIterator[Site]:
    """The probe's service, caught up; `mended` has the program without the fault."""
    if mended:
        changes["projections"] = (MENDED,)
    app = build(probe.parts(**changes), probe.settings.model_copy(update={"instance": "same"}))
    headers = {"authorization": f"Bearer {surroundings.token('operations')}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://probe", timeout=60, headers=headers) as client,
    ):
        await probe.caught_up(app.state.running)
        yield Site(app, app.state.running, client)
