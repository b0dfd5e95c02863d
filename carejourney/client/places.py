"""Where you are in a topic, and where you keep that."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from pydantic import TypeAdapter

_positions: Final = TypeAdapter(dict[str, str])


class Mark(NamedTuple):
    """A place to go on from: `name` is a partition (`care.placement/3`) or a topic of a feed, `position` is opaque."""

    name: str
    position: str


class Checkpoint(Protocol):
    """Keeps the newest position of each name. What is kept must never be ahead of what was done."""

    async def load(self) -> Mapping[str, str]:
        """Positions by name; empty at the very beginning."""

    async def save(self, marks: Mapping[str, str]) -> None:
        """Keep these positions beside those of other names."""


class FileCheckpoint:
    """Positions in a JSON file, replaced as a whole."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    async def load(self) -> Mapping[str, str]:
        """Positions by name. Raises ValueError where the file is not one of ours."""
        try:
            return _positions.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}

    async def save(self, marks: Mapping[str, str]) -> None:
        """Keep these positions beside those of other names."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump({**await self.load(), **marks}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


class Given:
    """Positions that you keep yourself: store `message.mark` in the transaction that applies the message.

    Give what you have stored when you start; nothing is saved for you.
    """

    def __init__(self, marks: Mapping[str, str]) -> None:
        self._marks = dict(marks)

    async def load(self) -> Mapping[str, str]:
        """What was given."""
        return self._marks

    async def save(self, marks: Mapping[str, str]) -> None:
        """Nothing: the positions are yours to keep."""
