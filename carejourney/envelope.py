"""The envelope of a fact: CloudEvents 1.0 in Kafka's binary mode, and the same headers in every store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import msgspec

from carejourney.ids import new_id, parsed_id

Origin = Literal["person", "import", "system", "computed"]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode

CORRECTED: Final = "correction.fact_corrected"
RETRACTED: Final = "correction.fact_retracted"
ERASED: Final = "placement.subject_erased"
SEALED: Final = "placement.record_sealed"
CORRECTIONS: Final = frozenset({CORRECTED, RETRACTED})

# Within a value the quotes would be escaped, so this is found only where the header is.
_VERSION: Final = b'"ce_streamversion":"'


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: such strings sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


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


class Said(Protocol):
    """A fact as folding sees it, whatever form it was read in."""

    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def effective(self) -> str | None: ...
    @property
    def known(self) -> str: ...
    @property
    def stream_version(self) -> int: ...
    @property
    def origin(self) -> str: ...
    @property
    def authority(self) -> str: ...
    @property
    def stated_in(self) -> str | None: ...
    @property
    def schema(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


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
            self._subject = parsed_id(self.headers["ce_subject"])
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
    def known_from(self) -> str | None:
        return self.headers.get("ce_knownfrom")

    @property
    def causation(self) -> str | None:
        return self.headers.get("ce_causationid")

    @property
    def concerns(self) -> str:
        """Pseudonyms of others whom it touches, with commas between them."""
        return self.headers.get("ce_concerns", "")

    @property
    def stream_version(self) -> int:
        return int(self.headers["ce_streamversion"])

    @property
    def origin(self) -> str:
        return self.headers.get("ce_origin", "system")

    @property
    def authority(self) -> str:
        return self.headers["ce_authority"]

    @property
    def stated_in(self) -> str | None:
        return self.headers.get("ce_statedin")

    @property
    def schema(self) -> str | None:
        return self.headers.get("ce_dataschema")

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
    wire = draft.body.wire
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(draft.id),
        "ce_source": context.source,
        "ce_type": wire,
        "ce_subject": str(draft.subject),
        "ce_time": time,
        "ce_dataschema": f"urn:carejourney:{wire}:{draft.body.version}",
        "content-type": "application/json",
    }
    if context.traceparent is not None:
        headers["traceparent"] = context.traceparent
    if draft.effective is not None:
        headers["ce_effectivefrom"] = draft.effective
    if context.known_from is not None:
        headers["ce_knownfrom"] = context.known_from
    headers["ce_streamversion"] = str(stream_version)
    headers["ce_authority"] = context.authority
    headers["ce_actor"] = context.actor
    headers["ce_actorrole"] = context.actor_role
    headers["ce_origin"] = draft.origin or context.origin
    headers["ce_correlationid"] = context.correlation
    _add_links(headers, draft, context)
    return headers


def _add_links(headers: dict[str, str], draft: Draft, context: Context) -> None:
    causation = draft.causation or context.causation
    if causation is not None:
        headers["ce_causationid"] = causation
    headers["ce_sensitivity"] = "restricted" if draft.topic.endswith(".restricted") else "standard"
    if draft.body.wire in CORRECTIONS:
        headers["ce_corrects"] = draft.body.corrects
    if draft.concerns:
        headers["ce_concerns"] = ",".join(draft.concerns)
    if context.stated_in is not None:
        headers["ce_statedin"] = context.stated_in


def parted(headers: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Packed headers without their stream version, which stands between the two parts: the database gives it."""
    packed = _encode(headers)
    at = packed.index(_VERSION) + len(_VERSION)
    return packed[:at], packed[packed.index(b'"', at) :]
