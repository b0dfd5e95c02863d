"""Starting a service whose database may be away: HTTP is there at once, the parts follow when the database comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from carejourney.store import DATABASE_UNABLE

log = structlog.get_logger()

# A server that takes a connection and says nothing is told of soon, and then given more time.
FIRST_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 10.0
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0


class Starting:
    """The way from a process to a service; `fault` is the kind of what keeps its database away, and `over` the end.

    `begin` puts the parts together and starts them, once the databases at `dsns` answer.
    """

    def __init__(self, service: str, dsns: Sequence[str], begin: Callable[[], Awaitable[None]]) -> None:
        self.fault: str | None = None
        self.over = False
        self._service = service
        self._dsns = dsns
        self._begin = begin
        self._waits = asyncio.Event()

    @asynccontextmanager
    async def under_way(self, failed: Callable[[], None]) -> AsyncIterator[None]:
        """The block begins when the service runs, or when its database is found to be away and is waited for.

        What is wrong with the settings is raised, or where the block has begun already, `failed` is told.
        """
        task = asyncio.create_task(self._run(), name="starting")
        away = asyncio.create_task(self._waits.wait())
        await asyncio.wait({task, away}, return_when=asyncio.FIRST_COMPLETED)
        away.cancel()
        if task.done():
            task.result()

        def ended(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and done.exception() is not None:
                failed()

        task.add_done_callback(ended)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        attempt = 0
        while not self.over:
            fault = await self._unanswered(min(FIRST_SECONDS * 2.0**attempt, LONGEST_SECONDS))
            if fault is None:
                try:
                    await self._begin()
                    self.fault, self.over = None, True
                except DATABASE_UNABLE as error:
                    fault = error
                except Exception as error:
                    log.critical("service.not_started", exc_info=error)
                    raise
            if fault is not None:
                await self._wait(fault, attempt)
                attempt = min(attempt + 1, 10)

    async def _unanswered(self, seconds: float) -> BaseException | None:
        """Why one of the databases takes no connection now. A wrong role or password is raised: that does not pass."""
        for dsn in self._dsns:
            try:
                connection = await asyncpg.connect(dsn, timeout=seconds)
            except (OSError, *DATABASE_UNABLE) as error:
                return error
            with contextlib.suppress(OSError, *DATABASE_UNABLE):
                await connection.close(timeout=seconds)
        return None

    async def _wait(self, error: BaseException, attempt: int) -> None:
        self.fault = type(error).__name__
        seconds = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
        log.warning("database.waiting", service=self._service, fault=self.fault, seconds=seconds)
        self._waits.set()
        await asyncio.sleep(seconds)
