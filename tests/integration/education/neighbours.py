"""What other services would say to education: their facts, put on their topics of the real Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from carejourney.envelope import Context, Draft, headers_of, instant
from carejourney.ids import new_id
from carejourney.keys import seal_fields
from carejourney.service import Running
from events.event import Fact
from events.placement import ChildDetailsRecorded, ChildEnteredCare, SubjectRegistered
from tests.fixtures.system import AUTHORITY

_UNPUBLISHED = """
select count(*) from fact f, relay_mark m where (f.transaction_id, f.position) > (m.transaction_id, m.position)
"""


@dataclass
class Neighbours:
    """Placement, leaving care and the others, as far as education can tell."""

    running: Running
    producer: AIOKafkaProducer
    reader: AIOKafkaConsumer
    _versions: dict[tuple[UUID, str], int] = field(default_factory=dict)

    async def says(self, subject: UUID, body: Fact, day: str | None = None, *, authority: str = AUTHORITY) -> str:
        """Publish a fact; its id."""
        keys = await self.running.keys.of([subject], create=True)
        draft = Draft(subject, body, day, body.destination())
        lane = (subject, draft.topic)
        self._versions[lane] = self._versions.get(lane, 0) + 1
        context = Context(body.owner(), authority, "tester", "import", "import", str(new_id()))
        headers = headers_of(draft, context, time=instant(datetime.now(UTC)), stream_version=self._versions[lane])
        value = msgspec.json.encode(seal_fields(body.model_dump(mode="json"), body.personal_fields(), keys[subject]))
        packed = [(name, text.encode()) for name, text in headers.items()]
        await self.producer.send_and_wait(draft.topic, value, key=str(subject).encode(), headers=packed)
        return str(draft.id)

    async def a_child_in_care(
        self, local_id: str, *, born: str = "2013-05-06", entered: str = "2025-03-03", authority: str = AUTHORITY,
        **care: Any,
    ) -> UUID:  # fmt: skip
        """A registered child with a birthday who entered care."""
        subject = new_id()
        details = ChildDetailsRecorded.model_validate({"sex": "F", "date_of_birth": born})
        await self.says(subject, SubjectRegistered(local_id=local_id), authority=authority)
        await self.says(subject, details, authority=authority)
        begun = ChildEnteredCare(legal_status="C2", category_of_need="N1", **care)
        await self.says(subject, begun, entered, authority=authority)
        return subject

    async def heard(self, seconds: float = 30) -> None:
        """Wait until all that was recorded or said is in education's tables, whichever process put it there."""
        deadline = time.monotonic() + seconds
        while left := await self._unheard():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{left} facts are not in education's tables after {seconds} s")
            await asyncio.sleep(0.05)

    async def _unheard(self) -> int:
        pool = self.running.pool
        unpublished = await pool.fetchval(_UNPUBLISHED)
        done = {(r[0], r[1]): r[2] for r in await pool.fetch("select topic, partition, next_offset from checkpoint")}
        topics = {t: await self.producer.partitions_for(t) for t in self.running.parts.listens}
        ends = await self.reader.end_offsets([TopicPartition(t, p) for t, found in topics.items() for p in found])
        unheard = sum(max(0, end - done.get((tp.topic, tp.partition), 0)) for tp, end in ends.items())
        return int(unpublished) + int(unheard)


@asynccontextmanager
async def neighbours_of(running: Running) -> AsyncIterator[Neighbours]:
    """Neighbours that publish to the broker of a running service."""
    producer = AIOKafkaProducer(bootstrap_servers=running.settings.kafka, enable_idempotence=True)
    reader = AIOKafkaConsumer(bootstrap_servers=running.settings.kafka)
    await producer.start()
    await reader.start()
    try:
        yield Neighbours(running, producer, reader)
    finally:
        await reader.stop()
        await producer.stop()
