"""The relay's own steps from store to Kafka, against a bare producer that sends the same records the same way."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer

from carejourney.batching import partition_of, record_headers
from carejourney.relay import BATCH, Relay, relay_connection, relay_producer
from services.placement.app import PARTS
from tests.bench import bulk
from tests.bench.corpus import children_with
from tests.bench.ground import PARTITIONS, Ground, emptied, kit, topics
from tests.bench.measuring import in_turn
from tests.bench.result import Result, verdict

FACTS: Final = 40_000
GOAL: Final = 80_000
RATIO: Final = 0.5

_ROWS: Final = "select subject::text, topic, headers, payload, recorded_at from fact order by transaction_id, position"
_BACK: Final = "update relay_mark set transaction_id = '0', position = 0"

Record = Mapping[str, Any]


async def measure(ground: Ground) -> list[Result]:
    """Relay everything placement recorded, again and again."""
    async with kit(ground) as one, topics(ground, *PARTS.topics), AsyncExitStack() as stack:
        fresh = children_with(FACTS, "placement")
        await one.make_keys(child.subject for child in fresh)
        await bulk.append(one, fresh)
        rows = await one.pool.fetch(_ROWS)
        owner = await asyncpg.connect(ground.owner("placement"))
        stack.push_async_callback(owner.close)
        producer = relay_producer(ground.kafka, "bench")
        await producer.start()
        stack.push_async_callback(producer.stop)

        async def ours() -> float:
            await owner.execute(_BACK)
            return await _relayed(ground, producer)

        pieces = _pieces(rows)

        async def bare() -> float:
            begun = time.perf_counter()
            for piece in pieces:
                await _produced(producer, piece)
            return len(rows) / (time.perf_counter() - begun)

        rates = await in_turn({"ours": ours, "bare": bare})
        await emptied(ground, "placement")
    size = sum(len(row["headers"]) + len(row["payload"]) for row in rows) / len(rows)
    return [
        Result.of(
            "relay", f"facts/s, {size:,.0f} bytes of headers and value each", rates, raw="bare",
            goal=f"{GOAL:,} facts/s, and {RATIO} of the bare producer",
            goal_met=verdict(rates, "ours", at_least=GOAL, ratio=RATIO, raw="bare"),
        )
    ]  # fmt: skip


async def _relayed(ground: Ground, producer: AIOKafkaProducer) -> float:
    relay = Relay(ground.dsn("placement", "placement"), lambda: producer, "bench")
    connection = await relay_connection(ground.dsn("placement", "placement"))
    try:
        done, begun = 0, time.perf_counter()
        while moved := await relay.step(connection, producer):
            done += moved
        return done / (time.perf_counter() - begun)
    finally:
        await connection.close()


def _pieces(rows: Sequence[asyncpg.Record]) -> list[dict[tuple[str, int], list[Record]]]:
    """The same records in the same pieces, by partition, with nothing left to be computed."""
    pieces = []
    for at in range(0, len(rows), BATCH):
        piece: dict[tuple[str, int], list[Record]] = {}
        for row in rows[at : at + BATCH]:
            key = row["subject"].encode()
            record = {
                "key": key, "value": row["payload"], "headers": record_headers(row["headers"]),
                "timestamp": int(row["recorded_at"].timestamp() * 1000),
            }  # fmt: skip
            piece.setdefault((row["topic"], partition_of(key, PARTITIONS)), []).append(record)
        pieces.append(piece)
    return pieces


async def _produced(producer: AIOKafkaProducer, piece: Mapping[tuple[str, int], Sequence[Record]]) -> None:
    answers = []
    for (topic, partition), records in piece.items():
        batch = producer.create_batch()
        for record in records:
            if batch.append(**record) is None:
                answers.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(**record)
        answers.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*answers)
