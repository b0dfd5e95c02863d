"""Agencies' own systems: their rights follow from what the register says of the agency, not from their token alone.

The actor of such a token is the agency's pseudonym. An agency that left the trust of its area neither records nor
receives from that day on, however long its token lasts; a provider does once it is registered. People are not asked.
"""

from collections.abc import Collection
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from carejourney.access import Caller
from carejourney.errors import Forbidden

JOINED: Final = "placement.agency_joined_trust"
LEFT: Final = "placement.agency_left_trust"
REGISTERED: Final = "placement.provider_registered"
MEMBERSHIP: Final = frozenset({JOINED, LEFT, REGISTERED})
PROVIDER: Final = "provider"

_SAID: Final = """
select type, convert_from(headers, 'UTF8')::json ->> 'ce_effectivefrom' as day from received
where subject = $1 and type = any($2) order by day, arrival
"""


async def check_membership(connection: asyncpg.Connection | asyncpg.Pool, who: Caller, on: date) -> None:
    """Raise `Forbidden` where the caller is an agency that left its trust, or a provider nobody registered."""
    fault = await not_a_member(connection, who.actor, who.roles, on)
    if fault is not None:
        raise Forbidden(fault)


async def not_a_member(
    connection: asyncpg.Connection | asyncpg.Pool, actor: str, roles: Collection[str], on: date
) -> str | None:
    """Why an agency's system has no rights on a day; None where it has, and for people.

    `roles` are those it acts in: who is a provider only has to be registered.
    """
    subject = _subject(actor)
    rows = await connection.fetch(_SAID, subject, list(MEMBERSHIP)) if subject else []
    said = [row["type"] for row in rows if row["day"] <= on.isoformat()]
    if set(roles) == {PROVIDER} and REGISTERED not in said:
        return "a provider records and receives once it is registered"
    memberships = [wire for wire in said if wire in {JOINED, LEFT}]
    if memberships and memberships[-1] == LEFT:
        return "the agency has left the trust of its area; what it may record and receive ended with that"
    return None


def _subject(actor: str) -> UUID | None:
    try:
        return UUID(actor)
    except ValueError:
        return None
