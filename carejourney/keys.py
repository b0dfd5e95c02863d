"""Keys: one for each subject, wrapped by a master key; personal fields are sealed with them before bytes exist.

A sealed value is a string `sealed.1.<subject>.<base64url of nonce and ciphertext>`, bound to the subject and the
field's name. When the key is destroyed, reading gives `FORGOTTEN`.
"""

import base64
import hmac
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "sealed.1."
FORGOTTEN: Final = "(forgotten)"
REMEMBERED_SECONDS: Final = 60
_NONCE = 12

SCHEMA = """
create table if not exists subject_key (
  subject uuid primary key,
  wrapped bytea,
  created_at timestamptz not null default now(),
  destroyed_at timestamptz,
  check ((wrapped is null) = (destroyed_at is not null))
)
"""


async def create_schema(connection: asyncpg.Connection, roles: Sequence[str] = ()) -> None:
    """Create the key store's table and let the services' roles read keys and add new ones."""
    await connection.execute(SCHEMA)
    for role in roles:
        await connection.execute(f'grant select, insert on subject_key to "{role}"')


class Wrapper(Protocol):
    """Wraps a subject's key so that it can be stored: a file key here, a key management service in production."""

    def wrap(self, subject: UUID, key: bytes) -> bytes: ...
    def unwrap(self, subject: UUID, wrapped: bytes) -> bytes: ...
    def digest(self, text: str) -> str: ...


class FileKey:
    """Wraps with a 32-byte key read from a file (base64)."""

    def __init__(self, path: Path) -> None:
        try:
            master = base64.b64decode(path.read_text().strip(), validate=True)
        except (OSError, ValueError) as error:
            raise ValueError(f"CAREJOURNEY_KEY_FILE {path} cannot be read: it must hold 32 bytes in base64") from error
        if len(master) != 32:  # noqa: PLR2004
            raise ValueError(f"CAREJOURNEY_KEY_FILE {path} holds {len(master)} bytes; 32 are needed")
        self._aead = AESGCM(master)
        self._lookup = HKDF(SHA256(), 32, salt=None, info=b"carejourney look-up").derive(master)

    def wrap(self, subject: UUID, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, key, subject.bytes)

    def unwrap(self, subject: UUID, wrapped: bytes) -> bytes:
        return self._aead.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], subject.bytes)

    def digest(self, text: str) -> str:
        """A keyed hash for exact search by a personal identifier."""
        return hmac.new(self._lookup, text.encode(), "sha256").hexdigest()


class SubjectKey:
    """Seals and opens the personal fields of one subject."""

    __slots__ = ("_aead", "subject")

    def __init__(self, subject: UUID, key: bytes) -> None:
        self.subject = subject
        self._aead = AESGCM(key)

    def seal(self, field: str, plain: str) -> str:
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._aead.encrypt(nonce, plain.encode(), f"{self.subject}.{field}".encode())
        return f"{PREFIX}{self.subject}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, field: str, value: str) -> str:
        """The plain text; `FORGOTTEN` for what was sealed with another key, for another field, or not at all."""
        try:
            raw = base64.urlsafe_b64decode(value.rpartition(".")[2])
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], f"{self.subject}.{field}".encode()).decode()
        except (InvalidTag, ValueError):
            return FORGOTTEN


class Keys:
    """The key store as one service sees it: reads keys in bulk, makes missing ones, remembers for a minute."""

    def __init__(self, pool: asyncpg.Pool, wrapper: Wrapper, remember: int = 20_000) -> None:
        self._pool = pool
        self._wrapper = wrapper
        self._remember = remember
        self._known: dict[UUID, SubjectKey] = {}
        self._since = time.monotonic()

    async def of(self, subjects: Iterable[UUID], *, create: bool = False) -> dict[UUID, SubjectKey]:
        """Keys of these subjects; a destroyed key is absent. With `create`, subjects never seen get one."""
        wanted = set(subjects)
        if time.monotonic() - self._since > REMEMBERED_SECONDS:
            self._known.clear()
            self._since = time.monotonic()
        found = {s: self._known[s] for s in wanted if s in self._known}
        missing = sorted(wanted - found.keys())
        if missing and create:
            await self._create(missing)
        if missing:
            rows = await self._pool.fetch("select subject, wrapped from subject_key where subject = any($1)", missing)
            for row in rows:
                if row["wrapped"] is not None:
                    found[row["subject"]] = SubjectKey(row["subject"], self._wrapper.unwrap(*row))
            self._keep(found)
        return found

    async def _create(self, subjects: list[UUID]) -> None:
        wrapped = [self._wrapper.wrap(subject, AESGCM.generate_key(256)) for subject in subjects]
        await self._pool.execute(
            "insert into subject_key (subject, wrapped) select * from unnest($1::uuid[], $2::bytea[])"
            " on conflict do nothing",
            subjects,
            wrapped,
        )

    def _keep(self, found: Mapping[UUID, SubjectKey]) -> None:
        if len(self._known) + len(found) > self._remember:
            self._known.clear()
        self._known.update(found)


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
