"""Where services send their traces while a case looks at them: what came is kept, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.processes import free_port
from tests.faults.world import World

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"


class Collector:
    """Speaks as much of OTLP over HTTP as an exporter needs to go on."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received = bytearray()

    @property
    def told(self) -> dict[str, str]:
        """What makes a service export its traces to here, soon after they end."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self.port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take requests of one connection until it ends."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                self.received += await reader.readexactly(int(lengths[0].split(b":")[1]))
                writer.write(_ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def traced(world: World) -> AsyncIterator[Collector]:
    """Every service traces, for as long as the block lasts."""
    collector = Collector()
    server = await asyncio.start_server(collector.serve, LOOPBACK, collector.port)
    try:
        for service in world.services:
            await world.restarted(service, None, **collector.told)
        yield collector
        for service in world.services:
            await world.restarted(service)
    finally:
        server.close()
