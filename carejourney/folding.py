"""Many children folded from the own copy at the pace of the machine: what a rebuild spends its time on.

The meaning of the facts is that of `carejourney.standing` and the projection's own `evolve`, as everywhere.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final, Self
from uuid import UUID

import asyncpg

from carejourney.collecting import collect_seldom
from carejourney.envelope import CORRECTIONS, SEALED
from carejourney.kept import Kept, facts_of
from carejourney.keys import Keys, MasterKeySettings
from carejourney.projection import Kinds, Projection
from carejourney.refold import Unfolded, fold_rows

PROCESSES: Final = 2

Folded = tuple[list[tuple[Any, ...]], dict[UUID, Unfolded]]


async def kept_facts(
    connection: asyncpg.Connection, projection: Projection[Any], subjects: Sequence[UUID]
) -> dict[UUID, list[Kept]]:
    """What the copy holds of these subjects that the projection handles, and every correction; up to each gap."""
    return await facts_of(connection, subjects, [*projection.handles, *CORRECTIONS, SEALED])


@dataclass(frozen=True, slots=True)
class Source:
    """All that a process of its own needs to fold: where facts and keys are, and what they mean."""

    dsn: str
    keys_dsn: str
    master: MasterKeySettings
    projection: Projection[Any]
    kinds: Kinds


class Folder:
    """Folds some children's facts into rows, over one connection."""

    def __init__(self, source: Source, connection: asyncpg.Connection, keys: Keys) -> None:
        self._source = source
        self._connection = connection
        self._keys = keys

    async def fold(self, subjects: Sequence[UUID]) -> Folded:
        """The rows of these children, and those whose facts cannot be folded."""
        source = self._source
        facts = await kept_facts(self._connection, source.projection, subjects)
        keys = await self._keys.of(facts)
        return fold_rows(source.projection, source.kinds, facts, keys, self._keys.digest)


class Folders:
    """Processes of their own that fold; what they give back is rows, in the order that was asked."""

    def __init__(self, source: Source, processes: int = PROCESSES) -> None:
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (source,))
        self._ahead = 2 * processes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def fold(self, shards: AsyncIterator[list[UUID]]) -> AsyncIterator[tuple[list[UUID], Folded]]:
        """Each shard with its rows; some are folded ahead of the one that is asked for."""
        loop = asyncio.get_running_loop()
        under_way: deque[tuple[list[UUID], asyncio.Future[Folded]]] = deque()
        async for shard in shards:
            under_way.append((shard, loop.run_in_executor(self._pool, _fold, shard)))
            if len(under_way) == self._ahead:
                subjects, folded = under_way.popleft()
                yield subjects, await folded
        for subjects, folded in under_way:
            yield subjects, await folded


_OWN: dict[str, Any] = {}


def _begin(source: Source) -> None:
    collect_seldom()
    _OWN["loop"] = asyncio.new_event_loop()
    _OWN["folder"] = _OWN["loop"].run_until_complete(_connected(source))


async def _connected(source: Source) -> Folder:
    keys_pool = await asyncpg.create_pool(source.keys_dsn, min_size=1, max_size=1)
    return Folder(source, await asyncpg.connect(source.dsn), Keys(keys_pool, source.master.wrapper()))


def _fold(subjects: list[UUID]) -> Folded:
    folded: Folded = _OWN["loop"].run_until_complete(_OWN["folder"].fold(subjects))
    return folded
