"""The FastStream side: which topics a service hears, in which group, and what happens to a batch.

Group: the service's name, static members. Acknowledgement: manual and never to Kafka, the offsets live in the database.
Retry: the projector's own. No dead-letter topic: parked lanes are rows.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from carejourney.log_reading import BATCH, POLL_MILLISECONDS, LogReading
from carejourney.projector import Projector
from carejourney.settings import Settings

log = structlog.get_logger()

# The client asks for a partition again only with its next request: so long may a child's second fact wait for others'.
FETCH_MILLISECONDS: Final = 50
# A topic that was deleted and made anew is found again after this long.
METADATA_MILLISECONDS: Final = 5_000
LOOK_SECONDS: Final = 5.0
# A client that gets nothing for so long, though there is something, is given up for a new one.
STUCK_SECONDS: Final = 30.0


async def _batch(records: Any) -> KafkaMessage:
    """The batch unread: FastStream's own parser drops all of it where one header is not text."""
    return KafkaMessage(raw_message=records, body=b"", headers={}, consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> Any:
    """The records themselves: reading them is the projector's, in one pass."""
    return message.raw_message


async def _nothing(_: Any) -> None:
    """Stands for the projector where the subscription is only described."""


def make_broker(
    service: str,
    topics: Sequence[str],
    projector: Projector | None,
    settings: Settings,
    reading: LogReading | None = None,
) -> KafkaBroker:
    """The broker with the service's one subscription; also what the AsyncAPI document is made from."""
    broker = KafkaBroker(
        settings.kafka.split(","),
        client_id=service,
        # The relay has a producer of its own; one made here would be left open where the broker is away at the start.
        consumer_only=True,
        apply_types=False,
        logger=None,
        metadata_max_age_ms=METADATA_MILLISECONDS,
    )
    subscriber: Any = broker.subscriber(
        *topics,
        batch=True,
        max_records=BATCH,
        batch_timeout_ms=POLL_MILLISECONDS,
        group_id=f"carejourney.{service}",
        group_instance_id=f"{service}.{settings.instance}",
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,
        fetch_max_wait_ms=FETCH_MILLISECONDS,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        listener=projector,
        parser=_batch,
        decoder=_records,
        title=service,
        description=f"Facts that {service} listens to; offsets are kept in its database.",
    )
    if projector is not None:
        projector.subscriber = subscriber
        # FastStream's own way to the next batch drops what a client raises, and waits five seconds.
        subscriber.get_msg = (reading or LogReading(projector, settings.kafka)).batch
    subscriber(projector.handle if projector is not None else _nothing)
    return broker


def describe(service: str, title: str, topics: Sequence[str], settings: Settings) -> bytes:
    """The AsyncAPI 3 document of a service's subscription."""
    from faststream.specification import AsyncAPI  # noqa: PLC0415 - only when it is asked for

    broker = make_broker(service, topics, None, settings)
    return AsyncAPI(broker, title=title, version="1", schema_version="3.0.0").to_specification().to_json().encode()


class Subscription:
    """Keeps the subscription alive: waits for a broker that is away, makes missing topics, starts again."""

    def __init__(
        self, service: str, topics: Sequence[str], made: Iterable[str], projector: Projector, settings: Settings
    ) -> None:
        self._service = service
        self._made = made
        self._topics = topics
        self._projector = projector
        self._settings = settings
        self._reading = LogReading(projector, settings.kafka)
        self._stuck: dict[TopicPartition, int] = {}
        self._stopping = asyncio.Event()
        self.connected = asyncio.Event()
        self.broker: KafkaBroker | None = None

    async def run(self) -> None:
        wait = 0.2
        while not self._stopping.is_set():
            try:
                await ensure_topics(self._made, self._settings)
                self.broker = make_broker(self._service, self._topics, self._projector, self._settings, self._reading)
                self.connected.set()
                await self.broker.start()
                await self._until_stuck()
                await self._close()
            except (KafkaError, OSError) as error:
                log.warning("subscription.waiting", service=self._service, fault=type(error).__name__, seconds=wait)
                await self._close()
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)

    async def _until_stuck(self) -> None:
        """Wait to be stopped, or until the log has more for us and nothing has moved for so long that nothing will."""
        since = time.monotonic()
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stopping.wait()
            waiting = await self._left_waiting()
            if not waiting:
                since = time.monotonic()
            elif time.monotonic() - max(since, self._projector.progress.moved_at) > STUCK_SECONDS:
                log.error("subscription.stuck", service=self._service)
                await self._past_silence(waiting)
                return

    async def _past_silence(self, waiting: dict[TopicPartition, int]) -> None:
        """Where a new client got no further than the one before it, it is the log that gives nothing there."""
        again = {tp: offset for tp, offset in waiting.items() if self._stuck.get(tp) == offset}
        self._stuck = waiting
        if again:
            await self._reading.go_past(again)

    async def _left_waiting(self) -> dict[TopicPartition, int]:
        """Where our partitions have records, and none of them is in hand: the first offset not applied of each."""
        projector, consumer = self._projector, self._projector.consumer
        if consumer is None or projector.progress.in_hand or not consumer.assignment():
            return {}
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                ends = await consumer.end_offsets(consumer.assignment())
        except (KafkaError, OSError):
            return {}
        reached = {tp: projector.next_offset(tp) for tp in ends}
        return {tp: offset for tp, offset in reached.items() if ends[tp] > offset}

    async def stop(self) -> None:
        self._stopping.set()
        await self._close()

    async def _close(self) -> None:
        if self.broker is not None:
            await self.broker.stop()
            self.broker = None
            # A client that is closed in disorder does not always say what it gives up.
            owned = {TopicPartition(*place) for place in self._projector.progress.assigned}
            await self._projector.on_partitions_revoked(owned)


async def ensure_topics(topics: Iterable[str], settings: Settings) -> None:
    """Make the topics that are missing: 12 partitions, kept for ever."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka, request_timeout_ms=15_000)
    try:
        await admin.start()
        missing = set(topics) - set(await admin.list_topics())
        if not missing:
            return
        config = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
        if settings.topic_replication > 1:
            config["min.insync.replicas"] = str(min(2, settings.topic_replication))
        answer = await admin.create_topics(
            [
                NewTopic(t, settings.topic_partitions, settings.topic_replication, topic_configs=config)
                for t in sorted(missing)
            ]
        )
        for _topic, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error
    finally:
        await admin.close()
