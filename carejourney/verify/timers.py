"""Every timer against what the reaction decides on the same facts now: the decision is its definition, and is pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from carejourney.keys import Keys, SubjectKey, open_fields
from carejourney.projection import Kinds, ordered
from carejourney.reactions import Reaction, Situation
from carejourney.standing import Standing, standing
from carejourney.verify.folds import Heard, facts_of, shards
from carejourney.verify.report import Report
from carejourney.verify.sources import Source

_TIMERS: Final = "select subject, due_at from timer where name = $1 and subject = any($2)"
_PARKED: Final = "select subject from parked where projection = $1 and subject = any($2)"
_STRAYS: Final = """
select subject from timer t where name <> all($1) or not exists (select from lane l where l.subject = t.subject)
limit 1000
"""


@dataclass
class TimerReading:
    """The timers of one service in one snapshot. Whose key is gone, who is parked and what is due now are left out."""

    source: Source
    keys: Keys
    report: Report

    async def read(self, connection: asyncpg.Connection) -> None:
        """Ask each reaction about each subject, and compare its answer with what was recorded and set."""
        for row in await connection.fetch(_STRAYS, [reaction.name for reaction in self.source.reactions]):
            self._differs(row["subject"], "there is a timer that no reaction would set")
        if not self.source.reactions:
            return
        kinds, now = Kinds(self.source.catalogue), datetime.now(UTC)
        async for subjects in shards(connection):
            heard, own = await facts_of(connection, subjects), await facts_of(connection, subjects, own=True)
            keys = await self.keys.of(subjects)
            for reaction in self.source.reactions:
                left_out = {row["subject"] for row in await connection.fetch(_PARKED, reaction.name, subjects)}
                timers = dict(await connection.fetch(_TIMERS, reaction.name, subjects))
                for subject in keys.keys() - left_out:
                    if timers.get(subject, now) < now:
                        continue
                    known = [_opened(fact, keys[subject]) for fact in ordered(heard[subject], kinds)]
                    said = [_opened(fact, keys[subject]) for fact in standing(own[subject])]
                    self._judge(reaction, Situation(subject, known, said, now), heard[subject], timers)

    def _judge(
        self, reaction: Reaction, situation: Situation, heard: Sequence[Heard], timers: Mapping[UUID, datetime]
    ) -> None:
        due = timers.get(situation.subject)
        if due is None and not any(fact.type in reaction.listens for fact in heard):
            return
        try:
            outcome = reaction.decide(situation)
        except Exception as error:  # noqa: BLE001 - a reaction may fail in any way, and then that is the finding
            self._differs(situation.subject, f"{reaction.name} cannot decide: {type(error).__name__}")
            return
        if outcome.drafts:
            self._differs(situation.subject, f"{reaction.name} has not recorded what the facts ask for")
        elif outcome.look_again != due:
            detail = "missing" if due is None else "not at the time the facts say"
            self._differs(situation.subject, f"the timer of {reaction.name} is {detail}")

    def _differs(self, subject: UUID, detail: str) -> None:
        self.report.add("timer", self.source.name, detail, subject=str(subject))


def _opened(fact: Standing, key: SubjectKey) -> Standing:
    return replace(fact, data=open_fields(fact.data, key))
