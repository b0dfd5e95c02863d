"""Generated children and what is said of them: only the fields that matter to a test need be given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from carejourney.commands import Decided, State
from carejourney.envelope import Context, Draft, Recorded
from carejourney.keys import SubjectKey
from carejourney.reactions import opened
from carejourney.standing import Standing, standing
from carejourney.stated import Stated
from carejourney.statements import Findings, Line
from carejourney.store import Stream, Unit
from events.catalogue import CATALOGUE
from events.event import Fact
from services.placement.episodes import DERIVED, Episode, known_episodes
from services.placement.returning import state_return

AUTHORITY: Final = "E08000025"
NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOME, NEAR, FAR = "B1 1AA", "B13 8DD", "LE2 3AA"

Row = dict[str, Any]
_NOTHING: Any = None


class Gazetteer:
    """Three postcodes, and how far they lie from each other."""

    _areas: Final = {HOME: "E08000025", NEAR: "E08000025", FAR: "E06000016"}
    _miles: Final = {(HOME, NEAR): 3.0, (HOME, FAR): 36.5}

    def area(self, postcode: str | None) -> str | None:
        return self._areas.get(postcode or "")

    def miles(self, home: str | None, placement: str | None) -> float | None:
        return self._miles.get((home or "", placement or ""))


def an_episode(decom: str = "2025-05-01", **cells: Any) -> Row:
    """A row of the Episodes table: a first, open episode in a foster placement."""
    return {"decom": decom, "rne": "S", "ls": "C2", "cin": "N1", "place": "U6", "place_provider": "PR1", **cells}


def a_header(**cells: Any) -> Row:
    return {"sex": "2", "dob": "2014-03-09", "ethnic": "WBRI", "mother": None, "mc_dob": None, **cells}


def a_context(**parts: Any) -> Context:
    """Who says so: a person of the authority, unless parts differ."""
    who: dict[str, Any] = {
        "source": "placement", "authority": AUTHORITY, "actor": "tester", "actor_role": "social-work",
        "origin": "person", "correlation": "a-test",
    }  # fmt: skip
    return Context(**{**who, **parts})


@dataclass
class Said:
    """What came of one return or command."""

    facts: list[Recorded]
    corrections: int = 0
    flagged: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [fact.type.partition(".")[2] for fact in self.facts]

    @property
    def rules(self) -> list[str]:
        return [flag["rule"] for flag in self.flagged]

    @property
    def nothing(self) -> bool:
        return not self.facts and not self.corrections


class Child:
    """One child's record in the placement service, sealed as in the store, without a database."""

    def __init__(self, now: datetime = NOW) -> None:
        self.subject: UUID = uuid4()
        self.now = now
        self.facts: list[Recorded] = []
        self.key = SubjectKey(self.subject, b"k" * 32)
        self.stated = Stated()
        self._unit = Unit(_NOTHING, _NOTHING, CATALOGUE, now)
        self._unit.streams[self.subject] = Stream()
        self._unit.keys[self.subject] = self.key

    @property
    def own(self) -> list[Standing]:
        return [opened(fact, self.key) for fact in standing(self.facts)]

    @property
    def state(self) -> State:
        return State(self.subject, self.own, self.now)

    @property
    def episodes(self) -> dict[str, Episode]:
        return known_episodes(self.own)

    def standing(self, short: str) -> list[Standing]:
        """Facts of one type that stand, by effective day; the type without its family."""
        found = [f for f in self.own if f.type.partition(".")[2] == short and not f.retracted]
        return sorted(found, key=lambda f: (f.effective or "", f.version))

    @property
    def headlines(self) -> list[tuple[str, str | None]]:
        """Type and day of each derived fact that stands, in the order of days."""
        found = [f for f in self.own if f.type in DERIVED and not f.retracted]
        return sorted((f.type.partition(".")[2], f.effective) for f in found)

    def says(self, decided: Decided, **parts: Any) -> Said:
        """Record what was decided."""
        recorded = self._unit.append(decided.drafts, a_context(**parts))
        self.facts.extend(recorded)
        return Said(recorded, decided.corrections)

    def record(self, body: Fact, on: str | None) -> Recorded:
        """Record one fact of any service as it is."""
        (fact,) = self._unit.append([Draft(self.subject, body, on, body.destination())], a_context())
        self.facts.append(fact)
        return fact

    def does(self, decide: Callable[[State], Decided]) -> Said:
        """Carry out a command."""
        return self.says(decide(self.state))

    def states(
        self, *episodes: Row, year: int = 2026, complete: bool = False, partial: Iterable[str] = (),
        tables: Mapping[str, Sequence[Row]] | None = None,
    ) -> Said:  # fmt: skip
        """Take the rows of a return: those of `tables`, or of Episodes alone."""
        stated = tables if tables is not None else {"episodes": episodes}
        numbered = {t: [{"ref": n, **row} for n, row in enumerate(rows)] for t, rows in stated.items()}
        line = Line(uuid4(), self.subject, AUTHORITY, year, numbered, None, complete, frozenset(partial))
        findings = Findings(stated=self.stated)
        decided = state_return(self.state, line, findings, Gazetteer())
        said = self.says(decided, origin="import", stated_in=f"ssda903/{year}")
        return Said(said.facts, decided.corrections, findings.flagged, findings.refused)
