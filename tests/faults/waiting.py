"""Waiting for a condition, with a deadline that names what was awaited."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60, pause: float = 0.05) -> None:
    """Return once the condition holds; TimeoutError with what was awaited where it does not in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        await asyncio.sleep(pause)


async def ended(what: str, seconds: float, still: Callable[[], bool]) -> None:
    """Return once something is no longer so."""

    async def over() -> bool:
        return not still()

    await until(over, what, seconds)


async def never(condition: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
    """Look for some time that something does not come to be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not await condition(), what
        await asyncio.sleep(0.05)
