"""Where things are, and what each service says it publishes, hears and shows."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from carejourney.keys import MasterKeySettings
from carejourney.projection import Projection
from carejourney.reactions import Reaction

# Corrections and erasures are heard by everyone who hears the topic, whatever else a service keeps of it.
ALWAYS: Final = frozenset({"correction.fact_corrected", "correction.fact_retracted", "placement.subject_erased"})
# Millions of facts are folded between two questions to one database.
PATIENT: Final = {"idle_in_transaction_session_timeout": "1h"}


@dataclass(frozen=True)
class Source:
    """One service. `keeps` are the fact types whose content goes into its copy; None: all of them."""

    name: str
    dsn: str
    topics: Sequence[str]
    listens: Sequence[str]
    keeps: frozenset[str] | None
    projections: Sequence[Projection[Any]]
    catalogue: Mapping[str, Any]
    reactions: Sequence[Reaction] = ()

    def kept(self, topic: str, wire: str) -> bool:
        """Whether a fact of this type on this topic belongs into the service's copy."""
        return topic in self.listens and (self.keeps is None or wire in self.keeps or wire in ALWAYS)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that sees the database as it is now, and cannot change it."""
        connection = await asyncpg.connect(self.dsn, timeout=10, server_settings=PATIENT)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class Place:
    """One installation: its services, broker and key store."""

    sources: Sequence[Source]
    kafka: str
    keys_dsn: str
    master: MasterKeySettings

    @property
    def topics(self) -> list[str]:
        """Topics whose owner is among the services; the others cannot be judged."""
        return sorted({topic for source in self.sources for topic in source.topics})
