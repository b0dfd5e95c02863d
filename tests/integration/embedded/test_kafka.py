"""Apache Kafka as one process."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carejourney.embedded.errors import StartFailed
from carejourney.embedded.kafka import KafkaBroker, cluster_at, new_cluster_id, throw_away_broker
from carejourney.embedded.processes import free_port


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with throw_away_broker() as started:
        yield started


async def _make_topic(broker: KafkaBroker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()


async def _send(broker: KafkaBroker, topic: str, count: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, enable_idempotence=True) as producer:
        sent = [await producer.send(topic, str(number).encode()) for number in range(count)]
        for acknowledged in sent:
            await acknowledged


async def _read(broker: KafkaBroker, topic: str, count: int) -> list[int]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    async with consumer:
        return [int((await consumer.getone()).value) for _ in range(count)]


async def test_acknowledged_records_survive_a_killed_broker(broker: KafkaBroker) -> None:
    await _make_topic(broker, "kept")
    await _send(broker, "kept", 2000)
    broker.kill()
    assert not broker.alive()
    broker.start()
    assert await _read(broker, "kept", 2000) == list(range(2000))


async def test_acknowledged_records_survive_a_clean_stop(broker: KafkaBroker) -> None:
    await _make_topic(broker, "stopped")
    await _send(broker, "stopped", 10)
    broker.stop()
    assert cluster_at(broker.port) is None
    broker.start()
    assert await _read(broker, "stopped", 10) == list(range(10))


def test_a_broker_that_runs_is_kept_by_a_second_start(broker: KafkaBroker) -> None:
    running = broker.mark()
    again = KafkaBroker(broker.folder, port=broker.port, controller_port=free_port())
    again.start()
    assert again.mark() == running


def test_a_broker_is_known_by_its_cluster_and_not_by_its_port(broker: KafkaBroker) -> None:
    assert cluster_at(broker.port) == broker.cluster_id
    assert cluster_at(free_port()) is None


async def test_a_topic_is_never_made_by_asking_for_it(broker: KafkaBroker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    described = await admin.describe_topics(["never_made"])
    assert described[0]["error_code"] != 0
    assert "never_made" not in await admin.list_topics()
    await admin.close()


def test_a_start_that_fails_quotes_the_first_error_of_the_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        second = KafkaBroker(
            tmp_path / "second",
            port=free_port(),
            controller_port=taken.getsockname()[1],
        )
        with pytest.raises(StartFailed, match=" ERROR "):
            second.start()
        assert second.mark() is None


def test_no_cluster_id_begins_like_an_option() -> None:
    made = [new_cluster_id() for _ in range(1000)]
    assert all(len(one) == 22 and not one.startswith("-") for one in made)
