"""Server-Sent Events: a fact an event, with the cursor after it as its id.

A page is read when the one before it has gone out, so a slow reader costs one page of memory. A stream ends plainly
when the service stops and when the token expires; a client then comes back with `Last-Event-ID`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Final

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from carejourney import telemetry
from carejourney.feed.reading import Place
from carejourney.feed.serving import Asked, Feed

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_SECONDS: Final = 15.0
RETRY_MILLISECONDS: Final = 2_000
# A reader that takes nothing is let go so long after its token has expired.
GRACE_SECONDS: Final = 5.0
STOPPING: Final = "the service is stopping: come back with the last id"
EXPIRED: Final = "the token has expired: come back with a new one and the last id"
LONG: Final = "this has gone on for an hour: come back with the last id"
LONGEST_SECONDS: Final = 3_600.0
STREAMS: Final = 200


async def events(
    feed: Feed, asked: Asked, after: Place, limit: int, expires_in: float, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes]:
    """The stream, until the token expires and for an hour at most."""
    until = time.monotonic() + min(expires_in, LONGEST_SECONDS)
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    while not feed.watch.ended and (left := until - time.monotonic()) > 0:
        page = await feed.awaited(asked, after, limit, min(heartbeat, left))
        if page.facts:
            given = await feed.events(asked, page)
            for (place, _), event in zip(page.facts, given, strict=True):
                yield _event(feed.cursors.of(asked.topic, place), b"fact", msgspec.json.encode(event))
        elif not page.more:
            yield f": waiting\nid: {feed.cursors.of(asked.topic, page.reached)}\n\n".encode()
        after = page.reached
    reason = STOPPING if feed.watch.ended else EXPIRED if expires_in <= LONGEST_SECONDS else LONG
    yield _event(feed.cursors.of(asked.topic, after), b"end", msgspec.json.encode({"reason": reason}))


def _event(cursor: str, name: bytes, data: bytes) -> bytes:
    return b"id: " + cursor.encode() + b"\nevent: " + name + b"\ndata: " + data + b"\n\n"


class Stream(StreamingResponse):
    """A stream that also ends for a reader who takes nothing any more."""

    def __init__(self, feed: Feed, content: AsyncIterator[bytes], expires_in: float) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(content, media_type=MEDIA_TYPE, headers=headers)
        self._feed = feed
        self._seconds = min(expires_in, LONGEST_SECONDS) + GRACE_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._count(1)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await super().__call__(scope, receive, send)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._feed.streams += change
        telemetry.FEED_STREAMS.labels(self._feed.service).set(self._feed.streams)
