"""One generated child's record in memory: facts as they are stored, and decisions carried out on them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from carejourney.commands import Decided, State
from carejourney.envelope import Context, Draft, Recorded, headers_of, instant
from carejourney.ids import new_id
from carejourney.projection import Kinds, Projection, Saved, Secrets, advance, encode, fold
from carejourney.reactions import opened
from carejourney.standing import Standing, standing
from carejourney.stated import Stated
from carejourney.statements import Findings, Line
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.event import OWNERS, Fact

CHILD = UUID("01980000-0000-7000-8000-00000000c0de")
AUTHORITY = "E08000025"
KINDS = Kinds(CATALOGUE)
SECRETS = Secrets(None, lambda text: text)
START = datetime(2026, 6, 1, 9, tzinfo=UTC)

StateReturn = Callable[[State, Line, Findings], Decided]


@dataclass
class Record:
    """What is recorded of the child, each fact a minute after the one before it."""

    facts: list[Recorded] = field(default_factory=list)
    now: datetime = START

    def says(self, body: Fact, on: str | None = None, *, topic: str | None = None) -> str:
        """Record a fact, effective on a day; its id."""
        return self.keeps(Draft(CHILD, body, on, topic or body.destination())).id

    def retracts(self, earlier: str, cls: type[Fact]) -> str:
        body = FactRetracted(corrects=earlier, type=cls.wire, reason="error")
        return self.says(body, topic=cls.destination())

    def corrects(self, earlier: str, body: Fact, on: str | None) -> str:
        content = body.model_dump(mode="json")
        change = FactCorrected(corrects=earlier, type=body.wire, effective=on, replacement=content)
        return self.says(change, on, topic=body.destination())

    def keeps(self, draft: Draft, stated_in: str | None = None) -> Recorded:
        """Record a draft as a store would."""
        self.now += timedelta(minutes=1)
        source = OWNERS.get(draft.body.wire.partition(".")[0], "placement")
        context = Context(source, AUTHORITY, "tester", "import", "import", str(CHILD), stated_in=stated_in)
        version = 1 + sum(fact.topic == draft.topic for fact in self.facts)
        headers = headers_of(draft, context, time=instant(self.now), stream_version=version)
        fact = Recorded(headers, msgspec.json.encode(draft.body.model_dump(mode="json")), draft.topic)
        self.facts.append(fact)
        return fact

    def own(self) -> list[Standing]:
        return [opened(fact, None) for fact in standing(self.facts)]

    def standing_of(self, cls: type[Fact]) -> list[tuple[str | None, dict[str, Any]]]:
        """The standing facts of a type: effective day and content, by day."""
        found = [(f.effective, dict(f.data)) for f in self.own() if f.type == cls.wire and not f.retracted]
        return sorted(found, key=lambda one: one[0] or "")


@dataclass
class Desk:
    """A service that is told what returns state of the child."""

    decide: StateReturn
    record: Record = field(default_factory=Record)
    drafts: list[Draft] = field(default_factory=list)
    stated: Stated = field(default_factory=Stated)

    def is_told(
        self, year: int, *, complete: bool = False, known_from: str | None = None, **tables: Sequence[dict[str, Any]]
    ) -> Decided:
        """One return: tables of rows, numbered from 1; what it changes is recorded."""
        numbered = {name: [{"ref": n, **row} for n, row in enumerate(rows, 1)] for name, rows in tables.items()}
        line = Line(new_id(), CHILD, AUTHORITY, year, numbered, known_from, complete)
        findings = Findings(stated=self.stated)
        decided = self.decide(State(CHILD, self.record.own(), self.record.now), line, findings)
        decided.notes.update(findings.notes())
        self.drafts += decided.drafts
        for draft in decided.drafts:
            self.record.keeps(draft, stated_in=f"ssda903/{year}")
        return decided


def counts(decided: Decided) -> tuple[int, int]:
    """(facts recorded, corrections among them)."""
    return len(decided.drafts), decided.corrections


def after_arriving(projection: Projection[Any], facts: Iterable[Recorded]) -> Saved[Any]:
    """The state after facts arrived one by one, as a projector keeps it."""
    saved: Saved[Any] | None = None
    heard: list[Recorded] = []
    for fact in facts:
        heard.append(fact)
        advanced = advance(projection, saved, [fact], KINDS) if saved else None
        saved = projection.decode(encode(advanced or fold(projection, heard, KINDS)))
    return saved or projection.empty()


def row_of(projection: Projection[Any], facts: Iterable[Recorded]) -> dict[str, Any]:
    """The projection's row after facts arrived."""
    return projection.row(after_arriving(projection, facts).state, SECRETS) or {}


def interleavings(facts: Sequence[Recorded]) -> st.SearchStrategy[list[Recorded]]:
    """Orders of arrival that Kafka can give: each topic in its own order, the topics against each other in any."""
    topics = [fact.topic for fact in facts]
    return st.permutations(topics).map(lambda turns: list(_in_turns(facts, turns)))


def _in_turns(facts: Sequence[Recorded], turns: Sequence[str]) -> Iterator[Recorded]:
    waiting = {topic: iter([fact for fact in facts if fact.topic == topic]) for topic in set(turns)}
    return (next(waiting[topic]) for topic in turns)
