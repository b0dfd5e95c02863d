"""Every projection of every service: corrections, retractions, corrections of corrections and late facts, in any order.

Whatever was said and however it arrived, the row is that of the facts that stand, had they been said so at once.
"""

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.envelope import CORRECTIONS, Recorded
from carejourney.keys import open_fields
from carejourney.projection import Kinds, Projection, Saved, Secrets, advance, fold, write_values
from events.catalogue import CATALOGUE
from events.event import Fact
from events.sampling import sample_of
from tests.unit.journey.made_facts import CHILD, KEY, Record

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")
KINDS = Kinds(CATALOGUE)
SECRETS = Secrets(KEY, lambda text: f"digest of {text}")
ALL = [
    pytest.param(projection, id=f"{service}.{projection.name}")
    for service in SERVICES
    for projection in importlib.import_module(f"services.{service}.app").PARTS.projections
]
DAYS = ("2026-01-05", "2026-01-06", "2026-02-01", "2026-02-02", "2026-03-09")


@dataclass
class Thing:
    """One fact that was said, with the ids by which it can be named, and how it stands: day, or retracted."""

    cls: type[Fact]
    first: str
    names: list[str]
    day: str | None
    last: int
    retracted: bool = False


class Told:
    """A record being made out of draws."""

    def __init__(self, projection: Projection[Any], draw: Any) -> None:
        self.record, self.draw = Record(), draw
        self.types = [CATALOGUE[wire] for wire in sorted(projection.handles) if wire in CATALOGUE]
        self.things: list[Thing] = []

    def step(self) -> None:
        choice = self.draw(st.sampled_from(("say", "say", "correct", "correct", "retract")))
        if choice == "say" or not self.things:
            self._say()
        elif choice == "correct":
            self._correct(self.draw(st.sampled_from(self.things)))
        else:
            self._retract(self.draw(st.sampled_from(self.things)))

    def _day(self, cls: type[Fact]) -> str | None:
        return self.draw(st.sampled_from(DAYS)) if cls.dated else None

    def _say(self) -> None:
        cls = self.draw(st.sampled_from(self.types))
        day = self._day(cls)
        identity = self.record.says(_body(cls), day)
        self.things.append(Thing(cls, identity, [identity], day, len(self.record.facts) - 1))

    def _correct(self, thing: Thing) -> None:
        day = self._day(thing.cls)
        named = self.draw(st.sampled_from(thing.names))
        thing.names.append(self.record.corrects(named, _body(thing.cls), day))
        thing.day, thing.retracted, thing.last = day, False, len(self.record.facts) - 1

    def _retract(self, thing: Thing) -> None:
        named = self.draw(st.sampled_from(thing.names))
        thing.names.append(self.record.retracts(named, thing.cls))
        thing.retracted, thing.last = True, len(self.record.facts) - 1

    def as_if_said_so_at_once(self) -> list[Recorded]:
        """The facts that stand, each with its last day, as if nothing had ever been corrected."""
        by_id = {fact.id: fact for fact in self.record.facts}
        return [
            _restated(by_id[thing.first], thing.day, self.record.facts[thing.last].time)
            for thing in self.things
            if not thing.retracted
        ]


def _body(cls: type[Fact]) -> Fact:
    return cls.model_validate_json(msgspec.json.encode(sample_of(cls).content))


def _restated(fact: Recorded, day: str | None, time: str) -> Recorded:
    headers = {name: value for name, value in fact.headers.items() if name != "ce_effectivefrom"}
    dated = {} if day is None else {"ce_effectivefrom": day}
    return Recorded({**headers, **dated, "ce_time": time}, fact.payload, fact.topic)


def arrivals(facts: Sequence[Recorded], draw: Any) -> list[list[Recorded]]:
    """The facts in batches: each topic in its order, the topics as they come."""
    waiting: dict[str, list[Recorded]] = {}
    for fact in facts:
        waiting.setdefault(fact.topic, []).append(fact)
    batches: list[list[Recorded]] = [[]]
    while waiting:
        topic = draw(st.sampled_from(sorted(waiting)))
        batches[-1].append(waiting[topic].pop(0))
        if not waiting[topic]:
            del waiting[topic]
        if draw(st.booleans()):
            batches.append([])
    return batches


def projected(projection: Projection[Any], batches: Iterable[list[Recorded]]) -> Saved[Any]:
    """The state as the projector makes it: advanced where it can be, else folded again from what was kept."""
    kept: list[Recorded] = []
    saved: Saved[Any] = projection.empty()
    for batch in batches:
        kept += batch
        fresh = [fact for fact in batch if fact.type in projection.handles or fact.type in CORRECTIONS]
        after = advance(projection, saved, fresh, KINDS)
        saved = fold(projection, kept, KINDS) if after is None else after
    return saved


def row_of(projection: Projection[Any], saved: Saved[Any]) -> dict[str, Any] | None:
    row = write_values(projection, CHILD, saved, SECRETS)
    opened = open_fields(row, KEY) if row else None
    return {name: value for name, value in opened.items() if name != "state"} if opened else None


@pytest.mark.parametrize("projection", ALL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_row_is_that_of_the_facts_that_stand_however_they_came(projection: Projection[Any], data: Any) -> None:
    told = Told(projection, data.draw)
    for _ in range(data.draw(st.integers(1, 12))):
        told.step()
    wanted = fold(projection, told.as_if_said_so_at_once(), KINDS)
    batches = arrivals(told.record.facts, data.draw)
    assert row_of(projection, projected(projection, batches)) == row_of(projection, wanted)


@pytest.mark.parametrize("projection", ALL)
def test_a_correction_of_a_retraction_brings_the_fact_back(projection: Projection[Any]) -> None:
    for wire in sorted(projection.handles & CATALOGUE.keys()):
        cls = CATALOGUE[wire]
        day = DAYS[0] if cls.dated else None
        record, plain = Record(), Record()
        said = record.says(_body(cls), day)
        plain.says(_body(cls), day)
        retraction = record.retracts(said, cls)
        assert row_of(projection, fold(projection, record.facts, KINDS)) == row_of(projection, projection.empty()), wire
        record.corrects(retraction, _body(cls), day)
        wanted = row_of(projection, fold(projection, plain.facts, KINDS))
        assert row_of(projection, fold(projection, record.facts, KINDS)) == wanted, wire
