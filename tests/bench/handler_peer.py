"""What one would write first: a FastStream handler that stores one record and upserts one row, a commit each."""

import asyncio
import time
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from sqlalchemy import LargeBinary
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.bench.ground import Ground, topics

FACTS: Final = 400
TOPIC: Final = "bench.handler"


class _Tables(DeclarativeBase):
    pass


class _Heard(_Tables):
    __tablename__ = "bench_heard"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[UUID]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class _Child(_Tables):
    __tablename__ = "bench_child"
    subject: Mapped[UUID] = mapped_column(primary_key=True)
    last_event_on: Mapped[date | None]


async def rate_of_handler(ground: Ground, batches: Sequence[Sequence[ConsumerRecord]]) -> float:
    """Records a second from the first handled to the last; they are in the topic before it begins."""
    records = [record for batch in batches for record in batch][:FACTS]
    engine = create_async_engine(ground.owner("journey").replace("postgresql://", "postgresql+asyncpg://", 1))
    session = async_sessionmaker(engine)
    broker = KafkaBroker(ground.kafka, logger=None)
    moments: list[float] = []
    done = asyncio.Event()

    @broker.subscriber(TOPIC, auto_offset_reset="earliest", group_id=TOPIC, ack_policy=AckPolicy.ACK)
    async def handle(message: KafkaMessage) -> None:
        async with session.begin() as own:
            await _store(own, message)
        moments.append(time.perf_counter())
        if len(moments) == len(records):
            done.set()

    async with topics(ground, TOPIC):
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_Tables.metadata.create_all)
            async with broker:
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    await broker.publish(record.value, TOPIC, key=record.key, headers=headers)
                await broker.start()
                await asyncio.wait_for(done.wait(), 120)
        finally:
            async with engine.begin() as connection:
                await connection.run_sync(_Tables.metadata.drop_all)
            await engine.dispose()
    return (len(moments) - 1) / (moments[-1] - moments[0])


async def _store(own: AsyncSession, message: KafkaMessage) -> None:
    headers = message.headers
    subject, day = UUID(headers["ce_subject"]), headers.get("ce_effectivefrom")
    own.add(_Heard(id=UUID(headers["ce_id"]), subject=subject, payload=message.body))
    seen = date.fromisoformat(day[:10]) if day else None
    row = insert(_Child).values(subject=subject, last_event_on=seen)
    await own.execute(row.on_conflict_do_update(index_elements=["subject"], set_={"last_event_on": seen}))
