"""Dismissing strangers: facts in a service's copy that their owner never recorded, written to a topic by other hands.

The owner is asked for all it has of the lane. What it does not have leaves the copy, the rows of that child are folded
anew from what is left, and it stays out when the record is read again. Who did so, when and why is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import structlog

from carejourney.applying import Applying
from carejourney.envelope import Recorded, stored
from carejourney.errors import NotFound, Unavailable
from carejourney.healing import Credential, Lane, facts_of_owner
from carejourney.ids import parsed_id
from carejourney.owncopy import Lane as Place
from carejourney.projector import every_partition
from carejourney.reactions import Counts

log = structlog.get_logger()

# A copy is not ordered by the ids of facts, so one that is named by its id alone is looked for from end to end.
SEARCH_SECONDS: Final = 300

_LANE_OF: Final = "select distinct subject, topic from received where id = $1"
_LANES_OF: Final = "select distinct subject, topic from received where subject = $1 order by topic"
_HELD: Final = """
select headers, payload, topic from received where subject = $1 and topic = $2 order by topic_version
"""
_OWN: Final = "select headers, payload, topic from fact where subject = $1 and topic = $2 order by topic_version"
_DISMISS: Final = """
insert into dismissed (subject, topic, topic_version, id, type, actor, role, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
"""
_TAKE_OUT: Final = "select take_out($1, $2, $3)"
_LATEST: Final = """
select at, id, type, subject, topic, topic_version as version, actor, role, reason from dismissed
order by at desc, topic, topic_version limit $1
"""


@dataclass(frozen=True, slots=True)
class Dismissal:
    """What is meant (a fact, or all strangers of a child), and who says so, in what role and why."""

    fact: UUID | None
    child: UUID | None
    actor: str
    role: str
    reason: str
    dry_run: bool = False


@dataclass(slots=True)
class Strangers:
    """One lane: what the copy holds of it, what its owner has, and what of the former is to go."""

    place: Place
    held: list[Recorded]
    owned: list[Recorded]
    gone: list[Recorded] = field(default_factory=list)

    def left(self, since: int) -> list[Recorded]:
        """What takes the place of the lane from a version on: the owner's facts, and what was not meant."""
        out = {(f.stream_version, f.id) for f in self.gone}
        stay = {f.stream_version: f for f in self.held if (f.stream_version, f.id) not in out}
        stay |= {f.stream_version: f for f in self.owned}
        return [stay[version] for version in sorted(stay) if version >= since]


class Dismissing:
    """Takes strangers out of the copy of one service. `topics` are those it publishes on itself."""

    def __init__(
        self, pool: asyncpg.Pool, applying: Applying, topics: Sequence[str], owners: Mapping[str, str],
        credential: Credential | None,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._applying = applying
        self._topics = frozenset(topics)
        self._owners = owners
        self._credential = credential
        self._service = applying.projecting.service

    async def dismiss(self, wanted: Dismissal) -> list[dict[str, Any]]:
        """Take out what is meant and its owner never recorded: `[{id, type, subject, topic, version}]`.

        Raises NotFound where the copy holds nothing of the kind, and Unavailable where an owner cannot be asked: then
        nothing is taken out. Done twice, the second finds nothing.
        """
        lanes = await self._strangers(wanted)
        if not lanes:
            raise NotFound("the copy holds nothing of what is named that its owner has not recorded")
        recorded = Counts()
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await every_partition(connection)
                for lane in lanes:
                    await self._take_out(connection, wanted, lane)
                    recorded += await self._apply(connection, lane)
                for subject in sorted({lane.place[0] for lane in lanes}):
                    recorded += await self._fold(connection, subject)
            except BaseException:
                await transaction.rollback()
                raise
            await (transaction.rollback() if wanted.dry_run else transaction.commit())
        told = [_told(fact) for lane in lanes for fact in lane.gone]
        if not wanted.dry_run:
            self._applying.reactions.committed(recorded)
            log.warning("copy.dismissed", service=self._service, facts=len(told), actor=wanted.actor)
        return told

    async def latest(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last facts dismissed: which, by whom, in what role, when and why."""
        return [{name: _plain(value) for name, value in row.items()} for row in await self._pool.fetch(_LATEST, limit)]

    async def _strangers(self, wanted: Dismissal) -> list[Strangers]:
        """The lanes that hold some. The copy is read first: what its owner records meanwhile is not in it."""
        if wanted.fact is not None:
            rows = await self._pool.fetch(_LANE_OF, wanted.fact, timeout=SEARCH_SECONDS)
        else:
            rows = await self._pool.fetch(_LANES_OF, wanted.child)
        lanes = []
        async with httpx.AsyncClient(timeout=httpx.Timeout(30, connect=2)) as client:
            for place in ((row["subject"], row["topic"]) for row in rows):
                held = _facts(await self._pool.fetch(_HELD, *place))
                lane = Strangers(place, held, await self._owned(client, place))
                known = {(f.stream_version, parsed_id(f.id)) for f in lane.owned}
                lane.gone = [
                    f for f in held
                    if (f.stream_version, parsed_id(f.id)) not in known and wanted.fact in {None, parsed_id(f.id)}
                ]  # fmt: skip
                lanes.append(lane)
        return [lane for lane in lanes if lane.gone]

    async def _owned(self, client: httpx.AsyncClient, place: Place) -> list[Recorded]:
        """All that the service which publishes on the topic has of a lane. Raises Unavailable where none says so."""
        subject, topic = place
        if topic in self._topics:
            return _facts(await self._pool.fetch(_OWN, subject, topic))
        token = self._credential.token() if self._credential else None
        for address in self._owners.values() if token else ():
            try:
                facts, publishes = await facts_of_owner(client, address, token or "", Lane(subject, topic, 0, None))
            except (httpx.HTTPError, httpx.InvalidURL, ValueError):
                continue
            if publishes:
                return facts
        raise Unavailable(f"the owner of {topic} cannot be asked; is it up, are OWNERS and a token set")

    async def _take_out(self, connection: asyncpg.Connection, wanted: Dismissal, lane: Strangers) -> None:
        subject, topic = lane.place
        why = (wanted.actor, wanted.role, wanted.reason)
        await connection.executemany(
            _DISMISS, [(subject, topic, f.stream_version, parsed_id(f.id), f.type, *why) for f in lane.gone]
        )
        await connection.execute(_TAKE_OUT, subject, topic, lane.gone[0].stream_version)

    async def _apply(self, connection: asyncpg.Connection, lane: Strangers) -> Counts:
        """Take in again what comes behind, in the usual way: reactions know what they have answered."""
        effect = await self._applying.apply_apart(connection, lane.left(lane.gone[0].stream_version))
        return effect.recorded

    async def _fold(self, connection: asyncpg.Connection, subject: UUID) -> Counts:
        """Every row of a child from zero, and every decision again; without a fact no timer is kept."""
        projecting, reactions = self._applying.projecting, self._applying.reactions
        for projection in projecting.projections:
            await projecting.again(connection, projection.name, [subject])
        recorded = Counts()
        if await connection.fetchval("select exists (select from received where subject = $1)", subject):
            for name in sorted(reactions.names):
                counts, _ = await reactions.again(connection, name, [subject])
                recorded += counts
        else:
            await connection.execute("delete from timer where subject = $1", subject)
            await connection.execute("delete from parked where subject = $1", subject)
        return recorded


def _facts(rows: Iterable[asyncpg.Record]) -> list[Recorded]:
    return [stored(row["headers"], row["payload"], row["topic"]) for row in rows]


def _told(fact: Recorded) -> dict[str, Any]:
    return {
        "id": fact.id, "type": fact.type, "subject": str(fact.subject), "topic": fact.topic,
        "version": fact.stream_version,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
