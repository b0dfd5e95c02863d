"""Records as the services publish them, made up for the kit: the same bytes in every kit of one version."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, shake_256
from typing import Any, Final
from uuid import UUID

from carejourney.envelope import Context, Draft, Recorded, effective_text, headers_of, instant
from events.correction import Consequence, FactCorrected, FactRetracted
from events.event import OWNERS, Fact

AUTHORITY: Final = "E08000025"
START: Final = datetime(2026, 6, 1, 9, tzinfo=UTC)
ISO_DAY: Final = 10
# A nonce before what was said, an authentication tag after it: the form of a sealed field, with nothing to read in it.
NONCE, TAG = 12, 16


@dataclass(frozen=True, slots=True)
class KitRecord:
    """One record of a topic: the key, the headers by name, and the value."""

    topic: str
    key: str
    headers: Mapping[str, str]
    value: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def type(self) -> str:
        return self.headers["ce_type"]

    @property
    def version(self) -> int:
        """The number among the facts of its subject on its topic."""
        return int(self.headers["ce_streamversion"])

    @property
    def written_in(self) -> int:
        """The version of its type in which its value is written."""
        return int(self.headers["ce_dataschema"].rpartition(":")[2])

    def payload(self) -> bytes:
        """The bytes of the value."""
        return json.dumps(self.value, separators=(",", ":")).encode()

    def recorded(self) -> Recorded:
        """The fact as the chassis reads it."""
        return Recorded(self.headers, self.payload(), self.topic)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {"topic": self.topic, "key": self.key, "headers": dict(self.headers), "value": self.value}


@dataclass(frozen=True, slots=True)
class Stranger:
    """The type of a fact that no catalogue of today knows, or a version that is yet to come."""

    wire: str
    version: int


class Author:
    """Writes facts about generated subjects: ids, versions and times follow from the author's name alone."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._written = 0
        self._versions: Counter[tuple[str, UUID]] = Counter()

    def subject(self, number: int = 1) -> UUID:
        """One of the subjects of this author."""
        return _id(START, f"{self._name}.subject.{number}")

    def says(
        self, subject: UUID, body: Fact | Stranger, effective: str | None, topic: str, content: Mapping[str, Any]
    ) -> KitRecord:
        """The next fact of a subject on a topic."""
        self._written += 1
        moment = START + timedelta(seconds=self._written)
        self._versions[topic, subject] += 1
        draft = Draft(subject, body, effective, topic, id=_id(moment, f"{self._name}.fact.{self._written}"))
        headers = headers_of(
            draft, self._context(topic), time=instant(moment), stream_version=self._versions[topic, subject]
        )
        return KitRecord(topic, str(subject), headers, content)

    def states(self, subject: UUID, body: Fact, effective: str | None, topic: str | None = None) -> KitRecord:
        """A fact of the catalogue, its personal fields sealed."""
        where = body.destination() if topic is None else topic
        return self.says(subject, body, _canonical(effective), where, sealed(subject, body))

    def corrects(
        self, first: KitRecord, was: KitRecord, now: Fact, *also: tuple[KitRecord, Fact | None], effective: str
    ) -> KitRecord:
        """`was`, which is the statement `first` or a correction of it, said otherwise, with what follows from that."""
        body = FactCorrected(
            corrects=was.id,
            type=first.type,
            effective=effective,
            replacement=sealed(UUID(first.key), now),
            consequences=tuple(_consequence(*one) for one in also),
        )
        return self.says(UUID(first.key), body, effective, first.topic, body.model_dump(mode="json"))

    def retracts(self, first: KitRecord, was: KitRecord, *also: tuple[KitRecord, Fact | None]) -> KitRecord:
        """`was`, which is the statement `first` or a correction of it, taken back."""
        consequences = tuple(_consequence(*one) for one in also)
        body = FactRetracted(corrects=was.id, type=first.type, reason="error", consequences=consequences)
        effective = first.headers.get("ce_effectivefrom")
        return self.says(UUID(first.key), body, effective, first.topic, body.model_dump(mode="json"))

    def _context(self, topic: str) -> Context:
        service = next((owner for name, owner in OWNERS.items() if name in topic.replace("-", "_")), "placement")
        actor = str(_id(START, f"{self._name}.actor"))
        return Context(service, AUTHORITY, actor, "social-work", "person", correlation=actor)


def sealed(subject: UUID, body: Fact) -> dict[str, Any]:
    """The content as it travels. Whoever looks into a sealed field of the kit finds that there never was a key."""
    return seal(subject, body.personal_fields(), body.model_dump(mode="json"))


def seal(subject: UUID, fields: Iterable[str], content: dict[str, Any]) -> dict[str, Any]:
    """The content with these fields as if they were sealed."""
    for field in fields:
        if content.get(field) is not None:
            plain = str(content[field]).encode()
            noise = shake_256(f"{subject}.{field}".encode() + plain).digest(NONCE + len(plain) + TAG)
            content[field] = f"sealed.1.{subject}.{base64.urlsafe_b64encode(noise).decode()}"
    return content


def _consequence(of: KitRecord, now: Fact | None) -> Consequence:
    replacement = None if now is None else sealed(UUID(of.key), now)
    day = None if now is None else of.headers.get("ce_effectivefrom")
    return Consequence(corrects=of.id, type=of.type, effective=day, replacement=replacement)


def _canonical(effective: str | None) -> str | None:
    """A day as it is, an instant as the services write it."""
    if effective is None or len(effective) == ISO_DAY:
        return effective
    return effective_text(datetime.fromisoformat(effective))


def _id(moment: datetime, name: str) -> UUID:
    """A UUIDv7 of a moment, the rest of it out of a name."""
    octets = bytearray(round(moment.timestamp() * 1000).to_bytes(6) + sha256(name.encode()).digest()[:10])
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    return UUID(bytes=bytes(octets))
