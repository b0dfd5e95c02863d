"""Who wants what sent where: the registered webhooks of a service, and how far each of them has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.feed.entitlement import Entitlement
from carejourney.feed.reading import Place
from carejourney.webhooks import lanes

ACTIVE: Final = "active"
PAUSED: Final = "paused"
DISABLED: Final = "disabled"

_FIELDS: Final = """
w.id, w.consumer, w.url, w.types, w.roles, w.authorities, w.asked, w.registered_at, w.secret, w.earlier_secret,
w.earlier_until, w.state, w.why, w.changed_at, w.failures, w.failing_since, w.retry_at,
array(select t.topic from webhook_topic t where t.webhook = w.id order by t.topic) as topics
"""
_ALL: Final = f"select {_FIELDS} from webhook w order by w.registered_at, w.id"  # noqa: S608 - constants
_ONE: Final = f"select {_FIELDS} from webhook w where w.id = $1"  # noqa: S608 - constants
_REGISTER: Final = """
insert into webhook (
  id, consumer, url, types, roles, authorities, asked, registered_at, changed_at, secret
) values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) on conflict (id) do nothing returning id
"""
_TOPIC: Final = """
insert into webhook_topic (webhook, topic, transaction_id, position, fact, highest)
values ($1, $2, $3::xid8, $4, $5, $6)
"""
_ROTATE: Final = """
update webhook set earlier_secret = secret, earlier_until = $3, secret = $2, changed_at = $4 where id = $1
"""
_RESUME: Final = """
update webhook set state = 'active', why = null, failures = 0, failing_since = null, retry_at = null, changed_at = $2
where id = $1 and state <> 'active'
"""
_HALT: Final = "update webhook set state = $2, why = $3, changed_at = $4 where id = $1 and state = 'active'"
_FAILED: Final = """
update webhook set failures = failures + 1, failing_since = coalesce(failing_since, $2), retry_at = $3 where id = $1
"""
_WELL: Final = "update webhook set failures = 0, failing_since = null, retry_at = null where id = $1 and failures > 0"
_PLACE: Final = "select transaction_id, position, fact, highest from webhook_topic where webhook = $1 and topic = $2"
_MOVE: Final = """
update webhook_topic set transaction_id = $5::xid8, position = $6, fact = $7, highest = $8
where webhook = $1 and topic = $2 and transaction_id = $3::xid8 and position = $4
"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One subscription: what it wants (all types where none is named), what its token may see, and how it is."""

    id: UUID
    consumer: str
    url: str = field(repr=False)
    topics: tuple[str, ...]
    types: frozenset[str]
    entitlement: Entitlement
    asked: str = field(repr=False)
    registered_at: datetime
    secret: UUID = field(repr=False)
    earlier_secret: UUID | None = field(default=None, repr=False)
    earlier_until: datetime | None = None
    state: str = ACTIVE
    why: str | None = None
    changed_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    retry_at: datetime | None = None

    def secrets(self, now: datetime) -> list[UUID]:
        """The names of the secrets that requests are signed with: for a while after a change both."""
        overlaps = self.earlier_secret is not None and self.earlier_until is not None and now < self.earlier_until
        return [self.secret, self.earlier_secret] if overlaps and self.earlier_secret else [self.secret]


def _webhook(row: Mapping[str, Any]) -> Webhook:
    kept = dict(row)
    entitlement = Entitlement(frozenset(kept.pop("roles")), frozenset(kept.pop("authorities")))
    kept |= {"topics": tuple(kept["topics"]), "types": frozenset(kept["types"])}
    return Webhook(**kept, entitlement=entitlement)


async def every(connection: asyncpg.Connection) -> list[Webhook]:
    """All webhooks of the service, the oldest first."""
    return [_webhook(row) for row in await connection.fetch(_ALL)]


async def one(connection: asyncpg.Connection, webhook: UUID) -> Webhook | None:
    """A webhook, where there is one of that id."""
    row = await connection.fetchrow(_ONE, webhook)
    return None if row is None else _webhook(row)


async def register(connection: asyncpg.Connection, webhook: Webhook, places: Mapping[str, Place]) -> bool:
    """Keep a new webhook that begins after these places; False where there is one of that id."""
    async with connection.transaction():
        packed = webhook.entitlement.packed()
        if not await connection.fetchval(
            _REGISTER, webhook.id, webhook.consumer, webhook.url, sorted(webhook.types), packed["roles"],
            packed["authorities"], webhook.asked, webhook.registered_at, webhook.secret,
        ):  # fmt: skip
            return False
        await connection.executemany(_TOPIC, [(webhook.id, topic, *place) for topic, place in places.items()])
    return True


async def remove(connection: asyncpg.Connection, webhook: UUID) -> None:
    """Forget a webhook, with everything that waits for it."""
    await connection.execute("delete from webhook where id = $1", webhook)


async def rotate(connection: asyncpg.Connection, webhook: UUID, secret: UUID, until: datetime, now: datetime) -> None:
    """Sign with a new secret from now on, and until then with the one before as well."""
    await connection.execute(_ROTATE, webhook, secret, until, now)


async def resume(connection: asyncpg.Connection, webhook: UUID, now: datetime) -> None:
    """Go on where it stopped; what waits is tried at once."""
    await connection.execute(_RESUME, webhook, now)
    await lanes.hasten(connection, webhook, now)


async def halt(connection: asyncpg.Connection, webhook: UUID, state: str, why: str, now: datetime) -> None:
    """Send nothing more: `paused` until it is resumed, or `disabled` because the target is gone."""
    await connection.execute(_HALT, webhook, state, why, now)


async def note_failure(connection: asyncpg.Connection, webhook: UUID, now: datetime, retry_at: datetime | None) -> None:
    """Count a failure with nothing accepted since the last one."""
    await connection.execute(_FAILED, webhook, now, retry_at)


async def note_success(connection: asyncpg.Connection, webhook: UUID) -> None:
    """The target accepts again."""
    await connection.execute(_WELL, webhook)


async def place_of(connection: asyncpg.Connection, webhook: UUID, topic: str) -> Place | None:
    """How far a topic was read for a webhook; None where it no longer wants it."""
    row = await connection.fetchrow(_PLACE, webhook, topic)
    return None if row is None else Place(*row)


async def move(connection: asyncpg.Connection, webhook: UUID, topic: str, before: Place, after: Place) -> bool:
    """Go on after another place; False where someone else has moved it meanwhile."""
    answer = await connection.execute(_MOVE, webhook, topic, *before[:2], *after)
    return bool(answer == "UPDATE 1")
