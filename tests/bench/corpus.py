"""The facts of a generated authority, decided by the services' own decisions: what the benchmarks carry.

Counts of facts a child are those of the sample authority. Each use of a child's life gets a subject of its own, so
that any number of facts can be made of some hundred lives.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from carejourney.commands import Decided, State
from carejourney.envelope import CORRECTED, RETRACTED, Context, Draft, Recorded, instant
from carejourney.ids import derived_id, new_id
from carejourney.keys import SubjectKey
from carejourney.reactions import opened
from carejourney.returns.children import WORKER_AT, WORKER_KIND, ChildCheck, ChildRows, batches
from carejourney.returns.reading import KINDS, Reading, read_return
from carejourney.returns.report import ImportReport
from carejourney.sample import generate
from carejourney.standing import standing
from carejourney.statements import Findings, Line
from carejourney.store import Stream, Unit
from events.catalogue import CATALOGUE
from events.missing import ChildReturned, ChildWentMissing
from events.placement import SubjectRegistered
from services.health import domain as health
from services.leaving_care import domain as leaving_care
from services.placement import api as placement
from services.planning import domain as planning

AUTHORITY: Final = "E08000025"
CHILDREN: Final = 150
YEARS: Final = (2024, 2026)
SEED: Final = 903
CORRECTIONS: Final = frozenset({CORRECTED, RETRACTED})

Decide = Callable[[State, Line, Findings], Decided]
DECISIONS: Final[dict[str, Decide]] = {
    "placement": placement._state_return,
    "planning": planning.state_return,
    "health": health.state_return,
    "leaving_care": leaving_care.state_return,
}
_NOTHING: Any = None


@dataclass(slots=True)
class Life:
    """All drafts of one child by the service that records them, in the order in which they were decided."""

    subject: UUID
    local_id: str
    drafts: dict[str, list[Draft]] = field(default_factory=dict)

    @property
    def facts(self) -> int:
        return sum(map(len, self.drafts.values()))


def a_context(source: str, command: UUID | None = None) -> Context:
    """Who says so, as an import does."""
    said = str(command or new_id())
    return Context(
        source=source, authority=AUTHORITY, actor="0b0e2f62-8f3b-4a53-a1f5-9e5ad3f5f2a7", actor_role="import",
        origin="import", correlation=said, stated_in="ssda903/2026",
        traceparent=f"00-{new_id().hex}-{new_id().hex[16:]}-01",
    )  # fmt: skip


class _Told:
    """One child while its returns are decided, service by service."""

    def __init__(self, local_id: str) -> None:
        self.life = Life(uuid4(), local_id)
        self.key = SubjectKey(self.life.subject, b"k" * 32)
        self._recorded: dict[str, list[Recorded]] = {}
        self._units = {service: self._unit(year=datetime(2024, 6, 1, tzinfo=UTC)) for service in DECISIONS}
        self._record("placement", [_registered(self.life.subject, local_id)])

    def _unit(self, year: datetime) -> Unit:
        unit = Unit(_NOTHING, _NOTHING, CATALOGUE, year)
        unit.streams[self.life.subject] = Stream()
        unit.keys[self.life.subject] = self.key
        return unit

    def _record(self, service: str, drafts: Sequence[Draft]) -> None:
        recorded = self._units[service].append(drafts, a_context(service))
        self._recorded.setdefault(service, []).extend(recorded)
        self.life.drafts.setdefault(service, []).extend(drafts)

    def state(self, year: int, tables: dict[str, list[dict[str, Any]]]) -> None:
        for service, decide in DECISIONS.items():
            line = Line(uuid4(), self.life.subject, AUTHORITY, year, tables)
            own = [opened(fact, self.key) for fact in standing(self._recorded.get(service, ()))]
            self._record(service, decide(State(self.life.subject, own, datetime.now(UTC)), line, Findings()).drafts)


def _registered(subject: UUID, local_id: str) -> Draft:
    body = SubjectRegistered(kind="child", local_id=local_id)
    return Draft(subject, body, None, body.destination())


@cache
def lives() -> tuple[Life, ...]:
    """The children of a generated authority over three collection years."""
    told: dict[str, _Told] = {}
    with tempfile.TemporaryDirectory(prefix="carejourney-bench-") as folder:
        generate(CHILDREN, YEARS, SEED, Path(folder), AUTHORITY)
        for year in range(YEARS[0], YEARS[1] + 1):
            _read(Path(folder) / str(year), year, told)
    return tuple(one.life for one in told.values())


def _read(folder: Path, year: int, told: dict[str, _Told]) -> None:
    day = datetime(year, 4, 1, tzinfo=UTC).date()
    with read_return(folder, day=day) as reading:
        for batch in batches(reading, ChildCheck(reading, ImportReport())):
            for child in batch:
                if child.local_id not in told:
                    told[child.local_id] = _Told(child.local_id)
                told[child.local_id].state(year, _tables(reading, child))


def _worker(local_id: str) -> str:
    return str(derived_id("worker", local_id))


def _tables(reading: Reading, child: ChildRows) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {t.name: [] for t in KINDS if t.name in reading.tables}
    for ref, row in enumerate(child.rows, start=1):
        names = [column.name.lower() for column in KINDS[row.kind].values]
        content = {"ref": ref, **dict(zip(names, row.values, strict=True))}
        if row.kind == WORKER_KIND:
            content["sw_id"] = _worker(str(row.values[WORKER_AT]))
        tables[KINDS[row.kind].name].append(content)
    return tables


def median_facts() -> float:
    """Facts a child in the middle of the authority."""
    return statistics.median(life.facts for life in lives())


@dataclass(frozen=True, slots=True)
class Child:
    """A child made of a life: a subject of its own, drafts with ids of their own, in effective order."""

    subject: UUID
    drafts: tuple[Draft, ...]


def children(service: str | None = None) -> Iterator[Child]:
    """Children without end, each with what the service (None: all of them) recorded first; corrections are left out."""
    for number, life in zip(count(), cycle(lives())):
        subject = uuid4()
        drafts = [
            replace(_numbered(d, number), subject=subject, id=new_id())
            for owner in (DECISIONS if service is None else (service,))
            for d in life.drafts.get(owner, ())
            if d.body.wire not in CORRECTIONS
        ]
        yield Child(subject, tuple(sorted(drafts, key=lambda d: d.effective or "")))


def _numbered(draft: Draft, number: int) -> Draft:
    """The register's fact with a local id that nobody else has."""
    if draft.body.wire != SubjectRegistered.wire:
        return draft
    return replace(draft, body=SubjectRegistered(kind="child", local_id=f"BENCH{number}"))


def children_with(facts: int, service: str | None = None) -> list[Child]:
    """Children who together have at least so many facts."""
    made, held = [], 0
    for child in children(service):
        made.append(child)
        held += len(child.drafts)
        if held >= facts:
            break
    return made


def grown(child: Child, facts: int) -> Child:
    """The same child with so many facts: missing time and again, as few children are who have very many facts."""
    drafts = list(child.drafts)
    for number in count():
        if len(drafts) >= facts:
            break
        gone = datetime(2017, 1, 3, 21, 15, tzinfo=UTC) + timedelta(days=3 * number)
        went = _missing(child.subject, ChildWentMissing(kind="M"), gone)
        drafts += [went, _missing(child.subject, ChildReturned(incident=str(went.id)), gone + timedelta(hours=9))]
    return Child(child.subject, tuple(sorted(drafts[:facts], key=lambda d: d.effective or "")))


def _missing(subject: UUID, body: ChildWentMissing | ChildReturned, at: datetime) -> Draft:
    return Draft(subject, body, instant(at), body.destination())
