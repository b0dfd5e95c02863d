"""What was said to everybody once and is for few now: records sealed later, and facts whose sensitivity was raised.

Whoever shows facts out of the store asks here, so that reading from the beginning tells no more than reading now.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg

from carejourney.envelope import SEALED, Recorded, stored
from carejourney.membership import not_a_member
from carejourney.naming import named_in, persons_in, touched_by
from carejourney.raised import raised_in
from carejourney.sealed_records import sealed_among

P = TypeVar("P")
CONCERNS: Final = "ce_concerns"
WHOLE_RECORD: Final = frozenset({"social-work", "review"})

_OF_TWINS: Final = """
select distinct subject from fact where subject = any($1) and topic like '%.restricted'
"""
_ALL: Final = "select topic, headers, payload from fact where subject = any($1)"


async def to_be_given(
    connection: asyncpg.Connection,
    placed: Sequence[tuple[P, Recorded]],
    consumer: str,
    roles: Collection[str],
    catalogue: Mapping[str, Any],
) -> list[tuple[P, Recorded]]:
    """What of these facts a consumer may be given today: nothing where it is an agency that has left.

    Whose record is sealed is not named in `concerns` either.
    """
    if not placed or await not_a_member(connection, consumer, roles, datetime.now(UTC).date()) is not None:
        return []
    whole = not WHOLE_RECORD.isdisjoint(roles)
    facts = [fact for _, fact in placed]
    hidden = await withheld_among(connection, facts, catalogue, whole=whole)
    sealed = await sealed_among(connection, named_in(facts))
    return [(place, _without(fact, sealed)) for place, fact in placed if fact.id not in hidden]


def _without(fact: Recorded, sealed: Collection[UUID]) -> Recorded:
    """The fact without those whom it touches and whose records are sealed."""
    touched = touched_by(fact)
    if touched.isdisjoint(sealed):
        return fact
    headers = {name: value for name, value in fact.headers.items() if name != CONCERNS}
    left = ",".join(sorted(str(one) for one in touched.difference(sealed)))
    return replace(fact, headers={**headers, CONCERNS: left} if left else headers)


async def withheld_among(
    connection: asyncpg.Connection, facts: Sequence[Recorded], catalogue: Mapping[str, Any], *, whole: bool
) -> set[str]:
    """Ids of the facts that are not to be shown now; `whole` where the reader may see the restricted twins.

    Of a sealed record nothing is shown but that it was sealed; of others' no tie with whom it is about.
    """
    subjects = {fact.subject for fact in facts}
    if not subjects:
        return set()
    sealed = await sealed_among(connection, subjects | named_in(facts))
    hidden = {fact.id for fact in facts if fact.subject in sealed and fact.type != SEALED}
    hidden |= {fact.id for fact in facts if not persons_in(fact).isdisjoint(sealed)}
    return hidden if whole else hidden | await _raised(connection, subjects - sealed, catalogue)


async def _raised(connection: asyncpg.Connection, subjects: Iterable[UUID], catalogue: Mapping[str, Any]) -> set[str]:
    twins = [row["subject"] for row in await connection.fetch(_OF_TWINS, list(subjects))]
    if not twins:
        return set()
    rows = await connection.fetch(_ALL, twins)
    return set(raised_in((stored(row["headers"], row["payload"], row["topic"]) for row in rows), catalogue))
