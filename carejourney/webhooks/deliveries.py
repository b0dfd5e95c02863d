"""All webhooks of a service: who leads for which, what there is to do, and how they do.

One process leads for a webhook, by an advisory lock of its session; when the process dies or loses the session another
one takes over within a second. A look is one query for all of them, however many there are.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from carejourney import telemetry
from carejourney.errors import Unavailable
from carejourney.feed.reading import Place, newest
from carejourney.keys import Keys
from carejourney.store import DATABASE_AWAY
from carejourney.webhooks import lanes, subscriptions
from carejourney.webhooks.addresses import Addresses, Network
from carejourney.webhooks.courier import Courier, Means
from carejourney.webhooks.lanes import Count
from carejourney.webhooks.signing import Secrets
from carejourney.webhooks.subscriptions import ACTIVE, Webhook

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.5
MEASURE_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 0.02
WAIT_SECONDS: Final = 2.0
DRAIN_SECONDS: Final = 12.0
_TRY: Final = "select pg_try_advisory_lock(hashtextextended('webhook ' || $1::text, 0))"
_LEAVE: Final = "select pg_advisory_unlock(hashtextextended('webhook ' || $1::text, 0))"


def means_of(
    service: str, pool: asyncpg.Pool, keys: Keys, catalogue: Mapping[str, Any], networks: Iterable[Network]
) -> Means:
    """What the couriers of a service work with; into the named private networks they may send as well."""
    return Means(service, pool, keys, catalogue, Secrets(keys), Addresses(networks))


class Deliveries:
    """Sends what this process leads for. `run` never returns of itself; it waits out a database that is away."""

    def __init__(self, dsn: str, means: Means) -> None:
        self.means = means
        self._dsn = dsn
        self._couriers: dict[UUID, Courier] = {}
        self._wake = asyncio.Event()
        self._ending = False
        self._measured = 0.0

    @property
    def leading(self) -> frozenset[UUID]:
        """The webhooks this process leads for."""
        return frozenset(self._couriers)

    def wake(self) -> None:
        """Look soon: something was recorded or asked for."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                await self._lead()
            except (*DATABASE_AWAY, Unavailable) as error:
                log.warning("webhooks.waiting", service=self.means.service, fault=type(error).__name__)
                await asyncio.sleep(WAIT_SECONDS)

    async def _lead(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=10)
        try:
            while True:
                await self.look(connection)
                await self._pause()
        finally:
            connection.terminate()
            await self._stop_all()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        if self._wake.is_set():
            self._wake.clear()
            await asyncio.sleep(SETTLE_SECONDS)

    async def look(self, connection: asyncpg.Connection) -> None:
        """Take over what nobody leads for, let go of what is paused or gone, and tell each what there is to do."""
        if self._ending:
            return
        known = {one.id: one for one in await subscriptions.every(connection)}
        stopped = {one for one, courier in self._couriers.items() if courier.ended}
        stopped |= {one for one in self._couriers if one not in known or known[one].state != ACTIVE}
        for gone in stopped:
            await self._couriers.pop(gone).stop()
            await connection.execute(_LEAVE, str(gone))
        for webhook in known.values():
            if webhook.id in self._couriers:
                self._couriers[webhook.id].refresh(webhook)
            elif webhook.state == ACTIVE and webhook.id not in stopped:
                await self._take_over(connection, webhook.id)
        if known:
            self._tell(await lanes.next_due(connection), await newest(connection))
        if time.monotonic() - self._measured > MEASURE_SECONDS:
            self._measured = time.monotonic()
            self._measure(known, await lanes.counted(connection))

    async def _take_over(self, connection: asyncpg.Connection, webhook: UUID) -> None:
        """Lead where nobody does; who led until now may have halted it since it was looked at."""
        if not await connection.fetchval(_TRY, str(webhook)):
            return
        found = await subscriptions.one(connection, webhook)
        if found is None or found.state != ACTIVE:
            await connection.execute(_LEAVE, str(webhook))
            return
        courier = self._couriers[webhook] = Courier(found, self.means)
        courier.start()

    def _tell(self, due: Mapping[UUID, datetime], end: Place) -> None:
        now = self.means.clock()
        for webhook, courier in self._couriers.items():
            courier.check()
            due_at, retry_at = due.get(webhook), courier.webhook.retry_at
            if courier.seen != end:
                courier.seen = end
                courier.news.set()
            if (due_at is not None and due_at <= now) or (retry_at is not None and retry_at <= now):
                courier.due.set()

    def _measure(self, known: Mapping[UUID, Webhook], counts: Mapping[UUID, Count]) -> None:
        service = self.means.service
        waiting = [count.oldest for one, count in counts.items() if one in self._couriers]
        oldest = [at for at in (*waiting, *(one.oldest for one in self._couriers.values())) if at is not None]
        telemetry.WEBHOOK_PARKED.labels(service).set(sum(count.parked for count in counts.values()))
        telemetry.WEBHOOK_STOPPED.labels(service).set(sum(one.state != ACTIVE for one in known.values()))
        telemetry.WEBHOOK_AGE.labels(service).set(_age(min(oldest)) if oldest else 0)

    async def stop(self) -> None:
        """Let the requests under way end, so that little is sent again by who takes over."""
        self._ending = True
        await self._stop_all(DRAIN_SECONDS)

    async def _stop_all(self, seconds: float = 0) -> None:
        couriers, self._couriers = list(self._couriers.values()), {}
        await asyncio.gather(*(courier.stop(seconds) for courier in couriers))


def _age(moment: datetime) -> float:
    return max(0.0, time.time() - moment.timestamp())
