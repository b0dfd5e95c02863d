"""Facts packed for Kafka: every one once, a subject's in order, in the partition its key gives."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from aiokafka.producer.message_accumulator import BatchBuilder

from carejourney.batching import Places, pack, partition_of, record_headers
from carejourney.envelope import Draft, headers_of, instant, parted
from events.missing import ChildWentMissing
from tests.builders import NOW, a_context


def a_row(subject: UUID, number: int) -> dict[str, Any]:
    draft = Draft(subject, ChildWentMissing(kind="M"), "2026-06-01", "care.missing")
    headers = headers_of(draft, a_context(), time=instant(NOW), stream_version=number)
    return {
        "id": draft.id, "subject": subject, "topic": draft.topic, "recorded_at": datetime.now(UTC),
        "headers": msgspec.json.encode(headers), "payload": b'{"kind":"M"}',
    }  # fmt: skip


def test_every_fact_is_packed_once_and_in_order() -> None:
    subjects = [uuid4() for _ in range(6)]
    rows = [a_row(subject, n) for n in range(1, 21) for subject in subjects]
    packed = pack(rows, {"care.missing": 3}, lambda: BatchBuilder(4_000, 0), Places())
    assert sum(one.count for one in packed) == len(rows)
    assert all(one.batch.record_count() == one.count for one in packed)
    for partition in range(3):
        mine = [row["id"] for row in rows if partition_of(str(row["subject"]).encode(), 3) == partition]
        ends = [one.last for one in packed if one.place == ("care.missing", partition)]
        assert sorted(ends, key=mine.index) == ends
        assert not mine or ends[-1] == mine[-1]


def test_the_headers_of_a_record_are_those_of_the_store() -> None:
    row = a_row(uuid4(), 7)
    assert {name: value.decode() for name, value in record_headers(row["headers"])} == msgspec.json.decode(
        row["headers"]
    )


def test_headers_part_where_their_version_stands_whatever_is_said_in_them() -> None:
    draft = Draft(uuid4(), ChildWentMissing(kind="M"), None, "care.missing")
    odd = a_context(actor='"ce_streamversion":"9', correlation='\\"ce_streamversion":"8"')
    headers = headers_of(draft, odd, time=instant(NOW), stream_version=0)
    head, tail = parted(headers)
    assert msgspec.json.decode(head + b"12" + tail) == {**headers, "ce_streamversion": "12"}
