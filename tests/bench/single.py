"""One fact a transaction: the store's append, the bare statement with the same checks, and `eventsourcing`."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from carejourney.envelope import Draft, headers_of, instant
from carejourney.ids import new_id
from carejourney.store import payload_of
from events.catalogue import CATALOGUE
from services.placement.app import PARTS
from tests.bench.corpus import a_context, children_with
from tests.bench.eventsourcing_peer import Peer
from tests.bench.ground import Ground, Kit, emptied, kit
from tests.bench.measuring import ROUNDS, Rates, in_turn
from tests.bench.result import Result

FACTS: Final = 400
Step = Callable[[], Awaitable[object]]
RATIO: Final = 0.8
PEER_RATIO: Final = 3.5

_BARE: Final = """
with s as (
  insert into stream (subject, version, topic_versions) values ($1, 1, jsonb_build_object($6::text, 1))
  on conflict (subject) do update set version = stream.version + 1,
    topic_versions = stream.topic_versions || jsonb_build_object($6::text, $4::int)
  where stream.version = $4::int - 1 returning version
), f as (
  insert into fact (id, subject, stream, version, topic, topic_version, recorded_at, headers, payload)
  select $2, $1, 'record', version, $6, $4, $5, $7, $8 from s
)
insert into command (id, subject, answer) select $3, $1, $9 from s
"""


async def measure(ground: Ground) -> list[Result]:
    """The same facts, every one its own transaction: one of ours, one bare, one of the peer, and so on."""
    async with kit(ground) as one, kit(ground, size=8) as many, _connection(ground) as bare:
        async with one.pool.acquire() as own:
            rates = await _rates(ground, one, own, bare)
        eight = await in_turn({"eight": lambda: _eight(many)})
        await emptied(ground, "placement")
    met = rates.ratio("ours", "bare") >= RATIO and rates.ratio("ours", "eventsourcing") >= PEER_RATIO
    return [
        Result.of(
            "append.single", "facts/s, one connection", rates, raw="bare", peer="eventsourcing",
            goal=f"{RATIO} of the bare insert with the same checks, {PEER_RATIO} x eventsourcing", goal_met=met,
        ),
        Result.of("append.single_by_eight", "facts/s, eight connections", eight, ours="eight"),
    ]  # fmt: skip


async def _rates(ground: Ground, one: Kit, own: asyncpg.Connection, bare: asyncpg.Connection) -> Rates:
    rates = Rates({"ours": [], "bare": [], "eventsourcing": []})
    with Peer(ground) as peer:
        for number in range(ROUNDS + 1):
            taken = await _fact_by_fact([await _ours(one, own), await _bare(one, bare), _peer(peer)])
            for name, seconds in zip(rates.of, taken, strict=True):
                rates.of[name] += [FACTS / seconds] if number else []
    return rates


async def _fact_by_fact(contenders: Sequence[Sequence[Step]]) -> list[float]:
    """Seconds that each contender took for all of its steps. They go fact by fact, so that noise hits all alike."""
    taken = [0.0] * len(contenders)
    for number, steps in enumerate(zip(*contenders, strict=True)):
        for turn in range(len(steps)):
            which = (turn + number) % len(steps)
            begun = time.perf_counter()
            await steps[which]()
            taken[which] += time.perf_counter() - begun
    return taken


@asynccontextmanager
async def _connection(ground: Ground) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ground.dsn("placement", "placement"))
    try:
        yield connection
    finally:
        await connection.close()


def _facts() -> list[Draft]:
    """Facts of children in the order of days: a stream is as long as a child's record."""
    return list(itertools.islice((d for child in children_with(FACTS, PARTS.name) for d in child.drafts), FACTS))


async def _ours(one: Kit, own: asyncpg.Connection) -> list[Step]:
    facts = _facts()
    await one.make_keys({draft.subject for draft in facts})

    def step(seen: int, draft: Draft) -> Step:
        command = new_id()
        context = a_context(PARTS.name, command)
        return partial(
            one.store.append, draft.subject, [draft], context, command=command, expected=seen, connection=own
        )

    return [step(seen, draft) for seen, draft in _numbered(facts)]


def _peer(peer: Peer) -> list[Step]:
    return [partial(_said, said) for said in peer.appends(_facts())]


async def _said(say: Callable[[], None]) -> None:
    say()


async def _eight(many: Kit) -> float:
    facts = _facts()
    await many.make_keys({draft.subject for draft in facts})
    streams: dict[UUID, list[tuple[int, Draft]]] = {}
    for seen, draft in _numbered(facts):
        streams.setdefault(draft.subject, []).append((seen, draft))
    slots = asyncio.Semaphore(8)

    async def stream(drafts: Sequence[tuple[int, Draft]]) -> None:
        async with slots, many.pool.acquire() as connection:
            for seen, draft in drafts:
                await many.store.append(
                    draft.subject, [draft], a_context(PARTS.name), command=new_id(), expected=seen,
                    connection=connection,
                )  # fmt: skip

    begun = time.perf_counter()
    await asyncio.gather(*(stream(drafts) for drafts in streams.values()))
    return len(facts) / (time.perf_counter() - begun)


def _numbered(facts: Sequence[Draft]) -> list[tuple[int, Draft]]:
    """Each fact with how many went before it in its stream."""
    before: dict[UUID, int] = {}
    numbered = []
    for draft in facts:
        numbered.append((before.get(draft.subject, 0), draft))
        before[draft.subject] = before.get(draft.subject, 0) + 1
    return numbered


async def _bare(one: Kit, connection: asyncpg.Connection) -> list[Step]:
    facts = _facts()
    await one.make_keys({draft.subject for draft in facts})
    keys = await one.keys.of({draft.subject for draft in facts})
    now, answer = datetime.now(UTC), msgspec.json.encode({"version": 1, "facts": 1, "recorded": [str(uuid4())]})
    steps: list[Step] = []
    for seen, draft in _numbered(facts):
        headers = headers_of(draft, a_context(PARTS.name), time=instant(now), stream_version=seen + 1)
        payload = payload_of(draft, keys[draft.subject], CATALOGUE)
        packed = msgspec.json.encode(headers)
        row = (draft.subject, draft.id, new_id(), seen + 1, now, draft.topic, packed, payload, answer)
        steps.append(partial(connection.execute, _BARE, *row))
    return steps
