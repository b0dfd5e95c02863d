"""Every sample of every version, as Kafka brings it, into the own copy and the tables of every running service."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

import asyncpg

from carejourney.contracts import PUBLISHED
from carejourney.contracts.messages import Message, message_of
from carejourney.envelope import CORRECTIONS, Recorded
from carejourney.keys import SubjectKey
from carejourney.records import read
from carejourney.service import Running
from events.catalogue import CATALOGUE
from events.event import Fact
from tests.fixtures.system import SERVICES, System

ROOT = UUID("0198f2c4-6b1a-7c3e-9d52-4f8a1c7e6b30")
VERSIONS = [
    (cls, number) for wire, cls in CATALOGUE.items() if wire not in CORRECTIONS for number in range(1, cls.version + 1)
]


def subject_of(cls: type[Fact], version: int) -> UUID:
    """A subject of its own for each sample, so that each is the first of its lane."""
    return uuid5(ROOT, f"{cls.wire} {version}")


def record_of(message: Message) -> Recorded:
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    fact = read(headers, message.key.encode(), json.dumps(message.value).encode(), message.topic)
    assert isinstance(fact, Recorded), fact
    return fact


def story_of(cls: type[Fact], version: int, key: SubjectKey, *kinds: str) -> list[Recorded]:
    """A sample, and corrections of it of these kinds, each the next in its lane."""
    first = message_of(PUBLISHED, cls, version, subject=key.subject, seal=key.seal)
    identity = str(uuid5(key.subject, "fact"))
    facts = [Message(first.topic, {**first.headers, "ce_id": identity}, first.key, first.value)]
    for number, wire in enumerate(kinds, start=2):
        said = message_of(PUBLISHED, CATALOGUE[wire], 1, subject=key.subject, seal=key.seal)
        value = {**said.value, "corrects": identity, "type": cls.wire, "effective": None}
        if "replacement" in value:
            value |= {
                "replacement": first.value,
                "of_version": version,
                "effective": first.headers.get("ce_effectivefrom"),
            }
        own = {"ce_id": str(uuid5(key.subject, wire)), "ce_streamversion": str(number), "ce_corrects": identity}
        facts.append(Message(first.topic, {**said.headers, **own}, first.key, value))
    return [record_of(message) for message in facts]


async def replayed(running: Running, keys: Mapping[UUID, SubjectKey], *kinds: str) -> list[str]:
    """What was parked, not kept or reacted to with a fault when a service took all samples; nothing of it stays."""
    facts: list[Recorded] = []
    for cls, version in VERSIONS:
        facts += story_of(cls, version, keys[subject_of(cls, version)], *kinds)
    heard = [fact for fact in facts if fact.topic in running.parts.listens]
    subjects = sorted({fact.subject for fact in heard})
    async with running.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            effect = await running.projector.applying.apply_apart(connection, heard)
            refused = [f"{fact.type}: {fault.kind} at {fault.place}" for fact, fault in effect.refused]
            return [*refused, *await _left(connection, subjects)]
        finally:
            await transaction.rollback()


async def _left(connection: asyncpg.Connection, subjects: Sequence[UUID]) -> list[str]:
    """What is amiss with what a service now holds of these subjects."""
    kept = await connection.fetchval("select count(*) from received where subject = any($1)", subjects)
    rows = await connection.fetch("select projection, reason, place from parked where subject = any($1)", subjects)
    parked = [f"{row['projection']} parked: {row['reason']} at {row['place']}" for row in rows]
    return parked if kept else ["nothing was kept", *parked]


async def test_no_service_parks_or_refuses_a_sample_of_any_version(system: System) -> None:
    subjects = [subject_of(cls, version) for cls, version in VERSIONS]
    keys = await system.running["placement"].keys.of(subjects, create=True)
    for name in SERVICES:
        assert await replayed(system.running[name], keys) == [], name


async def test_no_service_parks_or_refuses_a_correction_or_retraction_of_a_sample(system: System) -> None:
    subjects = [subject_of(cls, version) for cls, version in VERSIONS]
    keys = await system.running["placement"].keys.of(subjects, create=True)
    for name in SERVICES:
        found = await replayed(system.running[name], keys, "correction.fact_corrected", "correction.fact_retracted")
        assert found == [], name
