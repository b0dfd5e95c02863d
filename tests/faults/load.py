"""Commands sent while things break, and what was answered to each."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from tests.faults.replica import Replica
from tests.faults.waiting import until
from tests.faults.world import World

AUTHORITY: Final = "E08000025"
FIRST_DAY: Final = date(2020, 1, 1)
PACE: Final = 0.02
# What an answer must be to count: the command, or the statement, was taken. Others may be sent again.
TAKEN: Final = frozenset({200, 201})
AGAIN: Final = frozenset({502, 503, 504})


@dataclass
class Asked:
    """One command and its key; once it was acknowledged, the number of its facts and, where told, their ids."""

    service: str
    subject: UUID
    path: str
    body: dict[str, Any]
    key: UUID = field(default_factory=uuid4)
    facts: int | None = None
    recorded: list[str] | None = None
    statuses: list[int] = field(default_factory=list)

    def acknowledge(self, told: dict[str, Any]) -> None:
        """Take an answer into the books; it must be the one that was given before."""
        facts, recorded = told["facts"], told.get("recorded")
        assert self.facts in (None, facts), "one command was answered in two ways"
        assert self.recorded in (None, recorded), "one command was answered in two ways"
        self.facts, self.recorded = facts, recorded


class Load:
    """Sends commands to the services of a world and keeps the books."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[Asked] = []
        self._days: dict[UUID, int] = {}

    async def children(self, number: int) -> list[UUID]:
        """Register generated children."""
        return await self.named([f"FAULT{next(self.world.numbers)}" for _ in range(number)])

    async def named(self, names: Sequence[str]) -> list[UUID]:
        """Register children whom their authority calls so."""
        body = {"authority": AUTHORITY, "kind": "child", "local_ids": list(names), "create": True}
        answer = await self._insist(await self.world.replica("placement"), "/subjects/resolve", body, {})
        return [UUID(answer.json()["subjects"][name]) for name in names]

    async def heard(self, children: Sequence[UUID], service: str = "health", seconds: float = 60) -> None:
        """Wait until a service has heard of these children."""
        deadline = time.monotonic() + seconds
        async with self.world.admin(service) as admin:
            while await admin.fetchval(
                "select count(distinct subject) from lane where subject = any($1)", children
            ) < len(children):
                assert time.monotonic() < deadline, f"{service} did not hear of {len(children)} children"
                await asyncio.sleep(0.05)

    async def known_children(self, number: int) -> list[UUID]:
        """Children of whom health has heard."""
        found = await self.children(number)
        await self.heard(found)
        return found

    def assessment(self, child: UUID) -> Asked:
        """A health assessment on a day of its own."""
        self._days[child] = self._days.get(child, 0) + 1
        day = FIRST_DAY + timedelta(days=self._days[child])
        body = {"held_on": day.isoformat(), "kind": "review"}
        return Asked("health", child, f"/children/{child}/assessments", body)

    def entry(self, child: UUID, on: str = "2026-03-02") -> Asked:
        """The child enters care."""
        body = {
            "on": on, "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
            "placement_provider": "PR1",
        }  # fmt: skip
        return Asked("placement", child, f"/children/{child}/care", body)

    def outcomes(self, child: UUID, *, checked: bool) -> Asked:
        """The child's health outcomes of a year: stated with another answer than before, they are a correction."""
        one = Asked("health", child, "/returns/ssda903", {})
        one.body = {
            "command_id": str(one.key), "subject": str(child), "authority": AUTHORITY, "year": 2026,
            "tables": {"oc2": [{"ref": 0, "health_check": "1" if checked else "0"}]},
        }  # fmt: skip
        return one

    async def once(self, one: Asked, replica: Replica | None = None, seconds: float = 20) -> int:
        """Send a command once; its status, 0 where no answer came."""
        if one not in self.asked:
            self.asked.append(one)
        target = replica or await self.world.replica(one.service)
        try:
            answer = await self._post(target, one.path, one.body, {"Idempotency-Key": str(one.key)}, seconds)
        except httpx.HTTPError:
            one.statuses.append(0)
            return 0
        one.statuses.append(answer.status_code)
        if answer.status_code in TAKEN:
            one.acknowledge(answer.json())
        return answer.status_code

    async def insist(self, one: Asked, replica: Replica | None = None, seconds: float = 80) -> None:
        """Send a command until it is acknowledged."""
        deadline = time.monotonic() + seconds
        while (status := await self.once(one, replica)) not in TAKEN:
            assert status in {0, *AGAIN}, f"refused with {status}"
            assert time.monotonic() < deadline, f"not acknowledged within {seconds} s: {one.statuses[-5:]}"
            await asyncio.sleep(0.1)

    async def assess(self, children: Sequence[UUID], times: int = 1, replica: Replica | None = None) -> None:
        """So many assessments of each child; children at once, those of a child one after another."""

        async def of(child: UUID) -> None:
            for _ in range(times):
                await self.insist(self.assessment(child), replica)

        await asyncio.gather(*(of(child) for child in children))

    @asynccontextmanager
    async def under_way(self, children: Sequence[UUID], replica: Replica | None = None) -> AsyncIterator[None]:
        """Assessments of each child one after another, for as long as the block lasts."""
        over = asyncio.Event()

        async def of(child: UUID) -> None:
            while not over.is_set():
                await self.insist(self.assessment(child), replica)
                await asyncio.sleep(PACE)

        tasks = [asyncio.create_task(of(child)) for child in children]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)

    def acknowledged(self) -> int:
        return sum(one.facts is not None for one in self.asked)

    async def more(self, number: int = 10, seconds: float = 60) -> None:
        """Wait until so many more commands are acknowledged."""
        wanted = self.acknowledged() + number

        async def enough() -> bool:
            return self.acknowledged() >= wanted

        await until(enough, f"{number} more commands acknowledged", seconds)

    async def state_outcomes(self, children: Sequence[UUID]) -> None:
        """State the health outcomes of these children in one transaction."""
        asked = [self.outcomes(child, checked=True) for child in children]
        self.asked += asked
        replica = await self.world.replica("health")
        body = "\n".join(json.dumps(one.body) for one in asked)
        answer = await replica.http.post("/returns/ssda903", content=body, headers=self._bearer(), timeout=40)
        answer.raise_for_status()

    async def enter(self, children: Sequence[UUID]) -> None:
        """Each child enters care."""
        await asyncio.gather(*(self.insist(self.entry(child)) for child in children))

    async def _insist(self, replica: Replica, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        deadline = time.monotonic() + 40
        while True:
            try:
                answer = await self._post(replica, path, body, headers, 20)
                if answer.status_code not in AGAIN:
                    return answer.raise_for_status()
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"{path} was not answered"
            await asyncio.sleep(0.1)

    async def _post(
        self, replica: Replica, path: str, body: Any, headers: dict[str, str], seconds: float
    ) -> httpx.Response:
        return await replica.http.post(path, json=body, headers={**headers, **self._bearer()}, timeout=seconds)

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.world.token()}"}
