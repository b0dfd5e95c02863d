"""Sends one webhook its facts, in the one process that leads for it.

A page of a topic is read, and each child's facts in it are sent one after the other, several children at a time. What
was not accepted becomes a lane that lags, and the place moves past the page in the same transaction: so nothing is lost
whenever the process dies, and what was sent since the last move is sent again, with the same ids.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import structlog

from carejourney import crash, telemetry
from carejourney.envelope import Recorded
from carejourney.errors import Unavailable
from carejourney.faults import Fault, is_transient
from carejourney.feed.delivered import note_delivery
from carejourney.feed.reading import Place, read_after
from carejourney.feed.serving import Asked
from carejourney.keys import Keys
from carejourney.store import DATABASE_AWAY
from carejourney.webhooks import lanes, schedule, signing, subscriptions
from carejourney.webhooks.addresses import Addresses
from carejourney.webhooks.lanes import Lane, Placed
from carejourney.webhooks.message import body_of
from carejourney.webhooks.sending import Answer, Target
from carejourney.webhooks.subscriptions import DISABLED, PAUSED, Webhook
from carejourney.withholding import to_be_given

log = structlog.get_logger()
Result = TypeVar("Result")

PAGE: Final = 50
AT_ONCE: Final = 8
LANES_AT_ONCE: Final = 4
# A child whose facts take longer than this goes on in a lane of its own, so that the page ends.
PAGE_SECONDS: Final = 10.0
REST_SECONDS: Final = 1.0
READERS: Final = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Means:
    """What every courier of a service works with."""

    service: str
    pool: asyncpg.Pool
    keys: Keys
    catalogue: Mapping[str, Any]
    secrets: signing.Secrets
    addresses: Addresses
    clock: Callable[[], datetime] = utc_now
    _readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for a moment, never while something is sent: most of the pool is left to who records."""
        async with self._readers, self.pool.acquire() as connection:
            yield connection


@dataclass
class Turn:
    """One round of sending: what was accepted, and which lanes lag now."""

    ends: float = field(default_factory=lambda: time.monotonic() + PAGE_SECONDS)
    accepted: list[Placed] = field(default_factory=list)
    behind: list[Lane] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return time.monotonic() > self.ends


