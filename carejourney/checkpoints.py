"""How far a consumer has come, in the database: owned under an epoch, moved with the data, checked against the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord

Place = tuple[str, int]

_OWN: Final = """
insert into checkpoint (topic, partition, next_offset, epoch)
select topic, partition, 0, 1 from unnest($1::text[], $2::int[]) as w(topic, partition)
on conflict (topic, partition) do update set epoch = checkpoint.epoch + 1
returning topic, partition, next_offset, epoch, last_id
"""
_MOVE: Final = """
update checkpoint c set next_offset = m.next_offset, last_id = m.last_id,
  applied = c.applied + m.applied, moved_at = now()
from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::bigint[])
  as m(topic, partition, next_offset, expected, epoch, last_id, applied)
where c.topic = m.topic and c.partition = m.partition and c.next_offset = m.expected and c.epoch = m.epoch
"""


_SKIP: Final = """
update checkpoint set next_offset = $5, last_id = null, moved_at = now()
where topic = $1 and partition = $2 and epoch = $3 and next_offset = $4 and $5 >= $4
"""
_FORGET_DAMAGE: Final = "delete from damage where topic = $1 and partition = $2"


class Fenced(Exception):  # noqa: N818 - a state, not an error
    """The batch belongs to another owner by now, or was applied already."""


@dataclass(slots=True)
class Owned:
    """A partition that is ours. `checked` once the log is known to hold our last record where we left it.

    `hole` is where the log was read a second time because records seemed to be missing.
    """

    epoch: int
    next_offset: int
    last_id: UUID | None
    checked: bool = False
    hole: int | None = None


class Checkpoints:
    """The partitions this consumer owns."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.owned: dict[Place, Owned] = {}

    async def own(self, places: Sequence[Place]) -> None:
        """Take ownership: whoever had a partition before can no longer move its checkpoint."""
        rows = await self._pool.fetch(_OWN, [topic for topic, _ in places], [partition for _, partition in places])
        for topic, partition, offset, epoch, last_id in rows:
            self.owned[topic, partition] = Owned(epoch, offset, last_id if offset else None)

    def release(self, places: Iterable[Place]) -> None:
        for place in places:
            self.owned.pop(place, None)

    async def start_again(self, place: Place, offset: int) -> None:
        """Begin at an offset of a log that is not the one we knew; what was applied before drops as duplicate."""
        owned = self.owned[place]
        await self._pool.execute(
            "update checkpoint set next_offset = $4, last_id = null where topic = $1 and partition = $2 and epoch = $3",
            *place, owned.epoch, offset,
        )  # fmt: skip
        await self._pool.execute(_FORGET_DAMAGE, *place)
        owned.next_offset, owned.last_id = offset, None

    async def skip(self, connection: asyncpg.Connection, place: Place, until: int) -> None:
        """Move one checkpoint past records that nobody can read; raises `Fenced` as `move` does."""
        owned = self.owned[place]
        if await connection.execute(_SKIP, *place, owned.epoch, owned.next_offset, until) != "UPDATE 1":
            raise Fenced

    def skipped(self, place: Place, until: int) -> None:
        """The transaction was committed. No record tells whether this is the log we knew."""
        owned = self.owned.get(place)
        if owned is not None:
            owned.next_offset, owned.last_id, owned.checked, owned.hole = until, None, True, None

    async def move(self, connection: asyncpg.Connection, last: Mapping[Place, ConsumerRecord], count: int) -> None:
        """Move the checkpoints of a batch, in its transaction; raises `Fenced` where one is not as we left it."""
        owned = {place: self.owned[place] for place in last if place in self.owned}
        places = sorted(owned)
        done = await connection.execute(
            _MOVE,
            [topic for topic, _ in places],
            [partition for _, partition in places],
            [last[p].offset + 1 for p in places],
            [owned[p].next_offset for p in places],
            [owned[p].epoch for p in places],
            [id_of(last[p]) for p in places],
            [count if n == 0 else 0 for n, _ in enumerate(places)],
        )
        if done != f"UPDATE {len(last)}":
            raise Fenced

    def moved(self, last: Mapping[Place, ConsumerRecord]) -> None:
        """The transaction was committed."""
        for place, record in last.items():
            if place in self.owned:
                self.owned[place].next_offset = record.offset + 1
                self.owned[place].last_id = id_of(record)

    async def refresh(self) -> None:
        """Read again where we are; what another owns by now is released.

        A commit whose answer was lost looks like a fence: the checkpoint has moved, and is still ours.
        """
        rows = await self._pool.fetch("select topic, partition, next_offset, epoch, last_id from checkpoint")
        for topic, partition, offset, epoch, last_id in rows:
            owned = self.owned.get((topic, partition))
            if owned is None:
                continue
            if owned.epoch == epoch:
                owned.next_offset, owned.last_id = offset, last_id if offset else None
            else:
                self.release([(topic, partition)])


def id_of(record: ConsumerRecord) -> UUID | None:
    """The id of the fact a record holds; None where it holds none."""
    for name, value in record.headers:
        if name == "ce_id":
            try:
                return UUID(value.decode())
            except (ValueError, AttributeError):
                return None
    return None
