"""What is sent: one CloudEvent in structured mode, the same as the feed gives."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from carejourney.envelope import Recorded, instant
from carejourney.feed.entitlement import Entitlement
from carejourney.feed.showing import shown
from carejourney.keys import Keys

PING: Final = "carejourney.ping"

_encode = msgspec.json.encode


async def body_of(fact: Recorded, entitlement: Entitlement, keys: Keys, catalogue: Mapping[str, Any]) -> bytes:
    """A fact as the subscription may see it; of an erased child without what was personal."""
    (event,) = await shown([fact], entitlement, keys, catalogue)
    return _encode(event)


def ping(identity: UUID, source: str, webhook: UUID, note: str, now: datetime) -> bytes:
    """An event that says nothing of anybody: to try a receiver with."""
    event = {
        "specversion": "1.0",
        "id": str(identity),
        "source": source,
        "type": PING,
        "time": instant(now),
        "datacontenttype": "application/json",
        "data": {"webhook": str(webhook), "note": note},
    }
    return _encode(event)
