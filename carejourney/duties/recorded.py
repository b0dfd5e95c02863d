"""Recorded facts as duties see them: those that a policy looks at, with the fields it looks at and nothing else."""

from bisect import insort
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from carejourney.duties.facts import UNCERTAIN
from carejourney.duties.policy import Policy
from carejourney.standing import Standing

_LONDON = ZoneInfo("Europe/London")


class Said(msgspec.Struct, frozen=True, array_like=True):
    """One standing fact, as much as a policy asks of it; small enough to be kept in a projection's state."""

    effective: date
    type: str
    id: str
    data: dict[str, Any]


def day_in_london(effective: str) -> date:
    """The day of an `effectivefrom`: the day itself, or the day in London on which the instant lies."""
    if len(effective) == len("2024-01-08"):
        return date.fromisoformat(effective)
    return datetime.fromisoformat(effective).astimezone(_LONDON).date()


def today_in_london(now: datetime | None = None) -> date:
    """The day it is in London."""
    return (now or datetime.now(UTC)).astimezone(_LONDON).date()


class Looking:
    """What a policy looks at: its fact types, and the fields of each that its conditions name."""

    def __init__(self, policy: Policy) -> None:
        self._fields = {wire: fields | {UNCERTAIN} for wire, fields in policy.fields().items()}
        self.types = frozenset(self._fields)

    def said(self, fact: Standing) -> Said | None:
        """The fact as the policy sees it; None where the policy has no eye for it, or it has no day."""
        fields = self._fields.get(fact.type)
        if fields is None or fact.effective is None:
            return None
        data = {name: fact.data[name] for name in fields if fact.data.get(name) is not None}
        return Said(day_in_london(fact.effective), fact.type, fact.id, data)

    def all_said(self, facts: Iterable[Standing]) -> list[Said]:
        """Those of some standing facts that the policy looks at."""
        return [said for fact in facts if not fact.retracted and (said := self.said(fact)) is not None]


def with_said(so_far: Iterable[Said], one: Said) -> tuple[Said, ...]:
    """The facts said so far and one more, in an order that does not depend on which was heard first."""
    facts = list(so_far)
    insort(facts, one, key=lambda said: (said.effective, said.type, said.id))
    return tuple(facts)
