"""Questions about children: the days they name, the child they mean, and the answers out of the service's own copy."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from carejourney.access import Caller
from carejourney.answering import authority_of
from carejourney.errors import Malformed, NotFound
from carejourney.kept import Kept, facts_of
from carejourney.keys import SubjectKey
from carejourney.naming import forgotten, named_in, naming, ties_with
from carejourney.sealed_records import sealed_among
from carejourney.service import Running
from services.journey.history import history
from services.journey.intervals import Told
from services.journey.projections import REGISTERED
from services.journey.tables import child_of_digest, in_batches
from services.journey.values import Opening

READERS: Final = ("social-work", "review")
WHOLE_RECORD: Final = frozenset({"social-work", "review"})
YEARS: Final = range(1900, 2201)
UNKNOWN: Final = "no child of that pseudonym or local id is known here"
_DAY_LENGTH: Final = 10
_DAY_FORM: Final = f"a date such as 2026-03-31, from {YEARS[0]} to {YEARS[-1]}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The day asked about, and what was known when; None: every day, and all that is known.

    `sealed_too` where the reader may follow a tie to a sealed record.
    """

    true_on: date | None
    known_on: date | datetime | None
    withhold: bool
    sealed_too: bool = False


def asked(true_on: str | None, known_on: str | None, who: Caller) -> Asked:
    """The days of a question. Raises `Malformed` naming the field."""
    return Asked(day_asked("true_on", true_on), moment_asked("known_on", known_on), not who.roles & WHOLE_RECORD)


def day_asked(field: str, text: str | None) -> date | None:
    """An ISO day; None where blank."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == _DAY_LENGTH else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        raise _malformed(field, f"must be {_DAY_FORM}")
    return day


def moment_asked(field: str, text: str | None) -> date | datetime | None:
    """An ISO day, or an instant with its offset; None where blank."""
    if not text or len(text) == _DAY_LENGTH:
        return day_asked(field, text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year not in YEARS:
        raise _malformed(field, f"must be {_DAY_FORM}, or an instant such as 2026-03-31T12:00:00Z")
    return moment


def _malformed(field: str, reason: str) -> Malformed:
    return Malformed(f"{field} {reason}", fields=[{"field": field, "reason": reason}])


async def found_child(running: Running, who: Caller, child: str) -> UUID:
    """The child of a pseudonym, or of `authority:local-id`.

    Raises `NotFound` where there is none, or the caller may not see its authority: the two look the same.
    """
    subject = _pseudonym(child)
    authority, colon, local_id = child.partition(":")
    if subject is None and colon and who.sees(authority):
        subject = await child_of_digest(running.engine, running.keys.digest(f"{authority}:{local_id}"))
    if subject is None:
        raise NotFound(UNKNOWN)
    try:
        await authority_of(running, subject, who)
    except NotFound:
        raise NotFound(UNKNOWN) from None
    return subject


def _pseudonym(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def history_of(running: Running, child: UUID, question: Asked) -> dict[str, Any]:
    """The history of one child."""
    keys = await running.keys.of([child])
    facts = (await facts_shown(running, [child], sealed_too=question.sealed_too)).get(child, [])
    return _told(child, facts, keys.get(child), question)


async def histories_of(running: Running, authority: str, question: Asked) -> AsyncIterator[bytes]:
    """The histories of an authority's children, one JSON object a line; memory holds one batch."""
    async for children in in_batches(running.engine, authority):
        keys = await running.keys.of(children)
        facts = await facts_shown(running, children)
        for child in children:
            yield msgspec.json.encode(_told(child, facts.pop(child, []), keys.get(child), question)) + b"\n"


async def facts_shown(
    running: Running, children: Sequence[UUID], *, sealed_too: bool = False
) -> dict[UUID, list[Kept]]:
    """What the own copy holds of children, as readers are shown it where it names others.

    What was said of an erased child in another's record is forgotten. No tie leads to a sealed record, unless
    `sealed_too`.
    """
    async with running.pool.acquire() as connection:
        held = await facts_of(connection, children)
        named = named_in(fact for facts in held.values() for fact in facts)
        sealed = set() if sealed_too else await sealed_among(connection, named)
    erased = {one for one in named if running.keys.erased(one)}
    if not sealed and not erased:
        return held
    return {child: _shown(facts, sealed, erased) for child, facts in held.items()}


def _shown(facts: Sequence[Kept], sealed: set[UUID], erased: set[UUID]) -> list[Kept]:
    hidden, silent = ties_with(facts, sealed), naming(facts, erased)
    return [
        replace(fact, data=forgotten(fact.data)) if fact.id in silent else fact
        for fact in facts
        if fact.id not in hidden
    ]


def _told(child: UUID, facts: Sequence[Told], key: SubjectKey | None, question: Asked) -> dict[str, Any]:
    return history(
        facts,
        key=key,
        child=str(child),
        local_id=local_id_of(facts, key),
        true_on=question.true_on,
        known_on=question.known_on,
        withhold=question.withhold,
    )


def local_id_of(facts: Sequence[Told], key: SubjectKey | None) -> str | None:
    """What the authority calls the child, as the register said."""
    said = next((fact.data.get("local_id") for fact in facts if fact.type == REGISTERED), None)
    plain: str | None = Opening(key).plain("local_id", said)
    return plain
