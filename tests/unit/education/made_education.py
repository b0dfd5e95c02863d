"""A record of education that is kept in memory, and facts of others that come to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from carejourney.commands import Decided, State
from carejourney.envelope import Context, Draft, Recorded, headers_of, instant
from carejourney.ids import new_id
from carejourney.standing import standing
from carejourney.stated import Stated
from carejourney.statements import Findings, Line
from events.event import Fact
from services.education.domain import ChangeSchool, LeaveSchool, change_school, leave_school
from services.education.enrolments import Enrolment, known_enrolments
from services.education.stating import state_enrolments, state_return

AUTHORITY = "E08000025"
NOW = datetime(2026, 1, 21, 12, tzinfo=UTC)
Row = dict[str, Any]


def row(urn: str, begin: str, until: str | None = None, reason: str = "choice", **cells: Any) -> Row:
    """A row of enrolments; the school's name follows from its number."""
    return {"ref": 1, "upn": None, "urn": urn, "school": f"School {urn}", "from": begin, "until": until,
            "reason": reason, **cells}  # fmt: skip


@dataclass
class Record:
    """One child's facts, in the order they were recorded."""

    subject: UUID = field(default_factory=new_id)
    facts: list[Recorded] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    stated: Stated = field(default_factory=Stated)
    corrections: int = 0

    def state(self) -> State:
        return State(self.subject, standing(self.facts), NOW)

    def add(self, drafts: Iterable[Draft], *, origin: Any = "person", stated_in: str | None = None) -> int:
        """Record drafts; how many there were."""
        context = Context("education", AUTHORITY, "tester", "none", origin, "c", stated_in=stated_in)
        added = 0
        for draft in drafts:
            versions = sum(f.topic == draft.topic for f in self.facts)
            headers = headers_of(draft, context, time=instant(NOW), stream_version=versions + 1)
            body = msgspec.json.encode(draft.body.model_dump(mode="json"))
            self.facts.append(Recorded(headers, body, draft.topic))
            added += 1
        return added

    def carry_out(self, decided: Decided, **context: Any) -> int:
        self.corrections += decided.corrections
        return self.add(decided.drafts, **context)

    def import_enrolments(self, *rows: Row, complete: bool = False, partial: frozenset[str] = frozenset()) -> int:
        """Facts recorded by one file; what was found is in `findings`."""
        line = self._line({"enrolments": list(rows)}, None, complete=complete, partial=partial)
        self.findings = Findings()
        return self.carry_out(
            state_enrolments(self.state(), line, self.findings), origin="import", stated_in="enrolments"
        )

    def import_header(self, upn: str | None, year: int, *, complete: bool = False) -> int:
        """Facts recorded by the header of one return; None where it has no row of the child."""
        line = self._line({"header": [{"ref": 1, "upn": upn}] if upn else []}, year, complete=complete)
        self.findings = Findings(stated=self.stated)
        return self.carry_out(
            state_return(self.state(), line, self.findings), origin="import", stated_in=f"ssda903/{year}"
        )

    def change(self, urn: str, day: str, reason: str = "choice") -> int:
        """Facts recorded by the command of a person."""
        asked = {"on": day, "urn": urn, "school": f"School {urn}", "reason": reason}
        return self.carry_out(change_school(ChangeSchool.model_validate(asked), self.state()))

    def leave(self, day: str, urn: str | None = None) -> int:
        return self.carry_out(leave_school(LeaveSchool(on=date.fromisoformat(day), urn=urn), self.state()))

    def _line(self, tables: dict[str, list[Row]], year: int | None, **more: Any) -> Line:
        return Line(new_id(), self.subject, AUTHORITY, year, tables, **more)

    def hear(self, body: Fact, day: str | None = None) -> Recorded:
        """A fact of any service, effective on a day."""
        return self.add_on(body.destination(), body, day)

    def add_on(self, topic: str, body: Fact, day: str | None) -> Recorded:
        """A fact on a topic that its type does not tell: a correction."""
        self.add([Draft(self.subject, body, day, topic)])
        return self.facts[-1]

    @property
    def enrolments(self) -> list[Enrolment]:
        return sorted(known_enrolments(standing(self.facts)).values(), key=lambda e: e.start)

    @property
    def roll(self) -> list[tuple[str, str, str | None]]:
        """School, first day and end of each enrolment that stands."""
        return [(e.urn, e.start, e.until) for e in self.enrolments]

    def types(self) -> list[str]:
        return [f.type.partition(".")[2] for f in self.facts]

    def content(self, wire: str) -> list[dict[str, Any]]:
        return [dict(f.data) for f in standing(self.facts) if f.type == wire and not f.retracted]

    def rules(self) -> list[str]:
        return [f["rule"] for f in self.findings.flagged]
