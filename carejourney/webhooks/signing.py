"""Secrets and signatures after Standard Webhooks 1.0: `v1`, HMAC-SHA256 over id, timestamp and body.

No secret is stored. Each is derived from one secret of the installation, which the key store keeps under the master
key, and from a random name; so what a database holds signs nothing, and a new master key needs no care here.
"""

import base64
import hmac
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carejourney.keys import Keys

PREFIX: Final = "whsec_"
ROOT: Final = "webhooks"
_BYTES: Final = 32


class Secrets:
    """The secrets of an installation's webhooks, by their names."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._root: bytes | None = None

    async def of(self, name: UUID) -> bytes:
        """The secret of a name, always the same. Raises `Unavailable` where the key store is away."""
        if self._root is None:
            self._root = await self._keys.secret(ROOT)
        return HKDF(SHA256(), _BYTES, salt=None, info=b"webhook " + name.bytes).derive(self._root)


def written(secret: bytes) -> str:
    """A secret as its receiver is given it."""
    return PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message: str, timestamp: int, body: bytes) -> str:
    """One signature of a message, as it stands in the header."""
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def headers(secrets: Iterable[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; one signature for each secret that counts now."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message, timestamp, body) for secret in secrets),
    }
