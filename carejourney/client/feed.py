"""Facts out of the HTTP feed, with the same iteration as out of Kafka."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx

from carejourney.client.messages import GREATEST_NUMBER, Counts, Message, message_of
from carejourney.client.places import Checkpoint, Given, Mark
from carejourney.client.seen import Recent
from carejourney.envelope import Recorded
from carejourney.records import read

PAGE: Final = 500
MICROSECONDS: Final = 1_000_000
WAIT_SECONDS: Final = 30
PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 15.0)
_TOO_MANY: Final = 429
# Attributes that Kafka's binary mode carries under another name than `ce_` and their own.
_NAMES: Final = {"datacontenttype": "content-type", "traceparent": "traceparent"}


class FeedProblem(Exception):  # noqa: N818 - what the feed said, told as it is
    """The feed refused: a token without the right, a cursor that is not one of this topic, or one that expired."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(f"{status}: {told}")
        self.status = status


class FeedClient:
    """Iterates the facts of topics that a token may see. `counts` tells what was met on the way.

    `address` is that of the service that owns the topics, or one for each topic. `token` is a bearer token, or a
    function that gives one that has not expired.
    """

    def __init__(self, address: str | Mapping[str, str], token: str | Callable[[], str]) -> None:
        self._address = address
        self._token = token
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(WAIT_SECONDS + 15, connect=5))
        self.counts = Counts()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def facts(
        self, *topics: str, checkpoint: Checkpoint | None = None, follow: bool = True, once: bool = True
    ) -> AsyncGenerator[Message, None]:
        """Every fact of the topics that the token may see, each subject's in order, from where the checkpoint says.

        As with Kafka a message counts as done when the next one is asked for, and is kept a page at a time. Gaps are
        not looked for: what the token may not see is one. While it follows, a feed that is away is asked again; raises
        `FeedProblem` for what it refuses, and httpx's errors where it does not follow.
        """
        marks = dict(await (checkpoint or Given({})).load())
        recent = Recent() if once else None
        asking = {self._ask(topic, marks, 0, follow=follow): topic for topic in topics}
        try:
            while asking:
                ready, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                for task in ready:
                    topic, page = asking.pop(task), task.result()
                    for message in self._messages(topic, page, marks.get(topic, ""), recent):
                        yield message
                    marks[topic] = page["next"]
                    if checkpoint is not None:
                        await checkpoint.save({topic: page["next"]})
                    if follow or page["more"]:
                        asking[self._ask(topic, marks, 0 if page["more"] else WAIT_SECONDS, follow=follow)] = topic
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    def _ask(self, topic: str, marks: Mapping[str, str], wait: int, *, follow: bool) -> asyncio.Task[dict[str, Any]]:
        query = {"limit": str(PAGE), "wait": str(wait)} | ({"after": marks[topic]} if topic in marks else {})
        return asyncio.create_task(self._patiently(topic, query) if follow else self._page(topic, query))

    async def _patiently(self, topic: str, query: Mapping[str, str]) -> dict[str, Any]:
        turn = 0
        while True:
            try:
                return await self._page(topic, query)
            except httpx.TransportError:
                pass
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in {_TOO_MANY, 502, 503, 504}:
                    raise
            await asyncio.sleep(PAUSES[min(turn, len(PAUSES) - 1)])
            turn += 1

    async def _page(self, topic: str, query: Mapping[str, str]) -> dict[str, Any]:
        address = self._address if isinstance(self._address, str) else self._address[topic]
        token = self._token if isinstance(self._token, str) else self._token()
        url = f"{address.rstrip('/')}/feed/{topic}"
        answer = await self._http.get(url, params=query, headers={"authorization": f"Bearer {token}"})
        if answer.is_client_error and answer.status_code != _TOO_MANY:
            raise FeedProblem(answer.status_code, _told(answer))
        page: dict[str, Any] = answer.raise_for_status().json()
        return page

    def _messages(self, topic: str, page: Mapping[str, Any], before: str, recent: Recent | None) -> list[Message]:
        """The messages of a page. One that is not the last marks the page's beginning: a feed has no place between."""
        last = len(page["facts"]) - 1
        new = partial(_is_new, recent)
        found = (
            message_of(_fact(one, topic), Mark(topic, page["next"] if n == last else before), self.counts, new)
            for n, one in enumerate(page["facts"])
        )
        return [message for message in found if message is not None]


def _is_new(recent: Recent | None, fact: Recorded) -> bool:
    return recent is None or recent.take(fact.id)


def _fact(event: Mapping[str, Any], topic: str) -> Recorded | str:
    """The fact of an event in structured mode, with the headers it would have in Kafka; else why it is none."""
    said = {_NAMES.get(name, f"ce_{name}"): str(value) for name, value in event.items() if name != "data" and value}
    numbered = {"ce_streamversion": "1", **said}
    headers = [(name, value.encode()) for name, value in numbered.items()]
    fact = read(headers, said.get("ce_subject", "").encode(), json.dumps(event.get("data")).encode(), topic)
    if isinstance(fact, str) or "ce_streamversion" in said:
        return fact
    try:
        moment = round(datetime.fromisoformat(fact.time).timestamp() * MICROSECONDS)
    except ValueError:
        return "the time is none"
    return Recorded({**said, "ce_streamversion": str(GREATEST_NUMBER + moment)}, fact.payload, topic)


def _told(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return "the feed refused without saying why"
