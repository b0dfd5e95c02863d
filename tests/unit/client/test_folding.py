"""What is true now, told from messages."""

from dataclasses import replace
from itertools import permutations

from carejourney.client import Mark, Message, standing, written_in
from carejourney.client.messages import Counts, message_of
from carejourney.kit.cases import cases, holds
from carejourney.kit.records import KitRecord
from carejourney.records import read


def _any(_: object) -> bool:
    return True


def _message(record: KitRecord) -> Message:
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    mark = Mark(f"{record.topic}/0", "1")
    made = message_of(read(headers, record.key.encode(), record.payload(), record.topic), mark, Counts(), _any)
    assert made is not None
    return made


def _records(*names: str) -> list[KitRecord]:
    return [record for case in cases() if case.name in names for record in case.records]


def test_each_case_of_the_kit_folds_to_what_the_kit_expects() -> None:
    records = _records("facts", "corrections", "retractions", "duplicates", "republished", "gap", "gap-filled")

    stand = {one.id: (one.effective, one.data) for one in standing(map(_message, records))}

    assert stand == {fact: (held.effective, held.data) for fact, held in holds(records).items()}


def test_data_is_told_with_the_version_in_which_it_is_written() -> None:
    records = _records("corrections", "other-version", "every-fact")
    messages = {record.id: _message(record) for record in records}

    told = {one.id: written_in(one, messages) for one in standing(messages.values())}

    assert told == {fact: held.version for fact, held in holds(records).items()}
    assert set(told.values()) == {1, 2}


def test_a_correction_in_a_version_yet_to_come_is_told_as_of_that_version() -> None:
    first, _, once = _records("other-version")
    later = replace(once, value={**once.value, "replacement": {"kind": "other"}, "of_version": 3})
    messages = {record.id: _message(record) for record in (first, later)}

    (one,) = standing(messages.values())
    assert (one.data, written_in(one, messages)) == ({"kind": "other"}, 3)


def test_the_order_of_arrival_does_not_matter() -> None:
    messages = [_message(record) for record in _records("retractions")]
    orders = [sorted((one.id, str(one.data)) for one in standing(order)) for order in permutations(messages)]

    assert all(order == orders[0] for order in orders)


def test_what_was_retracted_can_be_asked_for() -> None:
    messages = [_message(record) for record in _records("retractions")]

    assert [one.retracted for one in standing(messages)] == [False]
    assert sorted(one.retracted for one in standing(messages, retracted=True)) == [False, True, True]


def test_a_message_that_was_kept_as_text_is_the_same_message() -> None:
    for message in map(_message, _records("facts", "corrections")):
        again = Message.from_json(message.to_json())

        assert (again, again.fact, again.mark) == (message, message.fact, message.mark)
        assert (again.subject, again.stream_version, again.known) == (
            message.subject, message.stream_version, message.known,
        )  # fmt: skip


def test_what_is_no_fact_is_counted_and_passed_over() -> None:
    counts, record = Counts(), _records("facts")[0]
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    mark = Mark("care.placement/0", "1")
    odd = [
        (headers, record.key.encode(), None),
        (headers, b"somebody else", record.payload()),
        ([], b"", b"{}"),
        (headers, record.key.encode(), b"not json"),
    ]

    assert [message_of(read(*one, record.topic), mark, counts, _any) for one in odd] == [None] * 4
    assert (counts.given, counts.unreadable.total()) == (0, 4)
