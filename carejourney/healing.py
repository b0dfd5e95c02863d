"""Gaps that heal by themselves: what a lane lacks is asked of the service that owns it, and takes the usual way.

A lane that waits for a few seconds is claimed (so two workers do not ask for it twice), its owner is asked for the
facts after the last one taken, and they are applied under the locks of the projector, as if Kafka had brought them.
What Kafka brings later is a duplicate. Each failure doubles the wait, up to five minutes; a round asks for so many
lanes and no more.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import httpx
import msgspec
import structlog

from carejourney import parking, telemetry
from carejourney.access import mint
from carejourney.applying import Applying
from carejourney.envelope import Recorded
from carejourney.faults import is_transient
from carejourney.openapi import PUBLISHES
from carejourney.projector import every_partition
from carejourney.records import read
from carejourney.settings import Settings

log = structlog.get_logger()

ROUND_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 3
LONGEST_WAIT_SECONDS: Final = 300
LANES: Final = 50
AT_ONCE: Final = 4
PAGES: Final = 20
PAGE: Final = 1_000
TOKEN_SECONDS: Final = 600

_CLAIM: Final = """
update parked p set attempts = p.attempts + 1, tried_at = now()
from (
  select subject, topic from parked
  where projection = 'gap' and tried_at < now() - least($1 * 2 ^ least(attempts, 20), $2) * interval '1 second'
  order by tried_at limit $3 for update skip locked
) due
where p.projection = 'gap' and p.subject = due.subject and p.topic = due.topic
returning p.subject, p.topic, p.fact,
  (select l.version from lane l where l.subject = p.subject and l.topic = p.topic) as version,
  (select r.headers from received r where r.subject = p.subject and r.id = p.fact) as headers
"""
_headers: Final = msgspec.json.Decoder(dict[str, str]).decode


class _Line(msgspec.Struct):
    """One line of an owner's answer: the value is kept as the bytes that it is."""

    headers: dict[str, str]
    value: msgspec.Raw


_line: Final = msgspec.json.Decoder(_Line).decode


