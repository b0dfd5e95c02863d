"""What a batch of facts does to a service: its copy, its projections, its reactions, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from carejourney import crash, owncopy
from carejourney.envelope import CORRECTIONS, ERASED, SEALED, Recorded
from carejourney.erasure.forgetting import erased_in, forget_beside
from carejourney.faults import Fault, apart, is_transient
from carejourney.membership import MEMBERSHIP
from carejourney.owncopy import Conflict
from carejourney.projecting import Projecting
from carejourney.reactions import Counts, Reactions

log = structlog.get_logger()


@dataclass(slots=True)
class Effect:
    """What came of a batch: duplicates dropped, conflicts found, facts that could not be kept, facts recorded."""

    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    refused: list[tuple[Recorded, Fault]] = field(default_factory=list)
    recorded: Counts = field(default_factory=Counts)

    def add(self, other: "Effect") -> None:
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.refused += other.refused
        self.recorded += other.recorded


class Applying:
    """The one way in which facts take effect, whether Kafka brought them or their owner was asked."""

    def __init__(self, projecting: Projecting, reactions: Reactions, keep: frozenset[str] | None) -> None:
        self.projecting = projecting
        self.reactions = reactions
        self._keep = None if keep is None else keep | CORRECTIONS | MEMBERSHIP | {ERASED, SEALED}

    async def apply(self, connection: asyncpg.Connection, facts: Sequence[Recorded]) -> Effect:
        """Take all facts at once; any fault is the caller's."""
        taken = await owncopy.take(connection, facts, self._keep)
        await self.projecting.apply(connection, taken)
        crash.point("projector.after_apply")
        recorded = await self._react(connection, taken)
        return Effect(taken.duplicates, taken.conflicts, [], recorded)

    async def apply_apart(self, connection: asyncpg.Connection, facts: Sequence[Recorded]) -> Effect:
        """Take the facts, and keep a fault of their data to the one subject that it belongs to.

        Raises what is transient. Subjects are taken in id order, halves of them included: streams are locked so.
        """
        by_subject: dict[UUID, list[Recorded]] = {}
        for fact in facts:
            by_subject.setdefault(fact.subject, []).append(fact)

        async def together(subjects: Sequence[UUID]) -> Effect:
            return await self.apply(connection, [fact for subject in subjects for fact in by_subject[subject]])

        async def alone(subject: UUID, _: Exception) -> Effect:
            return await self._one_by_one(connection, by_subject[subject])

        total = Effect()
        for effect in await apart(connection, sorted(by_subject), together, alone):
            total.add(effect)
        return total

    async def _one_by_one(self, connection: asyncpg.Connection, facts: Sequence[Recorded]) -> Effect:
        """One subject's facts, each as far as it comes: what cannot be kept is given back, the rest at worst parks."""
        total = Effect()
        for fact in facts:
            try:
                async with connection.transaction():
                    taken = await owncopy.take(connection, [fact], self._keep)
                    await self.projecting.note_gaps(connection, taken)
            except Exception as error:
                if is_transient(error):
                    raise
                total.refused.append((fact, Fault.of(error)))
                continue
            total.add(Effect(taken.duplicates, taken.conflicts))
            await self._project(connection, fact.subject, taken)
            total.recorded += await self._react(connection, taken)
        return total

    async def _react(self, connection: asyncpg.Connection, taken: owncopy.Sorted) -> Counts:
        recorded = await self.reactions.react(connection, taken.news)
        await forget_beside(connection, erased_in(taken.news))
        return recorded

    async def _project(self, connection: asyncpg.Connection, subject: UUID, taken: owncopy.Sorted) -> None:
        try:
            async with connection.transaction():
                await self.projecting.apply(connection, taken)
        except Exception as error:
            if is_transient(error):
                raise
            await self.projecting.give_up(connection, subject, taken.news, error)
