"""Ways for Kafka to lose what it acknowledged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from carejourney.subscription import ensure_topics
from tests.integration.chassis.probe import Probe, until


@asynccontextmanager
async def administrator(probe: Probe) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.settings.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def delete_topic(probe: Probe) -> None:
    async with administrator(probe) as admin:
        await admin.delete_topics([probe.topic])

        async def gone() -> bool:
            return probe.topic not in await admin.list_topics()

        await until(gone, "the topic to be gone")


async def recreate_topic(probe: Probe) -> None:
    await delete_topic(probe)
    await ensure_topics((probe.topic,), probe.settings)


async def delete_first_records(probe: Probe) -> None:
    """Cut off the beginning of every partition, up to its last record."""
    ends: dict[int, int] = {}
    for record in await probe.records():
        ends[record.partition] = record.offset
    async with administrator(probe) as admin:
        await admin.delete_records({TopicPartition(probe.topic, p): RecordsToDelete(o) for p, o in ends.items()})


async def write_something_else(probe: Probe, records: int) -> None:
    """Fill the first partition of a topic with records that hold no fact."""
    producer = AIOKafkaProducer(bootstrap_servers=probe.settings.kafka)
    await producer.start()
    try:
        for _ in range(records):
            await producer.send_and_wait(probe.topic, b"{}", partition=0)
    finally:
        await producer.stop()
