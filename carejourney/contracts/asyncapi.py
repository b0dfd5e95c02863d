"""The AsyncAPI 3 document of all topics: channels, what is sent on them, each message with envelope and example."""

from typing import Any, Final

from carejourney.contracts.language import TWIN, Language, sentence_of, urn_of
from carejourney.contracts.messages import message_of
from carejourney.contracts.schemas import schema_of

VERSION: Final = "1.0.0"
PARTITIONS: Final = 12
_UUID: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_NOT_IN_ASYNCAPI: Final = ("$schema", "$id")
_ABOUT: Final = (
    "Facts about children in care, as CloudEvents 1.0 in Kafka's binary mode. The key of a record is the pseudonym of"
    " its subject; the facts of one subject on one topic are in order, and between topics no order is promised. Facts"
    " are delivered at least once and are never edited: a correction is a fact too. Personal fields are sealed.\n\n"
    "A reader ignores fields, codes, types and versions it does not know, and goes on."
)

Document = dict[str, Any]


def asyncapi(language: Language) -> Document:
    """The document; every fact is described in its newest version, with the sample of that version."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:carejourney:facts",
        "info": {
            "title": "carejourney facts",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
            "tags": [{"name": family} for family in sorted({cls.family for cls in language.classes()})],
        },
        "defaultContentType": "application/json",
        "servers": {"installation": _server()},
        "channels": {topic: _channel(language, topic) for topic in language.topics},
        "operations": {f"publish.{topic}": _operation(language, topic) for topic in language.topics},
        "components": {
            "messages": {cls.wire: _message(language, cls) for cls in language.classes()},
            "messageTraits": {"envelope": {"headers": _envelope(), "contentType": "application/json"}},
        },
    }


def _server() -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The Kafka of one installation; its operator names the address and the credentials.",
        "variables": {"bootstrap": {"default": "localhost:9092", "description": "Where a client first connects."}},
    }


def _channel(language: Language, topic: str) -> Document:
    restricted = topic.endswith(TWIN)
    audience = "Restricted: for subscribers entitled to sensitive facts." if restricted else "For entitled subscribers."
    return {
        "address": topic,
        "title": topic,
        "description": f"{audience} Kept for ever.",
        "servers": [{"$ref": "#/servers/installation"}],
        "messages": {cls.wire: {"$ref": f"#/components/messages/{cls.wire}"} for cls in language.on(topic)},
        "bindings": {"kafka": {"topic": topic, "partitions": PARTITIONS, "bindingVersion": "0.5.0"}},
    }


def _operation(language: Language, topic: str) -> Document:
    return {
        "action": "send",
        "title": f"Facts on {topic}",
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{cls.wire}"} for cls in language.on(topic)],
    }


def _message(language: Language, cls: Any) -> Document:
    schema = schema_of(language, cls)
    said = {key: value for key, value in schema.items() if key.startswith("x-")}
    payload = {key: value for key, value in schema.items() if key not in said and key not in _NOT_IN_ASYNCAPI}
    sample = message_of(language, cls, cls.version)
    return {
        "name": cls.wire,
        "title": cls.__name__,
        "summary": sentence_of(cls),
        "tags": [{"name": cls.family}],
        "traits": [{"$ref": "#/components/messageTraits/envelope"}],
        "headers": _of_this_type(cls),
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "pattern": _UUID}, "bindingVersion": "0.5.0"}},
        "examples": [{"name": f"{cls.wire}.v{cls.version}", "headers": sample.headers, "payload": sample.value}],
        **said,
    }


def _of_this_type(cls: Any) -> Document:
    """What the headers of one type always are; the envelope they share comes by the trait."""
    return {
        "type": "object",
        "properties": {
            "ce_type": {"type": "string", "const": cls.wire},
            "ce_dataschema": {"type": "string", "const": urn_of(cls.wire, cls.version)},
        },
    }


def _envelope() -> Document:
    properties = {name: {"type": "string", "description": said, **more} for name, (said, more) in _HEADERS.items()}
    return {"type": "object", "required": list(_ALWAYS), "properties": properties}


_ALWAYS: Final = (
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_dataschema", "content-type",
    "ce_streamversion", "ce_authority", "ce_actor", "ce_actorrole", "ce_origin", "ce_correlationid", "ce_sensitivity",
)  # fmt: skip
_HEADERS: Final[dict[str, tuple[str, Document]]] = {
    "ce_specversion": ("The version of CloudEvents.", {"const": "1.0"}),
    "ce_id": ("The fact's id, a UUIDv7.", {"pattern": _UUID}),
    "ce_source": ("The service that recorded it.", {}),
    "ce_type": ("Its wire name.", {}),
    "ce_subject": ("The pseudonym of whom it is about; also the key of the record.", {"pattern": _UUID}),
    "ce_time": ("When it was recorded, in UTC.", {"format": "date-time"}),
    "ce_dataschema": ("Type and version: the id of the value's schema.", {"format": "uri"}),
    "content-type": ("The form of the value.", {"const": "application/json"}),
    "traceparent": ("The trace of which recording it was part (W3C).", {}),
    "ce_effectivefrom": ("The day or instant from which it was so.", {}),
    "ce_knownfrom": ("Of a historic load: the day on which it became known.", {"format": "date"}),
    "ce_streamversion": (
        "Its place among the subject's facts on this topic: 1, 2, 3 and so on.",
        {"pattern": "^[0-9]+$"},
    ),
    "ce_authority": ("The responsible local authority.", {}),
    "ce_actor": ("The pseudonym of who recorded it.", {}),
    "ce_actorrole": ("In which role.", {}),
    "ce_origin": ("How it came to be recorded.", {"enum": ["person", "import", "system", "computed"]}),
    "ce_correlationid": ("What it was recorded together with.", {}),
    "ce_causationid": ("The fact, or the import, because of which it was recorded.", {}),
    "ce_sensitivity": ("Whether it is on the topic or its restricted twin.", {"enum": ["standard", "restricted"]}),
    "ce_corrects": ("Of a correction: the fact that is corrected.", {"pattern": _UUID}),
    "ce_concerns": ("Pseudonyms of others whom it touches, with commas between them.", {}),
    "ce_statedin": ("The statement it is from, such as a year's return.", {}),
}
