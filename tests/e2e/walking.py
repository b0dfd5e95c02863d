"""One child of whom everything the catalogue knows is said, through each fact's command."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from carejourney.envelope import Recorded, received
from events.catalogue import CATALOGUE, TOPICS
from events.event import Fact
from events.families import Family
from events.sampling import sample_of
from tests.fixtures.system import AUTHORITY, System

EDGES: Final = {"start": 0, "point": 1, "end": 2}
ISO_DAY: Final = 10


def by_hand() -> list[type[Family]]:
    """Every fact that its family's command records, beginnings before what names them."""
    found = [cls for cls in CATALOGUE.values() if issubclass(cls, Family) and cls.remedy() is None]
    return sorted(found, key=lambda cls: (EDGES[cls.edge], cls.link is not None, cls.wire))


def another(cls: type[Fact], content: dict[str, Any], effective: str | None) -> tuple[str | None, dict[str, Any]]:
    """Another content that a fact could have, or the same on the next day."""
    changed = next((one for one in _changes(cls, content) if _is_taken(cls, {**content, **one})), None)
    if changed is not None:
        return effective, {**content, **changed}
    assert effective is not None
    return (date.fromisoformat(effective[:ISO_DAY]) + timedelta(days=1)).isoformat() + effective[ISO_DAY:], content


def _changes(cls: type[Fact], content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, codes in cls.coded_fields().items():
        yield {name: next(code for code in reversed(list(codes.codes)) if code != content[name])}
    for name, value in content.items():
        if isinstance(value, bool):
            yield {name: not value}
        elif name in cls.personal_fields() and not _is_day(value):
            yield {name: value[::-1] if str(value).isdigit() else f"{value} And more."}
    yield from ({name: "2013-05-10"} for name in cls.personal_fields())


def _is_taken(cls: type[Fact], content: dict[str, Any]) -> bool:
    try:
        cls.model_validate_json(json.dumps(content))
    except ValidationError:
        return False
    return True


def _is_day(value: object) -> bool:
    return isinstance(value, str) and len(value) == ISO_DAY and value[4] == "-"


@dataclass
class Walk:
    """A child, and the id of what was recorded of each type."""

    system: System
    child: UUID
    ids: dict[str, str] = field(default_factory=dict)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def post(
        self, service: str, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.system[service].post(f"/children/{self.child}/{path}", json=body, headers=headers)

    async def states(self, cls: type[Family]) -> httpx.Response:
        """The accepted sample of a type, naming what this child's record holds."""
        sample = sample_of(cls)
        content = dict(sample.content)
        if cls.link is not None and cls.linked is not None:
            content[cls.link] = self.ids[cls.linked.wire]
        self.said[cls.wire] = content
        answer = await self.post(cls.owner(), cls.plural, _body(cls, sample.effective, content))
        if answer.is_success:
            self.ids[cls.wire] = answer.json()["stands"]
        return answer

    async def misstates(self, cls: type[Family]) -> httpx.Response:
        """The refused sample of a type."""
        sample = sample_of(cls)
        return await self.post(cls.owner(), cls.plural, _body(cls, sample.effective, sample.refused))

    def other(self, cls: type[Family]) -> dict[str, Any]:
        """What is said of a type instead of its sample."""
        effective, content = another(cls, self.said[cls.wire], sample_of(cls).effective)
        return {"effective": effective, "content": content}

    async def changes(self, lines: Sequence[tuple[type[Family], dict[str, Any]]]) -> list[dict[str, Any]]:
        """Correct or retract facts, in this order, a batch to each service; what is refused or changed nothing."""
        run = str(uuid4())
        unlike: list[dict[str, Any]] = []
        for service, client in self.system.clients.items():
            mine = [self._line(cls, run, change) for cls, change in lines if cls.owner() == service]
            answer = await client.post("/facts", content="\n".join(json.dumps(line) for line in mine))
            told = [json.loads(text) for text in answer.raise_for_status().text.splitlines()]
            pairs = zip(mine, told, strict=True)
            unlike += [{**line, **one} for line, one in pairs if one["refused"] or not one["corrections"]]
        return unlike

    def _line(self, cls: type[Family], run: str, change: dict[str, Any]) -> dict[str, Any]:
        corrected = {"corrects": self.ids[cls.wire], "type": cls.wire, **change}
        return {"command_id": str(uuid4()), "run": run, "subject": str(self.child), "authority": AUTHORITY, **corrected}

    async def lanes(self, **asked: str) -> dict[str, list[dict[str, Any]]]:
        """The child's journey, once everyone has heard."""
        await self.system.settled()
        answer = await self.system["journey"].get(f"/children/{self.child}/history", params=asked)
        lanes: dict[str, list[dict[str, Any]]] = answer.raise_for_status().json()["lanes"]
        return lanes

    def told(self, cls: type[Fact], lanes: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The intervals of a fact's lane that say it."""
        return [one for one in lanes[cls.lane] if self.ids[cls.wire] in one["facts"]]


def _body(cls: type[Fact], effective: str | None, content: dict[str, Any]) -> dict[str, Any]:
    day = {"effective": effective} if effective is not None else {}
    return {"type": cls.wire, **day, "content": content}


async def published(system: System, child: UUID) -> dict[str, Recorded]:
    """Every record of a child in Kafka by its id, read by a consumer that knows nothing of us."""
    await system.settled()
    consumer = AIOKafkaConsumer(bootstrap_servers=system.surroundings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        places = [TopicPartition(topic, n) for topic in TOPICS for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[str, Recorded] = {}
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            records = [r for batch in (await consumer.getmany(timeout_ms=500)).values() for r in batch]
            facts = (received(r.headers, r.value, r.topic) for r in records if r.key == str(child).encode())
            found |= {fact.id: fact for fact in facts}
        return found
    finally:
        await consumer.stop()


def lines_of(child: str, classes: Iterable[type[Family]]) -> list[str]:
    """The samples as lines of a file, beginnings named by labels."""
    lines = []
    for cls in classes:
        sample = sample_of(cls)
        content = {name: value for name, value in sample.content.items() if name != cls.link}
        line: dict[str, Any] = {"child": child, **_body(cls, sample.effective, content), "ref": cls.wire}
        if cls.link is not None and cls.linked is not None:
            line["ends_ref"] = cls.linked.wire
        lines.append(json.dumps(line))
    return lines
