"""Identifiers: time-ordered ids for facts, derived ids for commands that must be the same when they are sent again."""

import os
import time
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1c2b9e-50d3-4a87-9d53-3c2f0f9b7a11")

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_74_BITS = (1 << 74) - 1


def new_id() -> UUID:
    """A UUIDv7: millisecond of making, then 74 random bits (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) & _RANDOM_74_BITS
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | _VERSION_7 | high << 64 | _VARIANT | low)


def derived_id(*parts: object) -> UUID:
    """The same id for the same parts, always."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))
