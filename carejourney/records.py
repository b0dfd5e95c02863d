"""Reading records: the fact that one holds, or the reason why it holds none."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from aiokafka import ConsumerRecord

from carejourney.envelope import CORRECTIONS, Recorded, received
from carejourney.ids import parsed_id

_MAX_VERSION: Final = 2**31 - 1
_NEEDED: Final = ("ce_id", "ce_type", "ce_subject", "ce_time", "ce_source", "ce_streamversion", "ce_authority")
_ALL_NEEDED: Final = frozenset(_NEEDED)
_needed: Final = itemgetter(*_NEEDED)
# What a record made by a stranger can raise while it is read: bytes that are no text, no number, no JSON, no object.
_ODD: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_all(
    records: Iterable[ConsumerRecord],
) -> tuple[list[tuple[ConsumerRecord, Recorded]], list[tuple[ConsumerRecord, str]]]:
    """The records that hold a fact, each with it, and those that hold none, each with the reason."""
    facts, unreadable = [], []
    for record in records:
        found = read(record.headers, record.key, record.value, record.topic)
        if isinstance(found, str):
            unreadable.append((record, found))
        else:
            facts.append((record, found))
    return facts, unreadable


def read(headers: Any, key: bytes | None, value: bytes | None, topic: str) -> Recorded | str:
    """The fact of one record, or the reason why there is none."""
    try:
        fact = received(headers, value or b"", topic)
        if value is None:
            return "the record has no value"
        if not fact.headers.keys() >= _ALL_NEEDED:
            return f"headers are missing: {', '.join(name for name in _NEEDED if name not in fact.headers)}"
        if key != str(fact.subject).encode() or not _is_fact(fact):
            return "key, id, version or value do not fit the envelope"
    except _ODD as error:
        return f"cannot be read: {type(error).__name__}"
    return fact


def subject_of(record: ConsumerRecord) -> UUID | None:
    """Whom a record that cannot be read seems to be about: its key, where that is an id."""
    try:
        return UUID((record.key or b"").decode())
    except ValueError:
        return None


def _is_fact(fact: Recorded) -> bool:
    """Whether a record can be kept and folded, whatever it says. Raises ValueError for an id that is none."""
    parsed_id(fact.id)
    kept = "\0" not in "".join(_needed(fact.headers))
    if not kept or not 1 <= fact.stream_version <= _MAX_VERSION or not isinstance(fact.data, dict):
        return False
    if fact.type not in CORRECTIONS:
        return True
    changes = (fact.data, *fact.data.get("consequences", ()))
    return all(isinstance(c.get(name), str) for c in changes for name in ("corrects", "type"))
