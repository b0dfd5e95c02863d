"""A page of a topic for one subscriber, and the wait for the next one.

Only so many look into the store at the same time, and nobody holds a connection while waiting, so that subscribers do
not take the database from those who record.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from carejourney import telemetry
from carejourney.envelope import CORRECTIONS, Recorded
from carejourney.feed.cursors import Cursors, expired
from carejourney.feed.delivered import note_delivery
from carejourney.feed.entitlement import Entitlement
from carejourney.feed.reading import START, Place, newest, read_after, still_there
from carejourney.feed.showing import shown
from carejourney.feed.watch import Watch
from carejourney.keys import Keys
from carejourney.withholding import to_be_given

LATEST: Final = "latest"
READERS: Final = 3
# So long a look passes over what may not be seen; then the reader is sent on, to come back.
LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what: `types` are wire names, all where there are none."""

    consumer: str
    topic: str
    entitlement: Entitlement
    types: frozenset[str] = frozenset()

    def wants(self, fact: Recorded, catalogue: Mapping[str, Any]) -> bool:
        """Whether the fact is to be given. Corrections of a type belong to it."""
        if not self.entitlement.may_see(fact, catalogue):
            return False
        about = fact.data.get("type") if fact.type in CORRECTIONS else None
        return not self.types or fact.type in self.types or about in self.types


@dataclass(frozen=True, slots=True)
class Page:
    """What is given, each fact with the place after it, and the place after all of it."""

    facts: list[tuple[Place, Recorded]] = field(default_factory=list)
    reached: Place = START
    more: bool = False


class Feed:
    """The facts of one service, for its subscribers; `streams` are open now."""

    def __init__(self, service: str, pool: asyncpg.Pool, keys: Keys, catalogue: Mapping[str, Any]) -> None:
        self.service = service
        self.catalogue = catalogue
        self.cursors = Cursors(keys)
        self.watch = Watch(pool)
        self.streams = 0
        self._pool = pool
        self._keys = keys
        self._readers = asyncio.Semaphore(READERS)

    async def begin(self, topic: str, after: str | None) -> Place:
        """The place that a cursor names, `latest` or nothing. Raises `BadCursor` and `CursorExpired`."""
        await self.cursors.load()
        if after is None:
            return START
        if after != LATEST:
            place = self.cursors.place(topic, after)
        async with self._readers, self._pool.acquire() as connection:
            if after == LATEST:
                return await newest(connection)
            if not await still_there(connection, place):
                raise expired()
        return place

    async def page(self, asked: Asked, after: Place, limit: int) -> Page:
        """The next facts there are now, about `limit` of them."""
        facts: list[tuple[Place, Recorded]] = []
        place, until = after, time.monotonic() + LOOK_SECONDS
        async with self._readers, self._pool.acquire() as connection:
            while True:
                stretch = await read_after(connection, asked.topic, place, limit - len(facts))
                wanted = [(at, fact) for at, fact in stretch.facts if asked.wants(fact, self.catalogue)]
                roles = asked.entitlement.roles
                facts += await to_be_given(connection, wanted, asked.consumer, roles, self.catalogue)
                place = stretch.reached
                if not stretch.more or len(facts) >= limit or time.monotonic() > until:
                    return Page(facts, place, stretch.more)

    async def awaited(self, asked: Asked, after: Place, limit: int, seconds: float) -> Page:
        """The next facts, or none after `seconds` or where the service stops."""
        until = time.monotonic() + seconds
        while True:
            page = await self.page(asked, after, limit)
            left = until - time.monotonic()
            if page.facts or left <= 0 or self.watch.ended:
                return page
            after = page.reached
            if not page.more and not await self.watch.news(after, left):
                return page

    async def events(self, asked: Asked, page: Page) -> list[dict[str, Any]]:
        """The facts of a page as they are shown; that they are given is noted first."""
        async with self._readers, self._pool.acquire() as connection:
            await note_delivery(connection, asked.consumer, asked.topic, page.facts)
        telemetry.FEED_GIVEN.labels(self.service, asked.topic).inc(len(page.facts))
        return await shown([fact for _, fact in page.facts], asked.entitlement, self._keys, self.catalogue)
