"""A key management service that speaks the API of a transit engine: encrypt, decrypt and rewrap, in batches.

HashiCorp Vault and OpenBao have it, and others imitate it. The master key never leaves the service; a rotation never
shows a subject's key to anybody.
"""

import asyncio
import base64
import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from carejourney.errors import Unavailable
from carejourney.keys.wrapping import KEY_BYTES, Wrapped

SECONDS: Final = 5.0
ATTEMPTS: Final = 3
BATCH: Final = 500
_OWNER: Final = 16
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_DENIED: Final = 403
# Answered with the results of all, where one key of a batch does not open.
_REFUSED: Final = 400


class TransitKey:
    """Wraps by the key `name` of the engine at `url`, such as `https://vault.example/v1/transit`.

    The token is read from its file, again when it is refused, so that an agent may renew it. A passing fault is tried
    again; after that `Unavailable` is raised.
    """

    def __init__(self, url: str, name: str, token_file: Path, ca_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._name = name
        self._token_file = token_file
        self._token = self._read_token()
        trusted: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._client = httpx.AsyncClient(timeout=SECONDS, verify=trusted, follow_redirects=False)

    async def current(self) -> str:
        found = await self._ask("GET", f"keys/{self._name}")
        return self._master(int(found["data"]["latest_version"]))

    async def wrap_all(self, keys: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        """The owner is wrapped with the key, so that one child's key cannot be put in the place of another's."""
        items = [{"plaintext": _text(owner.bytes + key)} for owner, key in keys]
        return [self._wrapped(one) for one in await self._batches("encrypt", items)]

    async def unwrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[bytes]:
        items = [{"ciphertext": sealed.decode()} for _, sealed in wrapped]
        found = await self._batches("decrypt", items)
        return [_owned(owner, one["plaintext"]) for (owner, _), one in zip(wrapped, found, strict=True)]

    async def rewrap_all(self, wrapped: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        items = [{"ciphertext": sealed.decode()} for _, sealed in wrapped]
        return [self._wrapped(one) for one in await self._batches("rewrap", items)]

    async def renew(self) -> str:
        await self._ask("POST", f"keys/{self._name}/rotate")
        return await self.current()

    async def retire(self, masters: Sequence[str]) -> None:
        """Versions are given up from the oldest on: all up to the newest of these."""
        versions = [int(name.rsplit(":v", 1)[1]) for name in masters if name.startswith(f"transit:{self._name}:v")]
        if versions:
            least = {"min_decryption_version": max(versions) + 1}
            await self._ask("POST", f"keys/{self._name}/config", least)

    def first_look_up(self) -> bytes:
        return os.urandom(KEY_BYTES)

    async def close(self) -> None:
        await self._client.aclose()

    def _master(self, version: int) -> str:
        return f"transit:{self._name}:v{version}"

    def _wrapped(self, one: Mapping[str, str]) -> Wrapped:
        # vault:v<version>:<base64>
        version = one["ciphertext"].split(":")[1].removeprefix("v")
        return Wrapped(self._master(int(version)), one["ciphertext"].encode())

    async def _batches(self, act: str, items: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        found: list[Mapping[str, str]] = []
        for begin in range(0, len(items), BATCH):
            batch = items[begin : begin + BATCH]
            answer = await self._ask("POST", f"{act}/{self._name}", {"batch_input": batch})
            results = answer["data"]["batch_results"]
            if len(results) != len(batch) or any(one.get("error") for one in results):
                raise ValueError(f"the key management service could not {act} every key of a batch")
            found += results
        return found

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(0.1 * 3**attempt)
            try:
                answer = await self._client.request(
                    method, f"{self._url}/{path}", json=body, headers={"x-vault-token": self._token}
                )
            except httpx.TransportError as error:
                reason = type(error).__name__
                continue
            if answer.is_success or (answer.status_code == _REFUSED and b'"batch_results"' in answer.content):
                return answer.json() if answer.content else {}
            reason = f"status {answer.status_code}"
            if answer.status_code == _DENIED:
                self._token = self._read_token()
            elif answer.status_code not in _PASSING:
                break
        raise Unavailable(f"the key management service does not answer ({reason}); try again")

    def _read_token(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except OSError as error:
            raise ValueError(f"CAREJOURNEY_KMS_TOKEN_FILE {self._token_file} cannot be read") from error


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _owned(owner: UUID, plaintext: str) -> bytes:
    raw = base64.b64decode(plaintext)
    if raw[:_OWNER] != owner.bytes or len(raw) != _OWNER + KEY_BYTES:
        raise ValueError("a wrapped key belongs to another owner")
    return raw[_OWNER:]
