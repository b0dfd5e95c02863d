"""Redriving parked lanes: the same refold as always, asked for by a person, some lanes a transaction, and noted down.

Each page takes the projector's locks, so that a lane is never folded by two at once; between pages live batches get
their turn. A rehearsal does the very same and is rolled back.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney import parking, telemetry
from carejourney.healing import Healing
from carejourney.ids import new_id
from carejourney.parking import BEGIN, GAP, Key, Selection
from carejourney.projecting import Projecting
from carejourney.projector import every_partition
from carejourney.reactions import Counts, Reactions

LANES: Final = 200
PAUSE_SECONDS: Final = 0.02

_BEGIN: Final = """
insert into redrive (id, actor, role, selection, dry_run) values ($1, $2, $3, $4, $5) returning at
"""
_MOVE: Final = """
update redrive set lanes = lanes + $2, done = done + $3, still_parked = still_parked + $4 where id = $1
"""
_ASK: Final = """
update parked p set attempts = 0, tried_at = '-infinity'
from unnest($1::uuid[], $2::text[]) as w(subject, topic)
where p.projection = 'gap' and p.subject = w.subject and p.topic = w.topic
"""
_FAULTS: Final = """
select projection, reason, place from parked where projection = $1 and subject = any($2) and topic = ''
"""
_LATEST: Final = """
select id, at, actor, role, selection, dry_run, lanes, done, still_parked, ended_at from redrive
where not selection ? 'webhook' order by at desc limit $1
"""


@dataclass(slots=True)
class Result:
    """What became of the lanes: `faults` counts those still parked by projection, reason and place."""

    id: UUID
    dry_run: bool
    lanes: int = 0
    done: int = 0
    faults: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)

    @property
    def still_parked(self) -> int:
        return self.lanes - self.done

    def told(self) -> dict[str, Any]:
        """`{id, dry_run, lanes, done, still_parked, faults: [{projection, reason, place, lanes}]}`."""
        faults = [
            {"projection": name, "reason": reason, "place": place, "lanes": lanes}
            for (name, reason, place), lanes in self.faults.most_common()
        ]
        return {
            "id": str(self.id), "dry_run": self.dry_run, "lanes": self.lanes, "done": self.done,
            "still_parked": self.still_parked, "faults": faults,
        }  # fmt: skip


class Redriving:
    """Tries parked lanes of one service again."""

    def __init__(self, pool: asyncpg.Pool, projecting: Projecting, reactions: Reactions, healing: Healing) -> None:
        self._pool = pool
        self._projecting = projecting
        self._reactions = reactions
        self._healing = healing

    async def redrive(self, selection: Selection, *, actor: str, role: str, dry_run: bool = False) -> Result:
        """Try the lanes that are parked now and fit the selection. Done twice, the second finds nothing to do.

        A lane that waits at a gap stays parked; its owner is asked for what it lacks, at once.
        """
        result = Result(new_id(), dry_run)
        named = json.dumps(selection.named)
        begun = await self._pool.fetchval(_BEGIN, result.id, actor, role, named, dry_run)
        after: Key | None = BEGIN
        while after is not None:
            after = await self._page(selection, after, begun, result)
            await asyncio.sleep(PAUSE_SECONDS)
        await self._pool.execute("update redrive set ended_at = now() where id = $1", result.id)
        service = self._projecting.service
        if not dry_run:
            telemetry.REDRIVEN.labels(service, "done").inc(result.done)
            telemetry.REDRIVEN.labels(service, "still_parked").inc(result.still_parked)
            self._healing.wake()
        return result

    async def _page(self, selection: Selection, after: Key, begun: datetime, result: Result) -> Key | None:
        """Try some lanes in one transaction; the key of the last one, None where there was none."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await every_partition(connection)
                lanes = await parking.page(connection, selection, after=after, limit=LANES, before=begun)
                recorded, done, faults = await self._tried(connection, lanes)
            except BaseException:
                await transaction.rollback()
                raise
            if result.dry_run:
                await transaction.rollback()
            still = len(lanes) - done
            await connection.execute(_MOVE, result.id, len(lanes), done, still)
            if not result.dry_run:
                await transaction.commit()
        if not result.dry_run:
            self._reactions.committed(recorded)
        result.lanes, result.done = result.lanes + len(lanes), result.done + done
        result.faults.update(faults)
        last = lanes[-1] if lanes else None
        return (last["projection"], last["subject"], last["topic"]) if last else None

    async def _tried(
        self, connection: asyncpg.Connection, lanes: Iterable[asyncpg.Record]
    ) -> tuple[Counts, int, Counter[tuple[str, str, str | None]]]:
        """How many facts reactions recorded, how many lanes are parked no more, and the faults of the others."""
        recorded, done = Counts(), 0
        faults: Counter[tuple[str, str, str | None]] = Counter()
        for name, some in _by_projection(lanes).items():
            subjects = [lane["subject"] for lane in some]
            if name == GAP:
                await connection.execute(_ASK, subjects, [lane["topic"] for lane in some])
                faults[GAP, GAP, None] += len(some)
                continue
            if name in self._reactions.names:
                facts, still = await self._reactions.again(connection, name, subjects)
                recorded += facts
            else:
                still = await self._projecting.again(connection, name, subjects)
            done += len(some) - len(still)
            rows = await connection.fetch(_FAULTS, name, list(still))
            faults.update((row["projection"], row["reason"], row["place"]) for row in rows)
        return recorded, done, faults

    async def latest(self, limit: int = 20) -> list[dict[str, Any]]:
        """The last redrives: who asked for what, when, and what came of it."""
        rows = await self._pool.fetch(_LATEST, limit)
        return [_told(row) for row in rows]


def _by_projection(lanes: Iterable[asyncpg.Record]) -> Mapping[str, list[asyncpg.Record]]:
    found: dict[str, list[asyncpg.Record]] = {}
    for lane in lanes:
        found.setdefault(lane["projection"], []).append(lane)
    return found


def _told(row: asyncpg.Record) -> dict[str, Any]:
    return {
        **row,
        "id": str(row["id"]),
        "at": row["at"].isoformat(),
        "ended_at": row["ended_at"].isoformat() if row["ended_at"] else None,
        "selection": json.loads(row["selection"]),
    }
