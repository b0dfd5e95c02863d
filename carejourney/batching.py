"""Facts as record batches of Kafka: what the relay sends, packed at the pace of the machine.

A batch is the producer's own, so that its order and its sequence numbers are; what is quick here is what goes in.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

_decode_headers: Final = msgspec.json.Decoder(dict[str, str]).decode
_PLACES: Final = 100_000

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Packed:
    """One batch ready to be sent to its partition: how many facts, and the id of the last."""

    place: Place
    batch: BatchBuilder
    count: int
    last: UUID


class Places:
    """Where each subject's facts go: Kafka's default partitioner, remembered."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, int], tuple[bytes, int]] = {}

    def of(self, subject: UUID, partitions: int) -> tuple[bytes, int]:
        """The key of a subject's records, and their partition."""
        found = self._known.get((subject, partitions))
        if found is None:
            if len(self._known) >= _PLACES:
                self._known.clear()
            key = str(subject).encode()
            found = self._known[subject, partitions] = key, partition_of(key, partitions)
        return found


def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def record_headers(packed: bytes) -> list[tuple[str, bytes]]:
    """The headers of a stored fact as those of a record."""
    return [(name, value.encode()) for name, value in _decode_headers(packed).items()]


def pack(
    rows: Iterable[Mapping[str, Any]],
    partitions: Mapping[str, int],
    new_batch: Callable[[], BatchBuilder],
    places: Places,
) -> list[Packed]:
    """Rows of facts as batches, a partition's in the order of the rows."""
    groups: dict[Place, list[tuple[bytes, Mapping[str, Any]]]] = {}
    for row in rows:
        topic = row["topic"]
        key, partition = places.of(row["subject"], partitions[topic])
        groups.setdefault((topic, partition), []).append((key, row))
    # Kafka refuses a record from the future; `ce_time` keeps what the writer's clock said.
    now = time.time_ns() // 1_000_000
    return [packed for place, group in groups.items() for packed in _batches(place, group, new_batch, now)]


def _batches(
    place: Place, group: Sequence[tuple[bytes, Mapping[str, Any]]], new_batch: Callable[[], BatchBuilder], now: int
) -> Iterable[Packed]:
    batch, count, last = new_batch(), 0, None
    recorded = at = None
    for key, row in group:
        if row["recorded_at"] != recorded:
            recorded = row["recorded_at"]
            at = min(int(recorded.timestamp() * 1000), now)
        headers, value = record_headers(row["headers"]), row["payload"]
        if batch.append(key=key, value=value, timestamp=at, headers=headers) is None:
            if last is not None:
                yield Packed(place, batch, count, last)
            batch, count = new_batch(), 0
            batch.append(key=key, value=value, timestamp=at, headers=headers)
        count, last = count + 1, row["id"]
    if last is not None:
        yield Packed(place, batch, count, last)
