"""A fact with its envelope, as an iteration gives it, and what was counted on the way."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from uuid import UUID

from carejourney.client.places import Mark
from carejourney.client.seen import Seen
from carejourney.client.typed import Unknown, typed
from carejourney.envelope import Recorded
from events.event import Fact

# What stands in place of a number that is not told orders the facts of a subject as well, and is greater than any.
GREATEST_NUMBER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Message:
    """One fact: `fact` is its value, the properties are its envelope, `mark` is where to go on after it."""

    record: Recorded
    fact: Fact | Unknown
    mark: Mark

    def to_json(self) -> str:
        """All of it as text, to keep and read again."""
        kept = {"topic": self.topic, "headers": dict(self.headers), "value": self.record.payload.decode()}
        return json.dumps({**kept, "mark": self.mark})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave; a type that was unknown then may be known now."""
        kept = json.loads(text)
        record = Recorded(kept["headers"], kept["value"].encode(), kept["topic"])
        return cls(record, typed(record.type, version_of(record), record.data), Mark(*kept["mark"]))

    @property
    def id(self) -> str:
        """The same in every delivery of this fact."""
        return self.record.id

    @property
    def type(self) -> str:
        """The wire name, such as `placement.placement_started`."""
        return self.record.type

    @property
    def subject(self) -> UUID:
        """Whom it is about: the pseudonym that is also the key of the record."""
        return self.record.subject

    @property
    def topic(self) -> str:
        return self.record.topic

    @property
    def stream_version(self) -> int | None:
        """Its number among the facts of this subject on this topic: 1, 2, 3, without a gap.

        None where a feed shows only part of a topic: the numbers would tell how much is not shown.
        """
        number = self.record.stream_version
        return number if number <= GREATEST_NUMBER else None

    @property
    def effective(self) -> str | None:
        """ISO day, or instant in UTC, on which it was so; None for what holds for life."""
        return self.record.effective

    @property
    def time(self) -> str:
        """The instant of its recording: ISO 8601 in UTC with microseconds, so that text sorts as time does."""
        return self.record.time

    @property
    def known(self) -> str:
        """The instant from which it counts as known: `time`, but for a historic load the day of its return."""
        return self.record.known

    @property
    def authority(self) -> str:
        """ONS code of the responsible local authority."""
        return self.record.headers["ce_authority"]

    @property
    def headers(self) -> Mapping[str, str]:
        """Everything the envelope says, under the names of the Kafka headers."""
        headers = self.record.headers
        if self.stream_version is not None:
            return headers
        return {name: value for name, value in headers.items() if name != "ce_streamversion"}

    @property
    def data(self) -> dict[str, Any]:
        """The value as it came: also what its type has no field for."""
        return self.record.data


@dataclass(slots=True)
class Counts:
    """What an iteration has met so far: for your metrics, and for you to look at when `unknown` grows."""

    given: int = 0
    duplicates: int = 0
    unknown: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    seen: Seen | None = None


def message_of(found: Recorded | str, mark: Mark, counts: Counts, new: Callable[[Recorded], bool]) -> Message | None:
    """The message of a fact; None, counted, for one that is not new, and for what is no fact, told by the reason."""
    if isinstance(found, str):
        counts.unreadable[found] += 1
        return None
    if not new(found):
        counts.duplicates += 1
        return None
    fact = typed(found.type, version_of(found), found.data)
    if isinstance(fact, Unknown):
        counts.unknown[fact.type, fact.version, fact.reason] += 1
    counts.given += 1
    return Message(found, fact, mark)


def version_of(record: Recorded) -> int:
    """The version of the type that the content was written in: the last part of `dataschema`, 1 where it says none."""
    number = record.headers.get("ce_dataschema", "").rpartition(":")[2]
    return int(number) if number.isdecimal() else 1
