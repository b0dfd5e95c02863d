"""One verification, part after part, in the order in which a running system is judged fairly.

First how far each service says that it has come, then the stores, then Kafka, then the copies and projections;
whatever was recorded meanwhile is looked up once more.
"""

from contextlib import AsyncExitStack

import asyncpg

from carejourney.keys import Keys
from carejourney.verify.copies import CopyReading, Owners
from carejourney.verify.folds import FoldReading
from carejourney.verify.ledger import Ledger, read_store
from carejourney.verify.log import Checkpoint, Listening, LogReading
from carejourney.verify.report import Report
from carejourney.verify.sources import Place, Source
from carejourney.verify.timers import TimerReading


async def verify(place: Place) -> Report:
    """Compare everything with everything. Changes nothing.

    Raises OSError, asyncpg.PostgresError or KafkaError where a part cannot be reached.
    """
    report = Report()
    ledger = Ledger({topic: source.name for source in place.sources for topic in source.topics})
    report.not_judged = sorted({t for source in place.sources for t in source.listens} - ledger.owners.keys())
    listening = [Listening(source.name, await _checkpoints(source)) for source in place.sources]
    for source in place.sources:
        await read_store(source, place.sources, ledger, report)
    log = LogReading(ledger, listening, report)
    await log.read(place.kafka)
    async with AsyncExitStack() as stack:
        owners = await _owners(place, stack)
        await _look_up_unknown(log, owners)
        log.conclude()
        keys_pool = await stack.enter_async_context(asyncpg.create_pool(place.keys_dsn, min_size=1, max_size=1))
        keys = Keys(keys_pool, place.master.wrapper())
        for number, (source, heard) in enumerate(zip(place.sources, listening, strict=True)):
            async with source.snapshot() as connection:
                await CopyReading(source, 1 << number, heard, ledger, owners, report).read(connection)
                await FoldReading(source, keys, report).read(connection)
                await TimerReading(source, keys, report).read(connection)
    return report


async def _checkpoints(source: Source) -> dict[tuple[str, int], Checkpoint]:
    async with source.snapshot() as connection:
        rows = await connection.fetch("select topic, partition, next_offset, last_id from checkpoint")
    return {(topic, partition): Checkpoint(offset, last) for topic, partition, offset, last in rows}


async def _owners(place: Place, stack: AsyncExitStack) -> Owners:
    stores: dict[str, asyncpg.Connection] = {}
    for source in place.sources:
        connection = await asyncpg.connect(source.dsn, timeout=10)
        stack.push_async_callback(connection.close)
        stores |= dict.fromkeys(source.topics, connection)
    return Owners(stores)


async def _look_up_unknown(log: LogReading, owners: Owners) -> None:
    for record, subject, version, one in log.unknown:
        stored = await owners.digest(record.topic, subject, version)
        if stored != one:
            log.stray(record, subject, version, other=stored is not None)
