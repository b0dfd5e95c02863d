"""A network that can go bad: a proxy on loopback between a service and its database or broker."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import free_port

CHUNK = 65_536
_NO_LINGER = struct.pack("ii", 1, 0)


class Proxy:
    """Passes bytes from its own port to another, until it is told to delay, slow, withhold or cut them."""

    def __init__(self, target: int, port: int | None = None) -> None:
        """Describe a proxy to a loopback port; `delay` in seconds a piece, `rate` in bytes a second."""
        self.target = target
        self.port = port or free_port()
        self.delay = 0.0
        self.rate: float | None = None
        self.resets = 0
        self.accepted = 0
        self._reset_after: int | None = None
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def stop(self) -> None:
        """End, with every connection."""
        self.heal()
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def silence(self) -> None:
        """Accept whatever comes and answer nothing: a half-open network."""
        self._flowing.clear()

    def refuse(self) -> None:
        """Reset every connection there is and every new one: nothing gets through."""
        self._refusing = True
        self.cut()

    def reset_mid_response(self, size: int) -> None:
        """Reset the next connection whose answers exceed `size` bytes, in the middle of one."""
        self._reset_after = size

    def cut(self) -> None:
        """Reset every connection there is; new ones are served."""
        for writer in list(self._writers):
            _reset(writer)

    def heal(self) -> None:
        """Be an ordinary network again; bytes that were withheld go on."""
        self.delay, self.rate, self._reset_after, self._refusing = 0.0, None, None, False
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            if self._refusing:
                return
            await self._flowing.wait()
            with suppress(OSError):
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            _reset(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target)
        self._writers.add(far_writer)
        ways = [
            asyncio.create_task(self._pass(reader, far_writer, answers=False)),
            asyncio.create_task(self._pass(far_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(far_writer)
            _reset(far_writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        passed = 0
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            for piece in self._pieces(data):
                if self.rate:
                    await asyncio.sleep(len(piece) / self.rate)
                if answers and self._reset_after is not None and passed + len(piece) > self._reset_after:
                    writer.write(piece[: max(1, len(piece) // 2)])
                    self._reset_after = None
                    self.resets += 1
                    return
                passed += len(piece)
                writer.write(piece)
                await writer.drain()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        size = max(1, int((self.rate or 0) / 20)) or CHUNK if self.rate else CHUNK
        for start in range(0, len(data), size):
            yield data[start : start + size]


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, as a vanished peer's system does, not with a polite end."""
    known = writer.get_extra_info("socket")
    if known is not None:
        with suppress(OSError):
            known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
