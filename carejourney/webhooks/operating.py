"""What operators see of webhooks, and what is done about them by hand: each action is kept, with who did it and when.

Actions are kept where the redrives of parked lanes are. Of an address only the host is shown: its path and its query
may hold a secret of the agency's.
"""

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx

from carejourney.ids import new_id
from carejourney.webhooks import lanes, subscriptions
from carejourney.webhooks.deliveries import Deliveries
from carejourney.webhooks.subscriptions import ACTIVE, PAUSED, Webhook

SHOWN: Final = 20
_NOTE: Final = """
insert into redrive (id, actor, role, selection, dry_run, lanes, ended_at) values ($1, $2, $3, $4, false, $5, now())
"""
_LATEST: Final = """
select id, at, actor, role, selection, lanes from redrive where selection ? 'webhook' order by at desc limit $1
"""


def place_of(url: str) -> str:
    """Where a webhook is sent, without what may be secret: `https://agency.example`."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}"


class Hands:
    """Acts on the webhooks of one service, as a person or a system in a role."""

    def __init__(self, pool: asyncpg.Pool, webhooks: Deliveries, actor: str, role: str) -> None:
        self._pool = pool
        self._webhooks = webhooks
        self._by = (actor, role)

    async def resume(self, webhook: UUID) -> UUID:
        """Go on where a webhook stopped. Returns the id of the action."""
        async with self._pool.acquire() as connection, connection.transaction():
            await subscriptions.resume(connection, webhook, self._webhooks.means.clock())
            done = await self._note(connection, "resume", webhook)
        self._webhooks.wake()
        return done

    async def pause(self, webhook: UUID) -> UUID:
        """Send nothing more until it is resumed. Returns the id of the action."""
        why, now = f"paused by {self._by[0]}", self._webhooks.means.clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await subscriptions.halt(connection, webhook, PAUSED, why, now)
            done = await self._note(connection, "pause", webhook)
        self._webhooks.wake()
        return done

    async def remove(self, webhook: UUID) -> UUID:
        """Forget a webhook, with what waits for it. Returns the id of the action."""
        async with self._pool.acquire() as connection, connection.transaction():
            await subscriptions.remove(connection, webhook)
            done = await self._note(connection, "remove", webhook)
        self._webhooks.wake()
        return done

    async def redrive(self, webhook: UUID, child: UUID | None) -> tuple[UUID, int]:
        """Have the parked lanes of a child, or all, sent again: the id of the action, and how many there were."""
        async with self._pool.acquire() as connection, connection.transaction():
            count = await lanes.redrive(connection, webhook, self._webhooks.means.clock(), child)
            done = await self._note(connection, "redrive", webhook, child, count)
        self._webhooks.wake()
        return done, count

    async def _note(
        self, connection: asyncpg.Connection, action: str, webhook: UUID, child: UUID | None = None, count: int = 0
    ) -> UUID:
        selection = {"action": action, "webhook": str(webhook), **({"child": str(child)} if child else {})}
        identity = new_id()
        await connection.execute(_NOTE, identity, *self._by, json.dumps(selection), count)
        return identity


async def overview(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Every webhook of the service as an operator sees it, those that need a person first."""
    counts = await lanes.counted(connection)
    every = [_shown(one, counts.get(one.id, lanes.Count())) for one in await subscriptions.every(connection)]
    return sorted(every, key=lambda one: (one["state"] == ACTIVE, one["parked"] == 0, one["failing_since"] is None))


def _shown(webhook: Webhook, count: lanes.Count) -> dict[str, Any]:
    why = webhook.why or ("; ".join(count.faults) if webhook.failing_since or count.parked else "")
    return {
        "id": webhook.id, "consumer": webhook.consumer, "place": place_of(webhook.url), "topics": webhook.topics,
        "state": webhook.state, "why": why, "changed_at": _text(webhook.changed_at), "waiting": count.waiting,
        "parked": count.parked, "oldest": _text(count.oldest_of_all), "failing_since": _text(webhook.failing_since),
        "retry_at": _text(webhook.retry_at), "stopped": webhook.state != ACTIVE,
    }  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


async def latest(connection: asyncpg.Connection, limit: int = SHOWN) -> list[dict[str, Any]]:
    """The last actions, the newest first: `{id, at, actor, role, action, webhook, child, lanes}`."""
    return [_action(row) for row in await connection.fetch(_LATEST, limit)]


def _action(row: asyncpg.Record) -> dict[str, Any]:
    done = {"id": str(row["id"]), "at": _text(row["at"]), "lanes": row["lanes"]}
    return {"child": None, **json.loads(row["selection"]), **done, "actor": row["actor"], "role": row["role"]}