class Credential(Protocol):
    """Gives a bearer token with the role `service`; None where there is none at the moment."""

    def token(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token that someone else puts into a file and renews there."""

    path: Path

    def token(self) -> str | None:
        try:
            return self.path.read_text().strip() or None
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class DevelopmentIssuer:
    """Tokens made with the development issuer's own key."""

    key: Path
    service: str

    def token(self) -> str | None:
        try:
            return mint(self.key, self.service, ["service"], seconds=TOKEN_SECONDS)
        except OSError:
            return None


def credential_of(settings: Settings, service: str) -> Credential | None:
    """How this service shows others who it is, where the settings say so."""
    if settings.service_token_file is not None:
        return TokenFile(settings.service_token_file)
    return DevelopmentIssuer(settings.issuer_key_file, service) if settings.issuer_key_file is not None else None


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of which facts are wanted: whose, in which topic, after which version, and who owns the facts."""

    subject: UUID
    topic: str
    version: int
    owner: str | None


class Healing:
    """Fills the gaps of one service. `owners` are the addresses of services by name; without them nobody is asked."""

    def __init__(
        self, pool: asyncpg.Pool, applying: Applying, owners: Mapping[str, str], credential: Credential | None
    ) -> None:
        self._pool = pool
        self._applying = applying
        self._owners = owners
        self._credential = credential
        self._service = applying.projecting.service
        self._wake = asyncio.Event()

    @property
    def possible(self) -> bool:
        """Whether there is anyone to ask, and something to ask with."""
        return bool(self._owners) and self._credential is not None

    def wake(self) -> None:
        """Look at once: an operator asked."""
        self._wake.set()

    async def run(self) -> None:
        """Heal for ever; also keeps the count of parked lanes. Waits out what is away.

        An owner that cannot be asked is none of the others' business, and what is wrong with a fact parks its lane: so
        what else is raised here is a bug. It is let through, and seen.
        """
        async with httpx.AsyncClient(timeout=httpx.Timeout(10, connect=2)) as client:
            while True:
                tried = 0
                try:
                    await self._count()
                    tried = await self.round(client) if self.possible else 0
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("healing.waiting", service=self._service, fault=type(error).__name__)
                await self._pause(PAUSE_SECONDS if tried == LANES else ROUND_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _count(self) -> None:
        lanes = await self._pool.fetchval("select count(*) from parked")
        telemetry.PARKED.labels(self._service).set(lanes)

    async def round(self, client: httpx.AsyncClient) -> int:
        """Ask for what some of the waiting lanes lack, and take what is given; how many lanes were tried."""
        rows = await self._pool.fetch(_CLAIM, PATIENCE_SECONDS, LONGEST_WAIT_SECONDS, LANES)
        lanes = [Lane(r["subject"], r["topic"], r["version"] or 0, _source(r["headers"])) for r in rows]
        token = self._credential.token() if self._credential and lanes else None
        if token is None:
            return len(lanes)
        at_once = asyncio.Semaphore(AT_ONCE)
        answers = await asyncio.gather(*(self._asked(client, lane, token, at_once) for lane in lanes))
        failed = sorted({lane.owner or "" for lane, answer in zip(lanes, answers, strict=True) if answer is None})
        if failed:
            log.warning("healing.failed", service=self._service, owners=failed, lanes=answers.count(None))
        facts = [fact for answer in answers for fact in answer or ()]
        if facts:
            await self._take(facts)
        return len(lanes)

    async def _asked(
        self, client: httpx.AsyncClient, lane: Lane, token: str, at_once: asyncio.Semaphore
    ) -> list[Recorded] | None:
        """What the owner has beyond the gap; None where it cannot be asked or its answer cannot be used."""
        async with at_once:
            try:
                facts = await self._facts_after(client, lane, token)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError):
                telemetry.GAPS_ASKED.labels(self._service, "failed").inc()
                return None
        telemetry.GAPS_ASKED.labels(self._service, "answered" if facts else "nothing").inc()
        return facts

    async def _facts_after(self, client: httpx.AsyncClient, lane: Lane, token: str) -> list[Recorded]:
        """What the owner has of a lane after what was taken. Raises `httpx.HTTPError` where it is away."""
        address = self._owners.get(lane.owner or "")
        if not address:
            return []
        facts, _ = await facts_of_owner(client, address, token, lane, most=PAGES * PAGE)
        return facts

    async def _take(self, facts: Sequence[Recorded]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            before = await connection.fetchval("select count(*) from parked where projection = 'gap'")
            await every_partition(connection)
            effect = await self._applying.apply_apart(connection, facts)
            for conflict in effect.conflicts:
                await parking.keep_conflict(connection, conflict.fact, conflict.kept, None, None)
            after = await connection.fetchval("select count(*) from parked where projection = 'gap'")
        telemetry.GAPS_HEALED.labels(self._service).inc(max(0, before - after))
        telemetry.CONFLICTS.labels(self._service).inc(len(effect.conflicts))
        self._applying.reactions.committed(effect.recorded)


async def facts_of_owner(
    client: httpx.AsyncClient, address: str, token: str, lane: Lane, most: float = math.inf
) -> tuple[list[Recorded], bool]:
    """The facts a service has of a lane after its version, and whether it is the one that publishes them.

    Raises `httpx.HTTPError` where it is away, and ValueError for an answer that holds something else.
    """
    facts: list[Recorded] = []
    after, publishes = lane.version, False
    while len(facts) < most:
        answer = await client.get(
            f"{address.rstrip('/')}/facts/{lane.subject}",
            params={"topic": lane.topic, "after": after},
            headers={"authorization": f"Bearer {token}"},
        )
        page = [_fact(line, lane) for line in answer.raise_for_status().content.splitlines() if line]
        facts += page
        publishes = answer.headers.get(PUBLISHES) == "true"
        if len(page) < PAGE:
            break
        after = page[-1].stream_version
    return facts, publishes


def _source(headers: bytes | None) -> str | None:
    """The service that owns a lane: the one that recorded the fact beyond the gap."""
    return _headers(headers).get("ce_source") if headers else None


def _fact(line: bytes, lane: Lane) -> Recorded:
    """A fact out of an owner's answer, judged as a record would be. Raises ValueError for what was not asked for."""
    found = _line(line)
    headers: Any = [(name, value.encode()) for name, value in found.headers.items()]
    fact = read(headers, str(lane.subject).encode(), bytes(found.value), lane.topic)
    if isinstance(fact, str):
        raise ValueError(fact)  # noqa: TRY004 - the answer is wrong, not its type
    return fact
