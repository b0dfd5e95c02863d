"""The envelope of a fact: CloudEvents 1.0 in Kafka's binary mode, and the same headers in every store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from carejourney.ids import new_id

Origin = Literal["person", "import", "system", "computed"]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode

CORRECTED: Final = "correction.fact_corrected"
RETRACTED: Final = "correction.fact_retracted"


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: such strings sort as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def effective_text(moment: date | datetime | None) -> str | None:
    """The `effectivefrom` of a day, an instant or nothing."""
    if moment is None:
        return None
    return instant(moment) if isinstance(moment, datetime) else moment.isoformat()


@dataclass(frozen=True, slots=True)
class Context:
    """Who says so, on whose behalf, because of what: the part of the envelope that a command brings."""

    source: str
    authority: str
    actor: str
    actor_role: str
    origin: Origin
    correlation: str
    causation: str | None = None
    known_from: str | None = None
    stated_in: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact decided and not yet recorded. `body` is a published fact; `effective` an ISO day or instant."""

    subject: UUID
    body: Any
    effective: str | None
    topic: str
    stream: Literal["record", "computed"] = "record"
    concerns: tuple[str, ...] = ()
    id: UUID = field(default_factory=new_id)
    causation: str | None = None
    origin: Origin | None = None


@dataclass(slots=True)
class Recorded:
    """A fact as stored and as it travels: headers by name, and the very bytes of its value. Not to be changed."""

    headers: Mapping[str, str]
    payload: bytes = field(repr=False)
    topic: str
    _subject: UUID | None = field(default=None, init=False, repr=False, compare=False)
    _data: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def type(self) -> str:
        return self.headers["ce_type"]

    @property
    def subject(self) -> UUID:
        if self._subject is None:
            self._subject = UUID(self.headers["ce_subject"])
        return self._subject

    @property
    def source(self) -> str:
        return self.headers["ce_source"]

    @property
    def time(self) -> str:
        return self.headers["ce_time"]

    @property
    def effective(self) -> str | None:
        return self.headers.get("ce_effectivefrom")

    @property
    def known(self) -> str:
        """The instant from which this counts as known: that of the append, or the day of a historic load."""
        day = self.headers.get("ce_knownfrom")
        return f"{day}T00:00:00.000000Z" if day else self.time

    @property
    def stream_version(self) -> int:
        return int(self.headers["ce_streamversion"])

    @property
    def corrects(self) -> str | None:
        return self.headers.get("ce_corrects")

    @property
    def data(self) -> dict[str, Any]:
        """The value as the reader finds it: personal fields still sealed, unknown fields kept."""
        if self._data is None:
            self._data = _decode(self.payload)
        return self._data

    def packed_headers(self) -> bytes:
        return _encode(self.headers)

    def kafka_headers(self) -> list[tuple[str, bytes]]:
        return [(name, value.encode()) for name, value in self.headers.items()]


def stored(headers: bytes, payload: bytes, topic: str) -> Recorded:
    """A fact out of a store."""
    return Recorded(_decode_headers(headers), payload, topic)


def received(headers: Iterable[tuple[str, bytes]], payload: bytes, topic: str) -> Recorded:
    """A fact out of Kafka."""
    return Recorded({name: value.decode() for name, value in headers}, payload, topic)


def headers_of(draft: Draft, context: Context, *, time: str, stream_version: int) -> dict[str, str]:
    """The headers of a draft that is being recorded, in their fixed order."""
    body = draft.body
    return {
        name: value
        for name, value in (
            ("ce_specversion", "1.0"),
            ("ce_id", str(draft.id)),
            ("ce_source", context.source),
            ("ce_type", body.wire),
            ("ce_subject", str(draft.subject)),
            ("ce_time", time),
            ("ce_dataschema", f"urn:carejourney:{body.wire}:{body.version}"),
            ("content-type", "application/json"),
            ("traceparent", context.traceparent),
            ("ce_effectivefrom", draft.effective),
            ("ce_knownfrom", context.known_from),
            ("ce_streamversion", str(stream_version)),
            ("ce_authority", context.authority),
            ("ce_actor", context.actor),
            ("ce_actorrole", context.actor_role),
            ("ce_origin", draft.origin or context.origin),
            ("ce_correlationid", context.correlation),
            ("ce_causationid", draft.causation or context.causation),
            ("ce_sensitivity", "restricted" if draft.topic.endswith(".restricted") else "standard"),
            ("ce_corrects", getattr(body, "corrects", None)),
            ("ce_concerns", ",".join(draft.concerns) or None),
            ("ce_statedin", context.stated_in),
        )
        if value is not None
    }
