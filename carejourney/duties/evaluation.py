"""The states of every duty of one subject on a day: a pure function of its facts, a policy and that day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from carejourney.duties.explanation import Explanation, cited, explain, in_words
from carejourney.duties.facts import Dated, Fact, History, known_on_or_before
from carejourney.duties.policy import Arising, Meeting, Policy, Rule
from carejourney.duties.stretches import Stretch, stretches
from carejourney.duties.terms import Term, term
from carejourney.workdays import add_months


class State(StrEnum):
    """How a duty stands on a day."""

    PENDING = "pending"
    MET = "met"
    OVERDUE = "overdue"
    MET_LATE = "met_late"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DutyState:
    """One occurrence of a duty on the day asked about.

    `root` is the fact that made it arise. `settled_by` and `settled_on` name the fact that met or ended it.
    `due_on_or_before` says that the day it arose is known only as the latest possible one: the true due date may be
    earlier, and it may have been met before the record begins. `fell_overdue` stays true once it was met late or
    ended after its due date. `evidence` lists facts that bear on it and do not meet it.
    """

    duty: str
    version: int
    title: str
    root: str
    arose: date
    due: date
    due_on_or_before: bool
    state: State
    settled_by: str | None
    settled_on: date | None
    fell_overdue: bool
    evidence: tuple[str, ...]
    owner: str
    escalates_to: str
    basis: "Basis" = field(repr=False)

    @property
    def explanation(self) -> Explanation:
        """Why it is due when it is, and what came of it, in plain words."""
        occurrence = self.basis.occurrence
        return explain(occurrence.rule, occurrence.root, occurrence.term, _outcome(self.state, self.basis))

    @property
    def occurrence(self) -> str:
        """Identity of the occurrence within its subject: duty, version of its entry, root fact."""
        return f"{self.duty}/{self.version}/{self.root}"

    @property
    def certainly_overdue(self) -> bool:
        """Whether it is overdue whatever the true day of its root fact was."""
        return self.state is State.OVERDUE and not self.due_on_or_before

    @property
    def changes_on(self) -> date | None:
        """The day on which time alone changes the state, if no further fact arrives."""
        return self.due + timedelta(days=1) if self.state is State.PENDING else None


def duties(facts: Iterable[Fact], policy: Policy, on: date, *, born: date | None = None) -> list[DutyState]:
    """Every duty that had arisen for one subject by the end of a day, the earliest due first.

    `facts` are the standing facts of that subject in any order; those effective after `on` are not looked at.
    `born` is needed only by terms that depend on an age: without it they are left aside and the explanation says so,
    and a duty with no other term does not arise.
    """
    history = History(facts, on)
    found: dict[tuple[int, int], list[Stretch]] = {}
    states: list[DutyState] = []
    for rule in policy.rules:
        span = (id(rule.span), id(rule.around))
        if span not in found:
            found[span] = stretches(history, rule.span, rule.around)
        states += _states(rule, found[span], history, on, born)
    return sorted(states, key=lambda state: (state.due, state.duty, state.root))


@dataclass(frozen=True, slots=True)
class _Occurrence:
    rule: Rule
    root: Fact
    arose: date
    stretch: Stretch
    term: Term


@dataclass(frozen=True, slots=True)
class Basis:
    """What a duty state was judged on."""

    occurrence: _Occurrence
    settled: Dated | None
    evidence: tuple[Dated, ...]


def _states(rule: Rule, found: Sequence[Stretch], history: History, on: date, born: date | None) -> Iterable[DutyState]:
    # A fact from before an opening can be the root in two stretches; the duty then stands in the later one.
    standing = {
        dated.fact.id: (dated, stretch) for stretch in found for dated in _roots(rule.duty.arises, history, stretch)
    }
    for (arose, root), stretch in standing.values():
        due = term(rule, arose, born)
        if due and rule.duty.in_force(arose):
            yield _state(_Occurrence(rule, root, arose, stretch, due), history, on)


def _roots(arises: Arising, history: History, stretch: Stretch) -> Sequence[Dated]:
    if arises.each is None:
        return [Dated(stretch.start, stretch.opening)]
    within = history.matching((arises.each, add_months(stretch.start, -arises.months_before), stretch.end))
    one_a_day = [next(group) for _, group in groupby(within, key=lambda dated: dated.day)]
    if stretch.began_earlier:
        # How many came before the record begins is unknown: only what holds for every later one can be claimed.
        return one_a_day if arises.last is None else []
    return one_a_day[arises.first - 1 : arises.last]


def _state(occurrence: _Occurrence, history: History, on: date) -> DutyState:
    duty, root, due = occurrence.rule.duty, occurrence.root, occurrence.term.due
    met = next(_counting(duty.met_by, occurrence, history), None)
    settled = met or _closed(occurrence.stretch)
    evidence = tuple(_counting(duty.evidence, occurrence, history))
    state = _judge(met, occurrence.stretch.closing, due, on)
    return DutyState(
        duty=duty.id,
        version=duty.version,
        title=duty.title,
        root=root.id,
        arose=occurrence.arose,
        due=due,
        due_on_or_before=known_on_or_before(root),
        state=state,
        settled_by=settled.fact.id if settled else None,
        settled_on=settled.day if settled else None,
        fell_overdue=(settled.day if settled else on) > due,
        evidence=tuple(dated.fact.id for dated in evidence),
        owner=duty.owner,
        escalates_to=duty.escalates_to,
        basis=Basis(occurrence, settled, evidence),
    )


def _closed(stretch: Stretch) -> Dated | None:
    return Dated(stretch.end, stretch.closing) if stretch.closing else None


def _judge(met: Dated | None, closing: Fact | None, due: date, on: date) -> State:
    if met:
        return State.MET if met.day <= due else State.MET_LATE
    if closing:
        return State.ENDED
    return State.OVERDUE if on > due else State.PENDING


def _counting(meetings: Sequence[Meeting], occurrence: _Occurrence, history: History) -> Iterator[Dated]:
    return history.matching(*((meeting, *_window(meeting, occurrence)) for meeting in meetings))


def _window(meeting: Meeting, occurrence: _Occurrence) -> tuple[date, date]:
    arose, a_day = occurrence.arose, timedelta(days=1)
    if meeting.held == "before":
        return add_months(arose, -(meeting.months_before or 0)), arose - a_day
    first = arose + a_day if meeting.held == "after" else arose
    last = date.max if meeting.months_after is None else add_months(arose, meeting.months_after)
    return first, min(last, occurrence.stretch.end)


def _outcome(state: State, basis: Basis) -> str:
    occurrence, settled, evidence = basis.occurrence, basis.settled, basis.evidence
    said = _STATE_IN_WORDS[state]
    if settled:
        early = ", before it arose," if state is State.MET and settled.day < occurrence.arose else ""
        said += f"{early} by {cited(settled.fact)} on {in_words(settled.day)}"
    if state is State.ENDED and settled:
        late = settled.day > occurrence.term.due
        said += ", overdue by then and never met" if late else ", before it was due"
    if known_on_or_before(occurrence.root):
        said += "; it arose before the record begins, so it may have been due and met earlier"
    if evidence:
        said += f"; evidence that does not meet it: {', '.join(cited(dated.fact) for dated in evidence)}"
    return f"{said}."


_STATE_IN_WORDS = {
    State.PENDING: "Not met yet, and not yet overdue",
    State.MET: "Met in time",
    State.OVERDUE: "Overdue: nothing that meets it is known",
    State.MET_LATE: "Met late",
    State.ENDED: "Ended",
}
