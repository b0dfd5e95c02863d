"""One request to a target, bounded in time and bytes: what was answered, or why nothing was."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Final

import httpcore
import httpx

from carejourney.webhooks.addresses import Addresses, AddressRefused, GuardedNetwork, port_of

SECONDS: Final = 10.0
ANSWER_BYTES: Final = 16_384
ANSWER_SECONDS: Final = 1.0
CONNECTIONS: Final = 12
# Shorter than servers keep a connection, so that none is used that they are about to close.
KEPT_SECONDS: Final = 2.0

_BROKEN: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: a status, or a fault in a few words that name no address and no content."""

    status: int | None = None
    fault: str | None = None
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - every 2xx

    @property
    def gone(self) -> bool:
        """Whether the target says that it is there no more."""
        return self.status == HTTPStatus.GONE

    @property
    def told(self) -> str:
        return self.fault or f"answered {self.status}"


@cache
def certificates() -> ssl.SSLContext:
    """Whom to trust: what `SSL_CERT_FILE` names, else the usual authorities."""
    return httpx.create_ssl_context()


class Target:
    """Where one webhook is sent: connections of its own, so that no other webhook waits for it."""

    def __init__(self, url: str, addresses: Addresses) -> None:
        parts = httpx.URL(url)
        self.url = url
        self._place = httpcore.URL(
            scheme=parts.raw_scheme, host=parts.raw_host, port=port_of(parts), target=parts.raw_path
        )
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=GuardedNetwork(addresses, plain=parts.scheme == "http"),
        )

    async def close(self) -> None:
        """Let its connections go."""
        await self._pool.aclose()

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one body; an answer whose status comes within ten seconds counts. Redirects are not followed."""
        sent = {"content-type": "application/cloudevents+json; charset=utf-8", "user-agent": "carejourney", **headers}
        answer = None
        try:
            async with asyncio.timeout(SECONDS), self._request(sent, body) as response:
                answer = Answer(response.status, retry_after=_retry_after(response))
                await _read_on(response)
        except AddressRefused as refused:
            return Answer(fault=str(refused))
        except (TimeoutError, httpcore.TimeoutException):
            return answer or Answer(fault=f"no answer within {SECONDS:.0f} s")
        except _BROKEN as error:
            return answer or Answer(fault=type(error).__name__)
        return answer

    @asynccontextmanager
    async def _request(self, headers: Mapping[str, str], body: bytes) -> AsyncIterator[httpcore.Response]:
        async with self._pool.stream("POST", self._place, headers=list(headers.items()), content=body) as response:
            yield response


async def _read_on(response: httpcore.Response) -> None:
    """Read a short answer to its end, so that the connection serves again; a longer one is cut off."""
    read = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            async for part in response.aiter_stream():
                read += len(part)
                if read > ANSWER_BYTES:
                    return


def _retry_after(response: httpcore.Response) -> float | None:
    for name, value in response.headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - seconds; no dates
            return float(value)
    return None
