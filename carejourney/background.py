"""The work beside the requests: it never ends of itself, so where it does, that is a bug and is not left unseen.

A service whose work ended by a bug ends itself, and its supervisor starts it anew: what the bug left behind (half a
subscription, a lock) is not known, and a new process is the one state that is. All supervisors pause between starts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from carejourney.logs import kind_of, place_of

log = structlog.get_logger()


def _nothing() -> None:
    """Stands for the end of the process where there is none of our own, as in a test."""


class Background:
    """Named tasks under watch. `faults` has kind and place for each that a bug ended; `on_fault` is told once each."""

    def __init__(self, on_fault: Callable[[], None] = _nothing) -> None:
        self.faults: dict[str, str] = {}
        self.on_fault = on_fault
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin work that ends only when it is stopped."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        name, fault, place = task.get_name(), kind_of(error), place_of(error)
        self.faults[name] = f"{fault} at {place}"
        log.critical("background.ended", work=name, fault=fault, at=place)
        self.on_fault()

    async def stop(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
