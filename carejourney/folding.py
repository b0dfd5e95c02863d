"""Many children folded from the own copy at the pace of the machine: what a rebuild spends its time on.

The database hands over each child's facts as one JSON text, which becomes typed facts in one call; their meaning is
that of `carejourney.standing` and the projection's own `evolve`, as everywhere.
"""

import asyncio
import gc
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

import asyncpg
import msgspec

from carejourney.envelope import CORRECTIONS
from carejourney.keys import FileKey, Keys, Wrapper
from carejourney.projection import Kinds, Projection
from carejourney.refold import fold_rows

# Headers are one flat object: topic and value are set behind its last member, so that none of them counts instead.
_FACTS: Final = """
select r.subject, '['::bytea || string_agg(
  substring(r.headers for length(r.headers) - 1)
    || convert_to(',"topic":"' || r.topic || '","data":', 'UTF8') || r.payload || '}'::bytea,
  ','::bytea) || ']'::bytea
from received r
join lane l on l.subject = r.subject and l.topic = r.topic and r.topic_version <= l.version
where r.subject = any($1) and r.type = any($2)
group by r.subject
"""
PROCESSES: Final = 2

Folded = tuple[list[tuple[Any, ...]], dict[UUID, str]]


class Kept(msgspec.Struct):
    """A fact of the own copy, with what folding asks of it and nothing else."""

    topic: str
    data: dict[str, Any]
    id: str = msgspec.field(name="ce_id")
    type: str = msgspec.field(name="ce_type")
    source: str = msgspec.field(name="ce_source")
    time: str = msgspec.field(name="ce_time")
    stream_version: int = msgspec.field(name="ce_streamversion")
    authority: str = msgspec.field(name="ce_authority")
    origin: str = msgspec.field(name="ce_origin", default="system")
    effective: str | None = msgspec.field(name="ce_effectivefrom", default=None)
    known_from: str | None = msgspec.field(name="ce_knownfrom", default=None)
    stated_in: str | None = msgspec.field(name="ce_statedin", default=None)
    schema: str | None = msgspec.field(name="ce_dataschema", default=None)

    @property
    def known(self) -> str:
        """The instant from which this counts as known, as `Recorded.known`."""
        return self.time if self.known_from is None else f"{self.known_from}T00:00:00.000000Z"


_decode: Final = msgspec.json.Decoder(list[Kept], strict=False).decode


async def kept_facts(
    connection: asyncpg.Connection, projection: Projection[Any], subjects: Sequence[UUID]
) -> dict[UUID, list[Kept]]:
    """What the copy holds of these subjects that the projection handles, and every correction; up to each gap."""
    wanted = [*projection.handles, *CORRECTIONS]
    return {subject: _decode(facts) for subject, facts in await connection.fetch(_FACTS, subjects, wanted)}


@dataclass(frozen=True, slots=True)
class Source:
    """All that a process of its own needs to fold: where facts and keys are, and what they mean."""

    dsn: str
    keys_dsn: str
    key_file: Path
    projection: Projection[Any]
    kinds: Kinds


class Folder:
    """Folds some children's facts into rows, over one connection."""

    def __init__(self, source: Source, connection: asyncpg.Connection, keys: Keys, wrapper: Wrapper) -> None:
        self._source = source
        self._connection = connection
        self._keys = keys
        self._wrapper = wrapper

    async def fold(self, subjects: Sequence[UUID]) -> Folded:
        """The rows of these children, and those whose facts cannot be folded."""
        source = self._source
        facts = await kept_facts(self._connection, source.projection, subjects)
        keys = await self._keys.of(facts)
        return fold_rows(source.projection, source.kinds, facts, keys, self._wrapper.digest)


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
    gc.freeze()
    _OWN["loop"] = asyncio.new_event_loop()
    _OWN["folder"] = _OWN["loop"].run_until_complete(_connected(source))


async def _connected(source: Source) -> Folder:
    wrapper = FileKey(source.key_file)
    keys_pool = await asyncpg.create_pool(source.keys_dsn, min_size=1, max_size=1)
    return Folder(source, await asyncpg.connect(source.dsn), Keys(keys_pool, wrapper), wrapper)


def _fold(subjects: list[UUID]) -> Folded:
    folded: Folded = _OWN["loop"].run_until_complete(_OWN["folder"].fold(subjects))
    return folded
