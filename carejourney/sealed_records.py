"""Which records are sealed: those of children before they were adopted.

A sealed child has no row in any projection (`projection.write_values`) and is refused to all who ask by pseudonym
(`answering.authority_of`). What shows facts themselves, a feed or a webhook, asks here.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import asyncpg

from carejourney.envelope import SEALED

_SEALED: Final = "select distinct subject from received where subject = any($1) and type = $2"


async def sealed_among(connection: asyncpg.Connection | asyncpg.Pool, subjects: Iterable[UUID]) -> set[UUID]:
    """Those of these subjects whose record is sealed, as this service has heard."""
    rows = await connection.fetch(_SEALED, list(set(subjects)), SEALED)
    return {row["subject"] for row in rows}
