"""Reactions: what a service decides because others said something, or because time passed.

They are declared, checked for cycles at start, and decided by comparing what should stand with what the service itself
has recorded; so they fire once for each occurrence, and never in a rebuild.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from carejourney import crash, owncopy, parking, telemetry
from carejourney.envelope import Context, Draft, Recorded
from carejourney.faults import Fault, apart, is_transient
from carejourney.keys import SubjectKey, open_fields
from carejourney.projection import Kinds, ordered
from carejourney.standing import Standing, standing
from carejourney.store import Store, Unit

log = structlog.get_logger()

# Small, and with a pause after each: whoever waits for one of these streams gets it between two batches.
TIMER_BATCH: Final = 100
TIMER_PAUSE: Final = 0.05
TIMER_SECONDS: Final = 1.0
FAULT_PAUSE: Final = timedelta(hours=1)
Clock = Callable[[], datetime]
# How many facts were recorded, by topic.
Counts = Counter[str]


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a reaction decides on: one subject's standing facts, opened, and the moment."""

    subject: UUID
    heard: Sequence[Standing]
    own: Sequence[Standing]
    now: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be recorded now, and when to look again though nothing may have been heard."""

    drafts: Sequence[Draft]
    look_again: datetime | None


@dataclass(frozen=True, slots=True)
class Reaction:
    """`decide` is pure; facts of the types in `listens` wake it, and it records facts of the types in `emits` only."""

    name: str
    listens: frozenset[str]
    emits: frozenset[str]
    decide: Callable[[Situation], Outcome]


def refuse_cycles(reactions: Iterable[Reaction]) -> None:
    """Raise ValueError where facts of some type could, over reactions, cause facts of the same type."""
    causes: dict[str, set[str]] = {}
    for reaction in reactions:
        for wire in reaction.listens:
            causes.setdefault(wire, set()).update(reaction.emits)
    for start, effects in causes.items():
        seen: set[str] = set()
        pending = set(effects)
        while pending:
            wire = pending.pop()
            if wire == start:
                raise ValueError(f"reactions form a cycle through {start}")
            if wire not in seen:
                seen.add(wire)
                pending |= causes.get(wire, set())


class Reactions:
    """The reactions of one service, run in the transaction that takes the facts in, or by a durable timer."""

    def __init__(self, store: Store, reactions: Sequence[Reaction], kinds: Kinds, clock: Clock | None = None) -> None:
        refuse_cycles(reactions)
        self.store = store
        self._reactions = reactions
        self._kinds = kinds
        self._clock = clock or (lambda: datetime.now(UTC))

    async def react(self, connection: asyncpg.Connection, news: Iterable[Recorded]) -> Counts:
        """Decide for the subjects whose news wake a reaction; how many facts were recorded."""
        if not self._reactions:
            return Counts()
        causes = {f.subject: f for f in news if any(_wakes(r, f) for r in self._reactions)}
        return await self._decide_apart(connection, causes.keys(), causes)

    async def again(
        self, connection: asyncpg.Connection, name: str, subjects: Sequence[UUID]
    ) -> tuple[Counts, set[UUID]]:
        """Decide again for parked subjects of one reaction; how many facts were recorded, and who is still parked."""
        chosen = [r for r in self._reactions if r.name == name]
        if not chosen:
            await parking.unpark(connection, [(name, subject) for subject in subjects])
            return Counts(), set()
        recorded = await self._decide_apart(connection, subjects, {}, chosen)
        rows = await connection.fetch(
            "select subject from parked where projection = $1 and subject = any($2)", name, list(subjects)
        )
        return recorded, {row["subject"] for row in rows}

    def committed(self, recorded: Counts) -> None:
        """Say that facts of reactions were committed: they are counted as recorded, and the relay need not wait."""
        for topic, facts in recorded.items():
            telemetry.FACTS_RECORDED.labels(self.store.source, topic).inc(facts)
        if recorded:
            self.store.appended()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(reaction.name for reaction in self._reactions)

    async def _decide_apart(
        self,
        connection: asyncpg.Connection,
        subjects: Iterable[UUID],
        causes: Mapping[UUID, Recorded],
        reactions: Sequence[Reaction] | None = None,
    ) -> Counts:
        """Decide, and keep a fault that comes out only when the facts are recorded to the subject it belongs to."""
        chosen = self._reactions if reactions is None else reactions

        async def together(some: Sequence[UUID]) -> Counts:
            return await self._decide(connection, some, causes, chosen)

        async def one(subject: UUID, error: Exception) -> Counts:
            if len(chosen) > 1:
                return sum([await self._decide_apart(connection, [subject], causes, [r]) for r in chosen], Counts())
            await self._give_up(connection, chosen[0], subject, causes.get(subject), error)
            return Counts()

        return sum(await apart(connection, sorted(subjects), together, one), Counts())

    async def _decide(
        self,
        connection: asyncpg.Connection,
        subjects: Iterable[UUID],
        causes: Mapping[UUID, Recorded],
        reactions: Sequence[Reaction],
    ) -> Counts:
        wanted = sorted(subjects)
        now = self._clock()
        recorded = Counts()
        well = []
        async with self.store.unit(wanted, connection=connection) as unit:
            heard, own = await owncopy.facts_of(connection, wanted), await unit.facts(wanted)
            for subject in wanted:
                for reaction in reactions:
                    facts = heard[subject], own[subject]
                    outcome = self._outcome(reaction, subject, facts, unit, now)
                    if isinstance(outcome, Exception):
                        await self._give_up(connection, reaction, subject, causes.get(subject), outcome)
                        continue
                    if outcome.drafts:
                        context = self._context(heard[subject], causes.get(subject))
                        recorded.update(fact.topic for fact in unit.append(outcome.drafts, context))
                    await self._look_again(connection, subject, reaction.name, outcome.look_again)
                    well.append((reaction.name, subject))
        await parking.unpark(connection, well)
        return recorded

    def _outcome(
        self, reaction: Reaction, subject: UUID, facts: tuple[list[Recorded], list[Recorded]], unit: Unit, now: datetime
    ) -> Outcome | Exception:
        """What the reaction decides, or its fault; where the key was destroyed nothing, and no timer is kept."""
        if subject not in unit.keys:
            return Outcome((), None)
        try:
            return reaction.decide(self._situation(subject, *facts, unit, now))
        except Exception as error:  # noqa: BLE001 - any fault of a reaction parks one child's lane, never the others
            return error

    async def _give_up(
        self,
        connection: asyncpg.Connection,
        reaction: Reaction,
        subject: UUID,
        cause: Recorded | None,
        error: Exception,
    ) -> None:
        """Park the subject in this reaction, and look again after a while."""
        fault = Fault.of(error)
        log.error(
            "reaction.parked", service=self.store.source, reaction=reaction.name, fault=fault.kind, place=fault.place,
            subject=str(subject),
        )  # fmt: skip
        fact = UUID(cause.id) if cause else await self._newest(connection, reaction, subject)
        await parking.park(connection, self.store.source, reaction.name, subject, fact, fault)
        await self._look_again(connection, subject, reaction.name, self._clock() + FAULT_PAUSE)

    async def _newest(self, connection: asyncpg.Connection, reaction: Reaction, subject: UUID) -> UUID | None:
        """The fact a parked lane names where no arrival woke it: the same as before, or the last that could."""
        found: UUID | None = await connection.fetchval(
            "select coalesce((select fact from parked where projection = $1 and subject = $2 and topic = ''),"
            " (select id from received where subject = $2 and type = any($3) order by arrival desc limit 1))",
            reaction.name, subject, list(reaction.listens),
        )  # fmt: skip
        return found

    def _situation(
        self, subject: UUID, heard: list[Recorded], own: list[Recorded], unit: Unit, now: datetime
    ) -> Situation:
        key = unit.keys.get(subject)
        return Situation(
            subject,
            [opened(f, key) for f in ordered(heard, self._kinds)],
            [opened(f, key) for f in standing(self._kinds.versions.newest(own))],
            now,
        )

    def _context(self, heard: Sequence[Recorded], cause: Recorded | None) -> Context:
        root = cause or heard[-1]
        return Context(
            source=self.store.source,
            authority=root.headers["ce_authority"],
            actor=self.store.source,
            actor_role="system",
            origin="computed",
            correlation=root.headers.get("ce_correlationid", root.id),
            causation=cause.id if cause else None,
            traceparent=cause.headers.get("traceparent") if cause else None,
        )

    async def _look_again(
        self, connection: asyncpg.Connection, subject: UUID, name: str, moment: datetime | None
    ) -> None:
        if moment is None:
            await connection.execute("delete from timer where subject = $1 and name = $2", subject, name)
            return
        await connection.execute(
            "insert into timer (subject, name, due_at) values ($1, $2, $3)"
            " on conflict (subject, name) do update set due_at = excluded.due_at",
            subject, name, moment,
        )  # fmt: skip

    async def fire(self, connection: asyncpg.Connection) -> int:
        """Decide for subjects whose timer has come due, some at a time; how many there were.

        The stream is locked before the timer, as the projector does: the two would wait for each other otherwise.
        """
        recorded = Counts()
        async with connection.transaction():
            due = await connection.fetch(
                "select distinct subject from (select subject from timer join stream using (subject) where due_at <= $1"
                " order by due_at, subject limit $2 for update of stream skip locked) as due",
                self._clock(), TIMER_BATCH,
            )  # fmt: skip
            if due:
                recorded = await self._decide_apart(connection, [row["subject"] for row in due], {})
                crash.point("timers.before_commit")
        if due:
            crash.point("timers.after_fire")
            telemetry.TIMERS_FIRED.labels(self.store.source).inc(len(due))
            self.committed(recorded)
        return len(due)

    async def run_timers(self, pool: asyncpg.Pool) -> None:
        """Fire timers as they come due, a batch at a time; waits out what is away.

        The faults of one subject park it, so what else is raised here is a bug: it is let through, and seen.
        """
        while True:
            fired = 0
            try:
                async with pool.acquire() as connection:
                    fired = await self.fire(connection)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("timers.waiting", service=self.store.source, fault=type(error).__name__)
            await asyncio.sleep(TIMER_SECONDS if fired < TIMER_BATCH else TIMER_PAUSE)


def opened(fact: Standing, key: SubjectKey | None) -> Standing:
    """The fact with its personal fields in plain text, for deciding only."""
    data: dict[str, Any] = open_fields(fact.data, key)
    return Standing(
        fact.id, fact.type, fact.effective, data, fact.topic, fact.source, fact.origin, fact.known, fact.version,
        fact.facts, fact.stated_in, fact.authority, fact.retracted, fact.corrected,
    )  # fmt: skip


def _wakes(reaction: Reaction, fact: Recorded) -> bool:
    if fact.type in reaction.listens:
        return True
    if not fact.type.startswith("correction."):
        return False
    data = fact.data
    return any(c["type"] in reaction.listens for c in (data, *data.get("consequences", ())))
