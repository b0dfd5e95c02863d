"""The small port behind which the master key lies, and the key file that stands behind it in development.

Master keys have versions. What is wrapped names its version; new keys are wrapped by the newest.
"""

import base64
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carejourney.errors import Unavailable
from carejourney.keys.sealing import NONCE

KEY_BYTES: Final = 32
_TAG = 16
_ID = 4


class Wrapped(NamedTuple):
    """A key as it is stored: the name of the master key version that wrapped it, and the bytes."""

    master: str
    sealed: bytes


class Wrapper(Protocol):
    """Wraps keys in bulk, each bound to its owner; a file of keys here, a key management service in production.

    Raises `Unavailable` where a service is away, `ValueError` for what it did not wrap for that owner.
    """

    async def current(self) -> str:
        """The version that wraps now."""
        ...

    async def wrap_all(self, keys: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]: ...

    async def unwrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[bytes]: ...

    async def rewrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        """The same keys under the newest version."""
        ...

    async def renew(self) -> str:
        """Make a new version, and give its name."""
        ...

    async def retire(self, masters: Sequence[str]) -> None:
        """Give up these versions: what they wrapped can never be read again, in no backup either."""
        ...

    def first_look_up(self) -> bytes:
        """The secret of the keyed hashes of an installation that has none yet."""
        ...

    async def close(self) -> None: ...


class FileKey:
    """Master keys out of a file: 32 bytes in base64 a line, the last one is the newest.

    The file is read again when it changes, so that a running service follows a rotation.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = -1
        self._keys: dict[bytes, AESGCM] = {}
        self._first = b""
        self._read()

    def _read(self) -> None:
        changed = self._changed_at()
        if changed == self._read_at:
            return
        try:
            lines = [line.strip() for line in self._path.read_text().splitlines()]
            masters = [base64.b64decode(line, validate=True) for line in lines if line]
        except (OSError, ValueError) as error:
            raise self._unfit("cannot be read: it must hold 32 bytes in base64") from error
        if not masters or any(len(master) != KEY_BYTES for master in masters):
            odd = next((len(master) for master in masters if len(master) != KEY_BYTES), 0)
            raise self._unfit(f"holds {odd} bytes; 32 are needed")
        self._keys = {_identity(master): AESGCM(master) for master in masters}
        self._first = masters[0]
        self._read_at = changed

    def _changed_at(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError as error:
            raise self._unfit("cannot be read: it must hold 32 bytes in base64") from error

    def _unfit(self, reason: str) -> ValueError:
        return ValueError(f"CAREJOURNEY_KEY_FILE {self._path} {reason}")

    async def current(self) -> str:
        self._read()
        return _name(self._newest())

    def _newest(self) -> bytes:
        return next(reversed(self._keys))

    def wrap(self, subject: UUID, key: bytes) -> bytes:
        """One key, wrapped by the newest version."""
        self._read()
        nonce, identity = os.urandom(NONCE), self._newest()
        return identity + nonce + self._keys[identity].encrypt(nonce, key, subject.bytes)

    def unwrap(self, subject: UUID, wrapped: bytes) -> bytes:
        """One key. Raises `InvalidTag` where it is another's, `Unavailable` where the version is not in the file."""
        if len(wrapped) == NONCE + KEY_BYTES + _TAG:
            # Wrapped before versions had names: by the first there was.
            identity, sealed = next(iter(self._keys)), wrapped
        else:
            identity, sealed = wrapped[:_ID], wrapped[_ID:]
        if identity not in self._keys:
            self._read()
        if identity not in self._keys:
            raise Unavailable(f"the master key {_name(identity)} is not in the key file of this service")
        return self._keys[identity].decrypt(sealed[:NONCE], sealed[NONCE:], subject.bytes)

    async def wrap_all(self, keys: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        wrapped = [self.wrap(owner, key) for owner, key in keys]
        return [Wrapped(_name(sealed[:_ID]), sealed) for sealed in wrapped]

    async def unwrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[bytes]:
        return [self.unwrap(owner, sealed) for owner, sealed in wrapped]

    async def rewrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        plain = await self.unwrap_all(wrapped)
        return await self.wrap_all([(owner, key) for (owner, _), key in zip(wrapped, plain, strict=True)])

    async def renew(self) -> str:
        """Append a new version to the file; raises `OSError` where it is mounted for reading only."""
        kept = self._path.read_text().rstrip("\n")
        self._write(f"{kept}\n{base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n")
        return await self.current()

    async def retire(self, masters: Sequence[str]) -> None:
        lines = [line for line in self._path.read_text().splitlines() if line.strip()]
        kept = [line for line in lines if _name(_identity(base64.b64decode(line))) not in masters]
        self._write("\n".join(kept) + "\n")
        self._read()

    def _write(self, text: str) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    def first_look_up(self) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"carejourney look-up").derive(self._first)

    def digest(self, text: str) -> str:
        """The keyed hash of an installation whose key file was never rotated."""
        return keyed_hash(self.first_look_up(), text)

    async def close(self) -> None:
        """Nothing is held open."""


def keyed_hash(secret: bytes, text: str) -> str:
    """For exact search by a personal identifier: the same for the same text, and of no use without the secret."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def _identity(master: bytes) -> bytes:
    return HKDF(SHA256(), _ID, salt=None, info=b"carejourney master key").derive(master)


def _name(identity: bytes) -> str:
    return f"file:{identity.hex()}"
