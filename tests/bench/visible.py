"""From a command's answer to its fact in another service's projection, beside produce-to-consume alone.

Placement carries out commands and relays in this process, journey projects in one of its own. A trigger on journey's
rows notifies on commit, so that an instant is that at which any reader could see the row.
"""

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import SecretStr

from carejourney.batching import record_headers
from carejourney.commands import Command, Decided, carry_out
from carejourney.embedded.processes import free_port
from carejourney.ids import new_id
from carejourney.relay import relay_producer
from carejourney.service import Running, assemble, start, stop
from services.journey.app import PARTS as JOURNEY
from services.placement.app import PARTS as PLACEMENT
from tests.bench.corpus import Child, a_context, children
from tests.bench.ground import Ground, emptied, settings_of, topics
from tests.bench.measuring import percentile, until
from tests.bench.result import Result

A_SECOND: Final = 500
A_ROUND: Final = 4 * A_SECOND
SERVICES: Final = ("placement", "journey")
ROUNDS: Final = 3
MOST: Final = 0.100
TIMES: Final = 3
DEADLINE: Final = 60
BARE: Final = "bench.bare"

_TRIGGER: Final = """
create function bench_seen() returns trigger language plpgsql as $$
begin perform pg_notify('bench_seen', new.subject::text); return null; end $$;
create trigger bench_seen after insert or update on children for each row execute function bench_seen()
"""
_NO_TRIGGER: Final = "drop function bench_seen cascade"
_RECORD: Final = "select subject::text, headers, payload from fact order by position desc limit $1"


@dataclass(slots=True)
class _Watch:
    """When each subject's command was sent and answered, and when its row could be seen."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def notified(self, _connection: object, _pid: int, _channel: str, subject: str) -> None:
        self.seen[subject] = time.perf_counter()

    def since(self, begun: dict[str, float]) -> list[float]:
        return [self.seen[subject] - at for subject, at in begun.items()]


async def measure(ground: Ground) -> list[Result]:
    """One new fact for each of some thousand registered children, at an even pace; then as many bare records."""
    names = sorted({*PLACEMENT.topics, *PLACEMENT.listens, *JOURNEY.topics, *JOURNEY.listens, BARE})
    taken: dict[str, list[float]] = {"sent": [], "answered": [], "bare": []}
    async with _emptied(ground), topics(ground, *names), _placement(ground) as running, _journey(ground) as owner:
        told = await _registered(running, owner, _lives((ROUNDS + 1) * A_ROUND))
        for at in range(0, len(told), A_ROUND):
            watch = await _round(running, owner, told[at : at + A_ROUND])
            bare = await _bare(ground, running)
            if at:
                taken["sent"] += watch.since(watch.sent)
                taken["answered"] += watch.since(watch.answered)
                taken["bare"] += bare
    return [_result(taken["sent"], taken["answered"], taken["bare"])]


def _result(sent: Sequence[float], answered: Sequence[float], bare: Sequence[float]) -> Result:
    middle, last, raw = percentile(answered, 50), percentile(answered, 99), percentile(bare, 50)
    return Result(
        "command.visible",
        f"1 / the median at {A_SECOND} facts/s ({_ms(answered)} from the answer, {_ms(sent)} from the request);"
        f" raw: produce to consume ({_ms(bare)})",
        1 / middle,
        1 / raw,
        goal=f"p99 under {MOST * 1000:.0f} ms, median under {TIMES} x produce to consume",
        goal_met=last < MOST and middle < TIMES * raw,
    )


def _ms(values: Sequence[float]) -> str:
    return f"median {percentile(values, 50) * 1000:.1f} ms, p99 {percentile(values, 99) * 1000:.1f} ms"


def _lives(count: int) -> list[Child]:
    """Children, each as registered and with one more fact that changes its row."""
    handled = JOURNEY.projections[0].handles
    made = ((child, [d for d in child.drafts[1:] if d.body.wire in handled]) for child in children("placement"))
    some: Iterator[Child] = (replace(child, drafts=(child.drafts[0], more[0])) for child, more in made if more)
    return list(islice(some, count))


@asynccontextmanager
async def _emptied(ground: Ground) -> AsyncIterator[None]:
    for service in SERVICES:
        await emptied(ground, service)
    yield
    for service in SERVICES:
        await emptied(ground, service)


@asynccontextmanager
async def _placement(ground: Ground) -> AsyncIterator[Running]:
    running = await assemble(PLACEMENT, settings_of(ground, "placement"))
    await start(running)
    try:
        yield running
    finally:
        await stop(running)


@asynccontextmanager
async def _journey(ground: Ground) -> AsyncIterator[asyncpg.Connection]:
    """Journey as it is served, and its database's owner."""
    values = settings_of(ground, "journey", free_port()).model_dump(mode="python", exclude_none=True)
    told = {f"CAREJOURNEY_{name.upper()}": _text(value) for name, value in values.items()}
    with (ground.folder / "journey.log").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "carejourney", "run", "journey", env=os.environ | told, stdout=said, stderr=said
        )
    owner = await asyncpg.connect(ground.owner("journey"))
    try:
        await owner.execute(_TRIGGER)
        yield owner
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), DEADLINE)
        await owner.execute(_NO_TRIGGER)
        await owner.close()


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)


