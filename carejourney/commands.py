"""Carrying out a command: lock the stream, fold what stands, decide, append, remember the answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from carejourney import telemetry, tracing
from carejourney.access import Caller
from carejourney.envelope import Context, Draft, Origin, Recorded
from carejourney.errors import Gone, NotFound, Refusal, StaleVersion
from carejourney.keys import SubjectKey
from carejourney.reactions import opened
from carejourney.standing import Standing, standing
from carejourney.store import Moved, Store, Unit

TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class State:
    """What a decision sees: the service's own standing facts of one subject, opened, and the moment."""

    subject: UUID
    own: Sequence[Standing]
    now: datetime


@dataclass(slots=True)
class Decided:
    """What a decision says: facts to record (none: already so), how many are corrections, and notes for the asker."""

    drafts: list[Draft] = field(default_factory=list)
    corrections: int = 0
    notes: dict[str, Any] = field(default_factory=dict)


Decide = Callable[[State], Decided]
Beside = Callable[[Unit], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True)
class Command:
    """One decision asked for. `expected` is the stream version of If-Match, where given.

    `erased` is the answer where the child was erased; without one the command is refused.
    """

    id: UUID
    subject: UUID
    decide: Decide
    context: Context
    expected: int | None = None
    erased: dict[str, Any] | None = None


def context_of(
    who: Caller, source: str, authority: str, command: UUID, *,
    origin: Origin = "person", role: Sequence[str] = (), known_from: str | None = None, stated_in: str | None = None,
) -> Context:  # fmt: skip
    """The envelope's part that the caller brings."""
    return Context(
        source=source,
        authority=authority,
        actor=who.actor,
        actor_role=who.role(*role),
        origin=origin,
        correlation=str(command),
        known_from=known_from,
        stated_in=stated_in,
        traceparent=tracing.traceparent(),
    )


async def carry_out(
    store: Store, commands: Sequence[Command], *, now: datetime | None = None, beside: Beside | None = None
) -> list[dict[str, Any]]:
    """Carry out commands in one transaction; a command already answered gets its first answer.

    Each answer is `{subject, version, facts, corrections, recorded: [ids], **notes}`. What is `beside` the decisions is
    entered when their subjects are locked, and left in the same transaction.
    Raises `NotFound` for a subject nobody registered, `Gone` for one that was erased, `StaleVersion` where If-Match
    does not hold, `Refusal` for a command id that was used for another subject.
    """
    with tracing.span(telemetry.COMMAND_SPAN):
        if len(commands) == 1 and beside is None:
            return [await _alone(store, commands[0], now or datetime.now(UTC))]
        return await _together(store, commands, now, beside)


async def _together(
    store: Store, commands: Sequence[Command], now: datetime | None, beside: Beside | None = None
) -> list[dict[str, Any]]:
    async with store.unit({c.subject for c in commands}, now=now) as unit, (beside or nullcontext)(unit):
        answered = await unit.answers(c.id for c in commands)
        fresh = [c for c in commands if c.id not in answered]
        own = await unit.facts(sorted({c.subject for c in fresh}))
        answers = []
        for command in commands:
            if command.id not in answered:
                answered[command.id] = _decide(store, unit, command, own[command.subject])
            answers.append(_answer_for(command, answered[command.id]))
        return answers


async def _alone(store: Store, command: Command, now: datetime) -> dict[str, Any]:
    """One command without a lock: load, decide, append what still holds; two round trips.

    Where others keep appending in between, the last try waits for the lock.
    """
    key = (await store.keys.of([command.subject])).get(command.subject)
    erased = store.keys.erased(command.subject)
    async with store.pool.acquire() as connection:
        for _ in range(TRIES):
            loaded = await store.load(connection, command.subject, command.id)
            if loaded.answer is not None:
                return _answer_for(command, loaded.answer)
            if erased:
                return _of_an_erased_child(command, loaded.stream.version)
            decided = _decided(command, loaded.stream.version, store.versions.newest(loaded.facts), key, now)
            try:
                answer = await store.append(
                    command.subject, decided.drafts, command.context, command=command.id, seen=loaded.seen,
                    notes={"corrections": decided.corrections, **decided.notes}, now=now, connection=connection,
                )  # fmt: skip
            except Moved:
                continue
            _count(store.source, [draft.topic for draft in decided.drafts])
            return _answer_for(command, answer)
    return (await _together(store, [command], now))[0]


def _count(source: str, topics: Iterable[str]) -> None:
    for topic, facts in Counter(topics).items():
        telemetry.FACTS_RECORDED.labels(source, topic).inc(facts)


def _answer_for(command: Command, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["subject"] != str(command.subject):
        raise Refusal("this command id was used for another child; send a new one")
    return answer


def _decided(command: Command, version: int, own: Sequence[Recorded], key: SubjectKey | None, now: datetime) -> Decided:
    if key is None:
        raise NotFound("no child of that pseudonym is registered; import the return, or register the child first")
    if command.expected is not None and command.expected != version:
        raise StaleVersion(f"the record is at version {version}; read it again", version=version)
    return command.decide(State(command.subject, [opened(fact, key) for fact in standing(own)], now))


def _decide(store: Store, unit: Unit, command: Command, own: list[Recorded]) -> dict[str, Any]:
    stream = unit.streams[command.subject]
    if store.keys.erased(command.subject):
        return _of_an_erased_child(command, stream.version)
    read = store.versions.newest(own)
    decided = _decided(command, stream.version, read, unit.keys.get(command.subject), unit.now)
    recorded = unit.append(decided.drafts, command.context)
    own.extend(recorded)
    _count(command.context.source, [fact.topic for fact in recorded])
    answer = {
        "subject": str(command.subject),
        "version": stream.version,
        "facts": len(recorded),
        "recorded": [fact.id for fact in recorded],
        "corrections": decided.corrections,
        **decided.notes,
    }
    unit.remember(command.id, command.subject, answer)
    return answer


def _of_an_erased_child(command: Command, version: int) -> dict[str, Any]:
    if command.erased is None:
        raise Gone("nothing can be added to it; a child who is looked after again is registered anew")
    nothing = {"subject": str(command.subject), "version": version, "facts": 0, "corrections": 0, "recorded": []}
    return nothing | command.erased
