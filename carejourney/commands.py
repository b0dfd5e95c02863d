"""Carrying out a command: lock the stream, fold what stands, decide, append, remember the answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry import trace

from carejourney import telemetry
from carejourney.access import Caller
from carejourney.envelope import Context, Draft, Origin, Recorded
from carejourney.errors import NotFound, Refusal, StaleVersion
from carejourney.reactions import opened
from carejourney.standing import Standing, standing
from carejourney.store import Store, Unit


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
    """One decision asked for. `expected` is the stream version of If-Match, where given."""

    id: UUID
    subject: UUID
    decide: Decide
    context: Context
    expected: int | None = None


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
        traceparent=telemetry.traceparent(),
    )


async def carry_out(
    store: Store, commands: Sequence[Command], *, now: datetime | None = None, beside: Beside | None = None
) -> list[dict[str, Any]]:
    """Carry out commands in one transaction; a command already answered gets its first answer.

    Each answer is `{subject, version, facts, corrections, recorded: [ids], **notes}`. What is `beside` the decisions is
    entered when their subjects are locked, and left in the same transaction.
    Raises `NotFound` for a subject nobody registered, `StaleVersion` where If-Match does not hold, `Refusal` for a
    command id that was used for another subject.
    """
    with telemetry.tracer.start_as_current_span(telemetry.COMMAND_SPAN, kind=trace.SpanKind.INTERNAL):
        subjects = {c.subject for c in commands}
        async with store.unit(subjects, now=now) as unit, (beside or nullcontext)(unit):
            answered = await unit.answers(c.id for c in commands)
            fresh = [c for c in commands if c.id not in answered]
            own = await unit.facts(sorted({c.subject for c in fresh}))
            answers = []
            for command in commands:
                if command.id not in answered:
                    answered[command.id] = _decide(unit, command, own[command.subject])
                answers.append(_answer_for(command, answered[command.id]))
            return answers


def _answer_for(command: Command, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["subject"] != str(command.subject):
        raise Refusal("this command id was used for another child; send a new one")
    return answer


def _decide(unit: Unit, command: Command, own: list[Recorded]) -> dict[str, Any]:
    stream = unit.streams[command.subject]
    key = unit.keys.get(command.subject)
    if key is None:
        raise NotFound("no child of that pseudonym is registered; import the return, or register the child first")
    if command.expected is not None and command.expected != stream.version:
        raise StaleVersion(f"the record is at version {stream.version}; read it again", version=stream.version)
    state = State(command.subject, [opened(f, key) for f in standing(own)], unit.now)
    decided = command.decide(state)
    recorded = unit.append(decided.drafts, command.context)
    own.extend(recorded)
    for topic, facts in Counter(fact.topic for fact in recorded).items():
        telemetry.FACTS_RECORDED.labels(recorded[0].source, topic).inc(facts)
    answer = {
        "subject": str(command.subject),
        "version": stream.version,
        "facts": len(recorded),
        "corrections": decided.corrections,
        "recorded": [fact.id for fact in recorded],
        **decided.notes,
    }
    unit.remember(command.id, command.subject, answer)
    return answer
