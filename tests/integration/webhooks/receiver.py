"""An agency's receiver, as good or bad as a test needs it: a real server on loopback that keeps what it is sent."""

import asyncio
import base64
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.integration.chassis.probe import until


@dataclass(frozen=True)
class Sent:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def child(self) -> str:
        return str(self.event.get("subject"))

    def signed_with(self, secret: str, ahead: float = 0) -> bool:
        """Whether one of the signatures is that of the secret, by the formula of the specification."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b".".join((self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body))
        wanted = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        given = self.headers["webhook-signature"].encode().split()
        young = abs(time.time() + ahead - int(self.headers["webhook-timestamp"])) < 300
        return young and any(hmac.compare_digest(wanted, one) for one in given)


@dataclass(frozen=True)
class Reply:
    """What is answered; the body may have no end, and `after` is waited for first."""

    status: int = 204
    headers: Sequence[str] = ()
    endless: bool = False
    after: Awaitable[Any] | None = None


Decide = Callable[[Sent], Reply]


def accept(_: Sent) -> Reply:
    return Reply()


@dataclass
class Receiver:
    """What arrived, in order, and what was accepted of it; `decide` may be changed at any time."""

    decide: Decide = accept
    sent: list[Sent] = field(default_factory=list)
    accepted: list[Sent] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def has(self, count: int, seconds: float = 12) -> None:
        """Wait until so many different facts were accepted."""

        async def enough() -> bool:
            return len({one.id for one in self.accepted}) >= count

        await until(enough, f"{count} facts accepted, {len(self.accepted)} were", seconds)

    async def heard(self, count: int, seconds: float = 12) -> None:
        """Wait until so many requests arrived, whatever was answered."""

        async def enough() -> bool:
            return len(self.sent) >= count

        await until(enough, f"{count} requests, there were {len(self.sent)}", seconds)

    def of(self, child: object) -> list[str]:
        """The ids accepted of a child, in order."""
        return [one.id for one in self.accepted if one.child == str(child)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while True:
                    sent = await _request(reader)
                    self.sent.append(sent)
                    await self._answer(sent, writer)
        finally:
            writer.transport.abort()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _answer(self, sent: Sent, writer: asyncio.StreamWriter) -> None:
        reply = self.decide(sent)
        if reply.after is not None:
            await reply.after
        if 200 <= reply.status < 300:
            self.accepted.append(sent)
        length = [] if reply.endless else ["content-length: 0"]
        lines = [f"HTTP/1.1 {reply.status} So", *length, *reply.headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()
        while reply.endless:
            writer.write(b"x" * 65_536)
            await writer.drain()


async def _request(reader: asyncio.StreamReader) -> Sent:
    _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}
    return Sent(headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def receiving(decide: Decide = accept, **how: Any) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own; `how` may give a certificate."""
    receiver = Receiver(decide)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, **how)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/facts?of=agency"
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
