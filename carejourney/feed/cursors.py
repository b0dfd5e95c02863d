"""Cursors: where a reader of one topic has come to, sealed with a key that all replicas of the installation share.

Nobody can make one, and nobody can read in one how much was passed. As the facts are kept for ever a cursor has no age;
it expires when the facts are not those any more that it was taken from: a store restored from an older backup.
"""

import base64
import binascii
import os
import struct
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carejourney.errors import BadCursor, CursorExpired
from carejourney.feed.reading import Place
from carejourney.keys import Keys

SECRET: Final = "feed-cursors"  # noqa: S105 - its name, not the secret
VERSION: Final = "1"
LONGEST: Final = 300
_NONCE: Final = 12
_PLACE: Final = struct.Struct(">Qqq16s")
_UNKNOWN: Final = -1
_REMEDY: Final = "leave `after` out to begin at the first fact, or send `after=latest` to begin with the next one"


class Cursors:
    """Makes and reads the cursors of one installation."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._aead: AESGCM | None = None

    async def load(self) -> None:
        """Read the key; an installation without one gets it."""
        if self._aead is None:
            self._aead = AESGCM(await self._keys.secret(SECRET))

    def of(self, topic: str, place: Place) -> str:
        """The cursor of a place, another one each time; `load` first."""
        fact = place.fact.bytes if place.fact else bytes(16)
        highest = _UNKNOWN if place.highest is None else place.highest
        plain = _PLACE.pack(place.transaction_id, place.position, highest, fact) + topic.encode()
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._known().encrypt(nonce, plain, VERSION.encode())
        return VERSION + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def place(self, topic: str, cursor: str) -> Place:
        """The place of a cursor; raises `BadCursor` for one that is not of this topic, or not of this installation."""
        try:
            raw = base64.b64decode(cursor[1:] + "=" * (-len(cursor[1:]) % 4), altchars=b"-_", validate=True)
            plain = self._known().decrypt(raw[:_NONCE], raw[_NONCE:], cursor[:1].encode())
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise BadCursor(f"`after` is no cursor that this installation has given; {_REMEDY}") from error
        taken_from = plain[_PLACE.size :].decode()
        if taken_from != topic:
            raise BadCursor(f"this is a cursor of {taken_from} and not of {topic}: keep one for each topic")
        transaction_id, position, highest, fact = _PLACE.unpack(plain[: _PLACE.size])
        known = None if highest == _UNKNOWN else highest
        return Place(transaction_id, position, UUID(bytes=fact) if any(fact) else None, known)

    def _known(self) -> AESGCM:
        if self._aead is None:
            raise RuntimeError("the key of the cursors was not loaded")
        return self._aead


def expired() -> CursorExpired:
    """What to answer where a cursor was taken from facts that are no longer there."""
    return CursorExpired(
        "the facts of this service were restored from a copy that is older than the cursor; begin at the first fact"
        " without `after`: those you have keep their ids"
    )
