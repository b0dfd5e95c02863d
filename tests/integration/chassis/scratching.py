"""A service whose broker keeps its log where a test can hurt it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from aiokafka import ConsumerRecord

from carejourney.embedded.kafka import KafkaBroker, throw_away_broker
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, make_probe, says
from tests.integration.chassis.test_verify import HELD, heard

RECORDS = 12
# Where these lie in the header of a batch: the last byte of each.
BASE_OFFSET, LENGTH, CHECKSUM = 7, 11, 20


@dataclass(frozen=True)
class Scratched:
    """A service whose broker keeps its log where a test can change it."""

    probe: Probe
    folder: Path
    broker: KafkaBroker
    records: list[ConsumerRecord]

    def scratch_header(self, number: int, byte: int) -> None:
        """Flip one bit in the header of a batch."""
        (log,) = self.folder.rglob(f"{self.probe.topic}-{self.records[0].partition}/{0:020}.log")
        with log.open("r+b") as file:
            written, place = file.read(), 0
            for _ in range(number):
                place += 12 + int.from_bytes(written[place + 8 : place + 12])
            file.seek(place + byte)
            file.write(bytes([written[place + byte] ^ 1]))

    def scratch(self, record: ConsumerRecord, where: bytes) -> None:
        """Flip one byte of a record, which lies behind its key and begins with `where`."""
        (log,) = self.folder.rglob(f"{self.probe.topic}-{record.partition}/{0:020}.log")
        with log.open("r+b") as file:
            written = file.read()
            identity = dict(record.headers)["ce_id"]
            place = written.index(where, written.index(identity) - 200)
            file.seek(place)
            file.write(bytes([written[place] ^ 1]))


@asynccontextmanager
async def scratched_log(surroundings: Surroundings) -> AsyncIterator[Scratched]:
    """One child's facts in four batches of three, the service ended."""
    with throw_away_broker() as broker:
        probe = await make_probe(replace(surroundings, kafka=broker.address), f"scratched{uuid4().hex[:8]}")
        async with probe.running() as running:
            (child,) = await heard(probe, running, 1)
            for _ in range(3):
                await says(running, child, HELD, HELD, HELD)
                await probe.caught_up(running)
        records = [r for r in await probe.records() if r.key == str(child).encode()]
        yield Scratched(probe, broker.folder, broker, records)
