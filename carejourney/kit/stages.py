"""Where the records of a check are sent, and from where a subscriber reads them: topics of Kafka, or a feed."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from carejourney.envelope import ERASED
from carejourney.kit.records import KitRecord

PARTITIONS: Final = 3
# A subscriber that waits for more is not to ask without end.
PAUSE: Final = 0.2
TOKEN: Final = "kit"  # noqa: S105 - opens nothing but generated records
LOOPBACK: Final = "127.0.0.1"


class Stage(Protocol):
    """Takes the records of a check."""

    async def fresh(self, topics: Sequence[str]) -> Mapping[str, str]:
        """Begin anew, with nothing in the topics; what the subscriber is told in its environment."""

    async def send(self, records: Sequence[KitRecord]) -> None:
        """Add records to the topics, in their order."""

    async def close(self) -> None:
        """Leave nothing behind."""


class KafkaStage:
    """Topics with names of their own on a broker; they are removed at the end. Raises KafkaError where it is away."""

    def __init__(self, address: str, replication: int = 1) -> None:
        self._address = address
        self._replication = replication
        self._prefix = ""
        self._made: list[str] = []

    async def fresh(self, topics: Sequence[str]) -> Mapping[str, str]:
        """Make the topics under a new prefix."""
        self._prefix = f"kit-{uuid4().hex[:8]}"
        made = [f"{self._prefix}.{topic}" for topic in topics]
        await self._ask("create_topics", [NewTopic(name, PARTITIONS, self._replication) for name in made])
        self._made += made
        return {"KAFKA": self._address, "TOPICS": ",".join(made), "GROUP": self._prefix}

    async def send(self, records: Sequence[KitRecord]) -> None:
        """Publish the records as the relay does, keyed by subject."""
        producer = AIOKafkaProducer(bootstrap_servers=self._address.split(","), acks="all")
        try:
            await producer.start()
            for record in records:
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                topic = f"{self._prefix}.{record.topic}"
                await producer.send(topic, record.payload(), record.key.encode(), headers=headers)
            await producer.flush()
        finally:
            await producer.stop()

    async def close(self) -> None:
        """Remove the topics."""
        if self._made:
            await self._ask("delete_topics", self._made)

    async def _ask(self, what: str, told: Sequence[Any]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._address.split(","))
        try:
            await admin.start()
            answer = await getattr(admin, what)(told)
        finally:
            await admin.close()
        codes: Any = getattr(answer, "topic_errors", None) or getattr(answer, "topic_error_codes", ())
        for _, code, *_ in codes:
            if code:
                raise for_code(code)


class FeedStage:
    """A feed on this machine that gives the records as a service's feed would, on a free port unless one is named."""

    def __init__(self, port: int = 0) -> None:
        self._log: dict[str, list[dict[str, Any]]] = {}
        self._server = ThreadingHTTPServer((LOOPBACK, port), _handler(self._page))
        self.address = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    async def fresh(self, topics: Sequence[str]) -> Mapping[str, str]:
        """Forget everything."""
        self._log = {topic: [] for topic in topics}
        return {"FEED": self.address, "TOKEN": TOKEN, "TOPICS": ",".join(topics)}

    async def send(self, records: Sequence[KitRecord]) -> None:
        """Add the records; the fields of a subject that is erased are forgotten from then on, also in older ones."""
        for record in records:
            self._log[record.topic].append(_event(record))
            if record.type == ERASED:
                self._forget(record.key)

    async def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def hide(self, attribute: str) -> None:
        """Leave an attribute out of what was sent so far, as a feed does that shows only part of a topic."""
        for event in (one for log in self._log.values() for one in log):
            event.pop(attribute, None)

    def _forget(self, subject: str) -> None:
        for event in (one for log in self._log.values() for one in log if one["subject"] == subject):
            event["data"] = {name: _forgotten(value) for name, value in event["data"].items()}

    def _page(self, topic: str, after: str, limit: int) -> dict[str, Any] | None:
        log = self._log.get(topic)
        if log is None or not (after or "0").isdecimal():
            return None
        end = int(after or 0) + limit
        facts = log[end - limit : end]
        return {"facts": facts, "next": str(end - limit + len(facts)), "more": len(log) > end}


def _event(record: KitRecord) -> dict[str, Any]:
    """CloudEvents' structured mode."""
    attributes = {name.removeprefix("ce_"): value for name, value in record.headers.items() if name != "content-type"}
    return {**attributes, "datacontenttype": "application/json", "data": record.value}


def _forgotten(value: object) -> object:
    return {"forgotten": True} if isinstance(value, str) and value.startswith("sealed.") else value


def _handler(page: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            found = page(asked.path.removeprefix("/feed/"), query.get("after", ""), int(query.get("limit", "500")))
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                self._answer(HTTPStatus.UNAUTHORIZED, {"title": "No token", "detail": "TOKEN says which"})
            elif found is None:
                self._answer(HTTPStatus.NOT_FOUND, {"title": "No such feed", "detail": "TOPICS says which there are"})
            else:
                if not found["facts"] and query.get("wait", "0") != "0":
                    time.sleep(PAUSE)
                self._answer(HTTPStatus.OK, found)

        def log_message(self, *_: object) -> None:
            """Nothing: what the subscriber asks is its own affair."""

        def _answer(self, status: HTTPStatus, told: Mapping[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