async def _registered(running: Running, owner: asyncpg.Connection, lives: Sequence[Child]) -> Sequence[Child]:
    """The children, once journey shows them."""
    for at in range(0, len(lives), A_ROUND):
        some = lives[at : at + A_ROUND]
        subjects = [child.subject for child in some]
        await running.keys.of(subjects, create=True)
        async with running.store.unit(subjects) as unit:
            unit.append([child.drafts[0] for child in some], a_context("placement"))

    async def shown() -> bool:
        return bool(await owner.fetchval("select count(*) >= $1 from children", len(lives)))

    await until(shown, DEADLINE, "journey shows every child")
    return lives


async def _at_pace(works: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Begin each at its own moment, however long those before it take."""
    begun, under_way = time.perf_counter(), []
    for number, work in enumerate(works):
        await asyncio.sleep(begun + number / A_SECOND - time.perf_counter())
        under_way.append(asyncio.ensure_future(work()))
    await asyncio.gather(*under_way)


async def _round(running: Running, owner: asyncpg.Connection, some: Sequence[Child]) -> _Watch:
    watch = _Watch()

    async def tell(child: Child) -> None:
        subject, draft = str(child.subject), child.drafts[1]
        command = Command(new_id(), child.subject, lambda _: Decided([draft]), a_context("placement"))
        watch.sent[subject] = time.perf_counter()
        await carry_out(running.store, [command])
        watch.answered[subject] = time.perf_counter()

    async def all_seen() -> bool:
        return len(watch.seen) == len(some)

    await running.keys.of([child.subject for child in some])
    await owner.add_listener("bench_seen", watch.notified)
    await _at_pace([partial(tell, child) for child in some])
    await until(all_seen, DEADLINE, "journey shows every fact")
    await owner.remove_listener("bench_seen", watch.notified)
    return watch


async def _bare(ground: Ground, running: Running) -> list[float]:
    """Seconds from giving a record to the relay's producer until a plain consumer has it."""
    rows = await running.pool.fetch(_RECORD, A_ROUND)
    producer = relay_producer(ground.kafka, "bench")
    consumer = AIOKafkaConsumer(BARE, bootstrap_servers=ground.kafka, auto_offset_reset="latest")
    async with producer, consumer:
        await consumer.seek_to_end()
        taken: list[float] = []
        hearing = asyncio.ensure_future(_heard(consumer, taken))
        await _at_pace([partial(_produced, producer, row) for row in rows])
        await asyncio.wait_for(hearing, DEADLINE)
    return taken


async def _produced(producer: AIOKafkaProducer, row: asyncpg.Record) -> None:
    now = struct.pack("d", time.perf_counter())
    headers = [*record_headers(row["headers"]), ("at", now)]
    await producer.send(BARE, row["payload"], key=row["subject"].encode(), headers=headers)


async def _heard(consumer: AIOKafkaConsumer, taken: list[float]) -> None:
    async for record in consumer:
        taken.append(time.perf_counter() - struct.unpack("d", record.headers[-1][1])[0])
        if len(taken) == A_ROUND:
            return