class Courier:
    """The work for one webhook; `webhook` is what is known of it now, kept fresh by whoever started this."""

    def __init__(self, webhook: Webhook, means: Means) -> None:
        self.webhook = webhook
        self.oldest: datetime | None = None
        self.seen: Place | None = None
        self.news = asyncio.Event()
        self.due = asyncio.Event()
        self._means = means
        self._target = Target(webhook.url, means.addresses)
        self._reading = asyncio.Lock()
        self.halted = False
        # Halted, and that is kept: whoever ends this before would begin it anew.
        self.ended = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read and to try again."""
        self._tasks = [asyncio.create_task(self._whenever(self.news, self.read)),
                       asyncio.create_task(self._whenever(self.due, self.retry))]  # fmt: skip
        self.news.set()
        self.due.set()

    def check(self) -> None:
        """Raise what a bug ended this work with."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self, seconds: float = 0) -> None:
        """End the work; what is under way may end within some seconds, so that it is not sent again."""
        self.halted = True
        self.news.set()
        self.due.set()
        if seconds and self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._target.close()

    async def _whenever(self, event: asyncio.Event, work: Callable[[], Awaitable[bool]]) -> None:
        while not self.halted:
            await event.wait()
            event.clear()
            try:
                while not self.halted and await work():
                    pass
            except (*DATABASE_AWAY, Unavailable) as error:
                log.warning("webhook.waiting", webhook=str(self.webhook.id), fault=type(error).__name__)
                await asyncio.sleep(REST_SECONDS)
                event.set()

    @property
    def _failing(self) -> bool:
        return self.webhook.failures >= schedule.FAILING

    @property
    def _holding(self) -> bool:
        return self.halted or self._failing

    async def read(self) -> bool:
        """Send the next page of each topic; whether there is more already."""
        if self._holding:
            return False
        return any([await self._read_topic(topic) for topic in self.webhook.topics])

    async def _read_topic(self, topic: str) -> bool:
        async with self._reading:
            async with self._means.connection() as connection:
                place = await subscriptions.place_of(connection, self.webhook.id, topic)
                if place is None:
                    return False
                stretch = await read_after(connection, topic, place, PAGE)
                facts = await self._given(connection, stretch.facts)
                late = await lanes.waiting(connection, self.webhook.id, topic, {fact.subject for _, fact in facts})
            self.oldest = datetime.fromisoformat(facts[0][1].time) if facts else None
            if stretch.reached == place:
                return False
            turn = await self._deliver(facts, late)
            crash.point("webhooks.before_mark")
            await self._settle(topic, place, stretch.reached, turn)
            crash.point("webhooks.after_mark")
            self.oldest = None
        return stretch.more and not self._holding

    async def _settle(self, topic: str, place: Place, reached: Place, turn: Turn) -> None:
        """Move past a page, all at once with what of it lags; where someone else did, what they noted counts."""
        async with self._means.connection() as connection, connection.transaction():
            if not await subscriptions.move(connection, self.webhook.id, topic, place, reached):
                log.warning("webhook.overtaken", webhook=str(self.webhook.id), topic=topic)
                return
            await lanes.add(connection, self.webhook.id, turn.behind)
            await self._note(connection, topic, turn)
        if turn.behind:
            self.due.set()

    async def _given(self, connection: asyncpg.Connection, facts: Sequence[Placed]) -> list[Placed]:
        """Those of a type that was asked for and that may be given today, which may be fewer than once could be."""
        webhook, catalogue = self.webhook, self._means.catalogue
        topic, entitlement = facts[0][1].topic if facts else "", webhook.entitlement
        asked = Asked(webhook.consumer, topic, entitlement, webhook.types)
        wanted = [(place, fact) for place, fact in facts if asked.wants(fact, catalogue)]
        return await to_be_given(connection, wanted, webhook.consumer, entitlement.roles, catalogue)

    async def _deliver(self, facts: Sequence[Placed], late: set[UUID]) -> Turn:
        turn, children = Turn(), _by_subject(facts)
        turn.behind += [self._lane(mine) for child, mine in children.items() if child in late]
        places = asyncio.Semaphore(AT_ONCE)

        async def in_turn(mine: Sequence[Placed]) -> None:
            async with places:
                await self._send_each(mine, turn)

        await _all_of(in_turn(mine) for child, mine in children.items() if child not in late)
        return turn

    async def _send_each(self, mine: Sequence[Placed], turn: Turn) -> None:
        """One child's facts, each once the one before was accepted."""
        for n, (place, fact) in enumerate(mine):
            if self._holding or turn.over:
                turn.behind.append(self._lane(mine[n:]))
                return
            answer = await self._send(fact)
            if not answer.accepted:
                turn.behind.append(self._failed(self._lane(mine[n:]), answer))
                return
            turn.accepted.append((place, fact))

    def _lane(self, left: Sequence[Placed]) -> Lane:
        first, last = left[0][1], left[-1][1]
        since = datetime.fromisoformat(first.time)
        return Lane(first.topic, first.subject, first.stream_version, last.stream_version, since, 0, self._now())

    def _failed(self, lane: Lane, answer: Answer) -> Lane:
        due_at = schedule.next_attempt(1, self._now(), answer.retry_after)
        return replace(lane, attempts=1, due_at=due_at or lane.due_at, fault=answer.told)

    async def retry(self) -> bool:
        """Try lanes that are due; of a target that fails for everything, one fact. Whether to go on at once."""
        if self._failing:
            return await self._probe()
        async with self._means.connection() as connection:
            due = await lanes.due(connection, self.webhook.id, self._now(), LANES_AT_ONCE)
        went_on = await _all_of(self._retry_lane(lane) for lane in due)
        return any(went_on) and not self._holding

    async def _probe(self) -> bool:
        """Try a target that took nothing for a while with one fact."""
        if self.webhook.retry_at is not None and self._now() < self.webhook.retry_at:
            return False
        self._know(retry_at=schedule.next_probe(self.webhook.failures, self._now()))
        async with self._means.connection() as connection:
            lane = await lanes.least_tried(connection, self.webhook.id)
        if lane is None:
            for topic in self.webhook.topics:
                await self._read_topic(topic)
            return False
        return await self._retry_lane(lane)

    async def _retry_lane(self, lane: Lane) -> bool:
        """Send what a lane still holds; whether it came further."""
        async with self._means.connection() as connection:
            facts = await lanes.facts_of(connection, lane, PAGE)
            given = {fact.id: fact for _, fact in await self._given(connection, facts)}
        turn, reached, refused = await self._send_lane(lane, facts, given)
        if reached > lane.version:
            crash.point("webhooks.before_lane")
            async with self._means.connection() as connection, connection.transaction():
                await lanes.advance(connection, self.webhook.id, lane, reached, self._now())
                await self._note(connection, lane.topic, turn)
            lane = replace(lane, attempts=0, due_at=self._now())
        if refused is not None:
            await self._note_refused(lane, *refused)
        return reached > lane.version

    async def _send_lane(
        self, lane: Lane, facts: Sequence[Placed], given: Mapping[str, Recorded]
    ) -> tuple[Turn, int, tuple[Recorded, Answer] | None]:
        """What was accepted, the version reached, and the fact that was not accepted with the answer to it."""
        turn, reached = Turn(), lane.version
        for place, fact in facts:
            if self.halted or turn.over:
                return turn, reached, None
            if fact.id in given:
                answer = await self._send(given[fact.id])
                if not answer.accepted:
                    return turn, reached, (fact, answer)
                turn.accepted.append((place, fact))
            reached = fact.stream_version + 1
        return turn, reached if facts else lane.until_version + 1, None

    async def _note_refused(self, lane: Lane, fact: Recorded, answer: Answer) -> None:
        now = self._now()
        if lane.due_at > now:
            # Only a try whether the target takes anything again: it does not count against this child.
            return
        due_at = schedule.next_attempt(lane.attempts + 1, now, answer.retry_after)
        async with self._means.connection() as connection:
            await lanes.note_failure(connection, self.webhook.id, lane, fact, answer.told, due_at, now)
        if due_at is None:
            log.warning("webhook.parked", webhook=str(self.webhook.id), topic=lane.topic, fault=answer.told)

    async def _send(self, fact: Recorded) -> Answer:
        """Send one fact, and note how the target does."""
        means, now = self._means, self._now()
        try:
            body = await body_of(fact, self.webhook.entitlement, means.keys, means.catalogue)
        except Exception as error:
            if is_transient(error) or isinstance(error, Unavailable):
                raise
            # What cannot be shown is this child's own trouble: its lane waits, every other goes on.
            return Answer(fault=Fault.of(error).kind)
        secrets = [await means.secrets.of(name) for name in self.webhook.secrets(now)]
        failing = self._failing
        answer = await self._target.post(signing.headers(secrets, fact.id, int(now.timestamp()), body), body)
        crash.point("webhooks.after_send")
        await self._note_answer(answer, probing=failing)
        return answer

    async def _note_answer(self, answer: Answer, *, probing: bool) -> None:
        """Note how the target does; `probing` where it was taken to be away already when this was sent."""
        service, webhook, now = self._means.service, self.webhook, self._now()
        if answer.accepted:
            telemetry.WEBHOOK_DELIVERED.labels(service).inc()
            if webhook.failures:
                await self._recover(now)
            return
        telemetry.WEBHOOK_FAILED.labels(service).inc()
        if self._failing and not probing and not answer.gone:
            # Sent beside those that told so: one short outage is not to count as many tries.
            return
        since, failures = webhook.failing_since or now, webhook.failures + 1
        self._know(failures=failures, failing_since=since, retry_at=schedule.next_probe(failures, now))
        async with self._means.connection() as connection:
            await subscriptions.note_failure(connection, webhook.id, now, self.webhook.retry_at)
            if answer.gone:
                await self._halt(connection, DISABLED, "the target answered 410 Gone", now)
            elif self._failing and now - since > schedule.PATIENCE:
                await self._halt(connection, PAUSED, f"nothing accepted since {since:%Y-%m-%d %H:%M} UTC", now)

    async def _recover(self, now: datetime) -> None:
        """The target accepts again: what waits because of it is tried at once, and reading goes on."""
        failed = self._failing
        self._know(failures=0, failing_since=None, retry_at=None)
        async with self._means.connection() as connection:
            await subscriptions.note_success(connection, self.webhook.id)
            if failed:
                await lanes.hasten(connection, self.webhook.id, now)
        if failed:
            self.news.set()
            self.due.set()

    async def _halt(self, connection: asyncpg.Connection, state: str, why: str, now: datetime) -> None:
        self.halted = True
        log.warning("webhook.halted", webhook=str(self.webhook.id), state=state)
        try:
            await subscriptions.halt(connection, self.webhook.id, state, why, now)
        finally:
            self.ended = True

    def refresh(self, webhook: Webhook) -> None:
        """Heed what was changed by its owner; how the target does, this knows best itself."""
        known = self.webhook
        self.webhook = replace(
            webhook, failures=known.failures, failing_since=known.failing_since, retry_at=known.retry_at
        )

    def _know(self, **changes: Any) -> None:
        self.webhook = replace(self.webhook, **changes)

    async def _note(self, connection: asyncpg.Connection, topic: str, turn: Turn) -> None:
        given = [one for one in turn.accepted if one[1].topic == topic]
        await note_delivery(connection, self.webhook.consumer, topic, given, in_order=False, now=self._now())

    def _now(self) -> datetime:
        return self._means.clock()


async def _all_of(work: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """The results of all of it; where some of it fails, the rest comes to its end before that is raised."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return [one for one in done if not isinstance(one, BaseException)]


def _by_subject(facts: Sequence[Placed]) -> dict[UUID, list[Placed]]:
    found: dict[UUID, list[Placed]] = {}
    for one in facts:
        found.setdefault(one[1].subject, []).append(one)
    return found
