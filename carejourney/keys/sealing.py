"""A subject's key, and what is sealed with it.

A sealed value is a string `sealed.1.<subject>.<base64url of nonce and ciphertext>`, bound to the subject and the
field's name. When the key is destroyed, reading gives `FORGOTTEN`.
"""

import base64
import hmac
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "sealed.1."
FORGOTTEN: Final = "(forgotten)"
NONCE: Final = 12


class SubjectKey:
    """Seals and opens the personal fields of one subject."""

    __slots__ = ("_aead", "_key", "subject")

    def __init__(self, subject: UUID, key: bytes) -> None:
        self.subject = subject
        self._key = key
        self._aead = AESGCM(key)

    def seal(self, field: str, plain: str) -> str:
        nonce = os.urandom(NONCE)
        sealed = nonce + self._aead.encrypt(nonce, plain.encode(), f"{self.subject}.{field}".encode())
        return f"{PREFIX}{self.subject}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, field: str, value: str) -> str:
        """The plain text; `FORGOTTEN` for what was sealed with another key, for another field, or not at all."""
        try:
            raw = base64.urlsafe_b64decode(value.rpartition(".")[2])
            return self._aead.decrypt(raw[:NONCE], raw[NONCE:], f"{self.subject}.{field}".encode()).decode()
        except (InvalidTag, ValueError):
            return FORGOTTEN

    def fingerprint(self, content: bytes) -> str:
        """A keyed hash that tells the same content from another, and that nobody can try out once the key is gone."""
        secret = HKDF(SHA256(), 32, salt=None, info=b"fingerprint").derive(self._key)
        return hmac.new(secret, content, "sha256").hexdigest()


def seal_fields(data: dict[str, Any], fields: Iterable[str], key: SubjectKey) -> dict[str, Any]:
    """The same data with its personal fields sealed."""
    for field in fields:
        if data.get(field) is not None:
            data[field] = key.seal(field, str(data[field]))
    return data


def open_fields(data: Mapping[str, Any], key: SubjectKey | None) -> dict[str, Any]:
    """The same data with sealed fields opened; `FORGOTTEN` where the key is gone."""
    return {
        field: (key.open(field, value) if key else FORGOTTEN)
        if isinstance(value, str) and value.startswith(PREFIX)
        else value
        for field, value in data.items()
    }
