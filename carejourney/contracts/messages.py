"""A sample of each version of a fact as Kafka brings it: headers, key and value, personal fields sealed.

Everything in it is made up, and the same each time it is made.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from carejourney.contracts.language import Language, urn_of
from carejourney.envelope import CORRECTIONS, Context, Draft, headers_of
from carejourney.keys import PREFIX

SUBJECT: Final = UUID("0198f2c4-6b1a-7c3e-9d52-4f8a1c7e6b30")
FACT: Final = UUID("0198f2c4-7d05-7a41-8e6f-2b9c3d4e5f60")
_CORRELATION: Final = "0198f2c4-7cf0-7b12-9a3d-6e5f4c3b2a10"
_TIME: Final = "2026-05-15T09:30:00.000000Z"
_CONTEXT: Final = Context(
    source="", authority="E08000025", actor="0198f2c4-0a1b-7d2e-8f30-1a2b3c4d5e6f", actor_role="social-work",
    origin="person", correlation=_CORRELATION,
)  # fmt: skip

Seal = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Message:
    """One record of Kafka: its topic, headers by name, key and the content of its value."""

    topic: str
    headers: dict[str, str]
    key: str
    value: dict[str, Any]


def message_of(
    language: Language, cls: Any, version: int, *, subject: UUID = SUBJECT, seal: Seal | None = None
) -> Message:
    """The sample of a version. `seal` seals a field's text; left out, a stand-in of the same form takes its place."""
    sample = language.sample(cls, version)
    topic = cls.destination()
    if cls.wire in CORRECTIONS:
        topic = language.catalogue[sample.content["type"]].destination()
    # The envelope asks of a correction what it corrects; any other body is as good as the newest.
    body = cls.model_validate(sample.content if version == cls.version else language.sample(cls, cls.version).content)
    draft = Draft(subject, body, sample.effective, topic, id=FACT)
    context = replace(_CONTEXT, source=_source(language, cls, sample.content))
    headers = headers_of(draft, context, time=_TIME, stream_version=1)
    headers["ce_dataschema"] = urn_of(cls.wire, version)
    value = _sealed(language, cls, sample.content, seal or _stand_in(subject))
    return Message(topic, headers, str(subject), value)


def _source(language: Language, cls: Any, content: dict[str, Any]) -> str:
    corrected = language.catalogue[content["type"]] if cls.wire in CORRECTIONS else cls
    return str(corrected.owner())


def _sealed(language: Language, cls: Any, content: dict[str, Any], seal: Seal) -> dict[str, Any]:
    value = {
        name: seal(name, str(told)) if name in cls.personal_fields() and told is not None else told
        for name, told in content.items()
    }
    if cls.wire not in CORRECTIONS or content.get("replacement") is None:
        return value
    corrected = language.catalogue[content["type"]]
    return {**value, "replacement": _sealed(language, corrected, content["replacement"], seal)}


def _stand_in(subject: UUID) -> Seal:
    def seal(field: str, plain: str) -> str:
        made = hashlib.shake_256(f"{field} {plain}".encode()).digest(28 + len(plain.encode()))
        return f"{PREFIX}{subject}.{base64.urlsafe_b64encode(made).decode()}"

    return seal
