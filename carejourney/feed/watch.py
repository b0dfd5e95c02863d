"""One look for all who wait: whether there are facts after the place that a waiting reader has come to."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import asyncpg
import structlog

from carejourney.feed.reading import START, Place, newest
from carejourney.logs import kind_of
from carejourney.store import DATABASE_AWAY

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.25
# After an append in this process, which need not wait for the next look: so many at once are one.
SOON_SECONDS: Final = 0.02


def _never() -> bool:
    """Stands for the question whether the process is ending, where nobody can tell."""
    return False


class Watch:
    """Looks while somebody waits, and holds no connection in between. `ended` is true once the service is to stop."""

    def __init__(self, pool: asyncpg.Pool, ending: Callable[[], bool] = _never) -> None:
        self.ending = ending
        self.ended = False
        self._pool = pool
        self._newest = START
        self._waiting = 0
        self._wanted = asyncio.Event()
        self._appended = asyncio.Event()
        self._moved = asyncio.Condition()

    def appended(self) -> None:
        """Something was committed in this process: look now."""
        self._appended.set()

    async def news(self, after: Place, seconds: float) -> bool:
        """Wait until there may be something after a place; false where the time is over, or the service stops."""
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.ended or self._newest[:2] > after[:2])
        except TimeoutError:
            return False
        else:
            return not self.ended
        finally:
            self._waiting -= 1

    async def run(self) -> None:
        """Look for as long as somebody waits; waits out a database that is away."""
        while True:
            if not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            if self.ending():
                await self.end()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._appended.wait()
                    self._appended.clear()
                    await asyncio.sleep(SOON_SECONDS)

    async def end(self) -> None:
        """Send everybody home who waits."""
        async with self._moved:
            self.ended = True
            self._moved.notify_all()

    async def _look(self) -> None:
        try:
            async with self._pool.acquire() as connection:
                found = await newest(connection)
        except DATABASE_AWAY as error:
            log.warning("feed.waiting", fault=kind_of(error))
            return
        if found[:2] != self._newest[:2]:
            async with self._moved:
                self._newest = found
                self._moved.notify_all()
