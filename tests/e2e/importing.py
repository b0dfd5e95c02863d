"""The importer over services in this process, and what the journey then tells."""

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from carejourney.returns.client import Course, import_enrolments, import_return
from carejourney.returns.report import ImportReport
from carejourney.returns.tables import SERVICES
from tests.fixtures.system import System

History = dict[str, Any]

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_authorities: Final[Iterator[int]] = itertools.count(1)


def new_authority() -> str:
    """An authority that no other test uses; the code is of the right form and of no real place."""
    return f"E06{next(_authorities) + 900_000}"


def today() -> date:
    """The day in England."""
    return datetime.now(UTC).astimezone(ZoneInfo("Europe/London")).date()


def lanes_told(told: History) -> dict[str, list[str]]:
    """What a journey says in each lane, without ids and without when it was learned: the same whoever was told."""
    return {
        lane: sorted(_UUID.sub("(id)", json.dumps([one["from"], one["until"], one["value"]])) for one in intervals)
        for lane, intervals in told["lanes"].items()
    }


@dataclass(frozen=True)
class Importing:
    """Imports for one authority, each waited for until everything is in every projection."""

    system: System
    authority: str

    async def returns(self, *folders: Path, **options: Any) -> ImportReport:
        """Import folders as `carejourney import ssda903` does; `options` are those of `import_return`."""
        wanted: dict[str, Any] = {"authority": self.authority, "today": today()} | options
        async with self._course() as course:
            report = await import_return(folders, course=course, **wanted)
        await self.system.settled()
        return report

    async def enrolments(self, path: Path, **options: Any) -> ImportReport:
        """Import a file of enrolments."""
        async with self._course() as course:
            report = await import_enrolments(path, authority=self.authority, today=today(), course=course, **options)
        await self.system.settled()
        return report

    async def histories(self, **asked: str) -> dict[str, History]:
        """The journey of every child of the authority, by local id."""
        answer = await self.system["journey"].get("/histories", params={"authority": self.authority, **asked})
        told = [json.loads(line) for line in answer.raise_for_status().text.splitlines()]
        return {one["local_id"]: one for one in told}

    async def history(self, local_id: str, **asked: str) -> History:
        """The journey of one child."""
        answer = await self.system["journey"].get(f"/children/{self.authority}:{local_id}/history", params=asked)
        told: History = answer.raise_for_status().json()
        return told

    @asynccontextmanager
    async def _course(self) -> AsyncIterator[Course]:
        mounts = {f"http://{name}": self.system[name]._transport for name in SERVICES}
        headers = {"authorization": f"Bearer {self.system.surroundings.token()}"}
        async with httpx.AsyncClient(mounts=mounts, headers=headers, timeout=60) as client:
            yield Course(services={name: f"http://{name}" for name in SERVICES}, client=client)
