"""What we put into Kafka is CloudEvents 1.0 in binary mode, as the CloudEvents project's own reader sees it."""

import json
import secrets
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from carejourney.contracts import PUBLISHED
from carejourney.contracts.messages import message_of
from carejourney.envelope import received
from events.catalogue import CATALOGUE
from events.event import Fact
from tests.fixtures.system import AUTHORITY, System

CORE = {"specversion", "id", "source", "type", "subject", "time", "dataschema"}
VERSIONS = [
    pytest.param(cls, number, id=f"{wire}.v{number}")
    for wire, cls in CATALOGUE.items()
    for number in range(1, cls.version + 1)
]


async def produced(system: System) -> list[ConsumerRecord]:
    """The records of a child who was registered and entered care, once the relay has published them."""
    (child,) = await system.register(f"CLOUD{secrets.token_hex(6)}")
    entry = {"on": "2026-01-12", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6"}
    (await system["placement"].post(f"/children/{child}/care", json=entry)).raise_for_status()
    await system.settled()
    consumer = AIOKafkaConsumer(bootstrap_servers=system.surroundings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition("care.placement", n) for n in range(4)])
        found: list[ConsumerRecord] = []
        while len(found) < 5:
            batches = await consumer.getmany(timeout_ms=500)
            found += [r for batch in batches.values() for r in batch if r.key == str(child).encode()]
        return found
    finally:
        await consumer.stop()


def as_the_project_reads_it(record: ConsumerRecord) -> BaseCloudEvent:
    return from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_every_version_of_every_fact_is_a_cloud_event_in_binary_mode(cls: type[Fact], version: int) -> None:
    message = message_of(PUBLISHED, cls, version)
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    fact = received(headers, json.dumps(message.value).encode(), message.topic)
    event = from_binary_event(KafkaMessage(dict(fact.kafka_headers()), message.key.encode(), fact.payload))
    assert (event.get_type(), event.get_subject(), event.get_id()) == (cls.wire, message.key, fact.id)
    assert event.get_dataschema() == f"urn:carejourney:{cls.wire}:{version}"
    assert event.get_data() == message.value
    extensions = {name.removeprefix("ce_") for name in message.headers if name.startswith("ce_")} - CORE
    assert {name: event.get_extension(name) for name in extensions} == {n: fact.headers[f"ce_{n}"] for n in extensions}
    assert all(name.isalnum() and name.islower() for name in extensions)


@pytest.mark.source("SR2.1.n")
async def test_a_published_fact_is_a_cloud_event_of_the_shared_vocabulary(system: System) -> None:
    for record in await produced(system):
        event = as_the_project_reads_it(record)
        cls = CATALOGUE[event.get_type()]
        assert event.get_specversion() == "1.0"
        assert (event.get_source(), event.get_subject()) == ("placement", record.key.decode())
        assert event.get_dataschema() == f"urn:carejourney:{cls.wire}:{cls.version}"
        assert event.get_datacontenttype() == "application/json"
        data = event.get_data()
        assert isinstance(data, dict)
        assert data.keys() == cls.model_fields.keys()


async def test_a_published_fact_says_when_for_whom_and_by_whom(system: System) -> None:
    before = datetime.now(UTC)
    events = [as_the_project_reads_it(record) for record in await produced(system)]
    assert sorted(int(event.get_extension("streamversion")) for event in events) == [1, 2, 3, 4, 5]
    for event in events:
        moment = event.get_time()
        assert moment is not None
        assert before <= moment <= datetime.now(UTC)
        assert event.get_extension("authority") == AUTHORITY
        assert (event.get_extension("actor"), event.get_extension("sensitivity")) == ("tester", "standard")
        assert event.get_extension("correlationid")


async def test_no_header_and_no_key_holds_anything_of_the_value(system: System) -> None:
    for record in await produced(system):
        event = as_the_project_reads_it(record)
        personal = CATALOGUE[event.get_type()].personal_fields()
        data = event.get_data()
        assert isinstance(data, dict)
        headers = b" ".join(value for _, value in record.headers)
        for field in personal:
            if data[field] is not None:
                assert data[field].startswith(f"sealed.1.{record.key.decode()}.")
                assert data[field].encode() not in headers
