"""A child's enrolments: what stands of them, and the facts that make the record hold others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from carejourney.commands import State
from carejourney.reconcile import Because, Reconciliation, Wanted
from carejourney.standing import Standing
from events.correction import FactCorrected, FactRetracted
from events.education import SchoolChanged, SchoolChangeReason, SchoolLeft, UpnRecorded

NOT_STATED: Final = "not_stated"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A child at a school from a day until the first day no longer so; days are ISO texts.

    `ref` is the row of a file that states it; `follows` marks an end that nobody stated, because another school began.
    """

    urn: str
    school: str
    start: str
    until: str | None
    reason: SchoolChangeReason
    ref: Any = field(default=None, compare=False)
    follows: bool = field(default=False, compare=False)

    def attended_on(self, day: str) -> bool:
        return self.start <= day and (self.until is None or day < self.until)


def key_of(fact: Standing) -> tuple[str, ...]:
    """The key of each of education's facts: one number, each beginning, one end for each beginning."""
    if fact.type == UpnRecorded.wire:
        return (fact.type,)
    return (fact.type, str(fact.data.get("enrolment", fact.id)))


def reconciliation(state: State) -> Reconciliation:
    return Reconciliation(state.subject, state.own, key_of, corrected=FactCorrected, retracted=FactRetracted)


def beginning(identity: str) -> tuple[str, ...]:
    """The key of the fact that an enrolment began; its identity is that fact's id."""
    return (SchoolChanged.wire, identity)


def ending(identity: str) -> tuple[str, ...]:
    return (SchoolLeft.wire, identity)


def new_enrolment(record: Reconciliation) -> str:
    """The identity of an enrolment that is not in the record yet."""
    return record.fresh(SchoolChanged.wire)


def known_enrolments(own: Iterable[Standing]) -> dict[str, Enrolment]:
    """What stands, by the id of the fact that each began."""
    facts = list(own)
    ends = {f.data["enrolment"]: f for f in facts if f.type == SchoolLeft.wire and not f.retracted}
    return {f.id: _enrolment(f, ends.get(f.id)) for f in facts if f.type == SchoolChanged.wire and not f.retracted}


def retracted_enrolments(own: Iterable[Standing]) -> dict[tuple[str, str], str]:
    """Ids of what was retracted, by first day and school: stated again, it stands again."""
    gone = (f for f in own if f.type == SchoolChanged.wire and f.retracted)
    return {(f.effective or "", f.data["urn"]): f.id for f in gone}


def _enrolment(fact: Standing, end: Standing | None) -> Enrolment:
    data = fact.data
    return Enrolment(
        data["urn"],
        data["school"],
        fact.effective or "",
        end.effective if end else None,
        data["reason"],
        follows=end is not None and end.origin == "computed",
    )


def want_enrolments(record: Reconciliation, wanted: Mapping[str, Enrolment]) -> None:
    """Make the record hold exactly these among what stands and is not dropped; keyed by identity."""
    previous: str | None = None
    for identity, enrolment in sorted(wanted.items(), key=lambda i: (i[1].start, i[1].urn)):
        _want_beginning(record, identity, enrolment, previous)
        _want_end(record, identity, enrolment)
        previous = enrolment.urn


def _want_beginning(record: Reconciliation, identity: str, enrolment: Enrolment, previous: str | None) -> None:
    body = SchoolChanged(urn=enrolment.urn, school=enrolment.school, previous_urn=previous, reason=enrolment.reason)
    stands = record.standing(beginning(identity))
    # That another school came before is said by the other's row: such a change alone is not a statement.
    stated = stands is None or _statement(stands) != (enrolment.start, enrolment.urn, enrolment.school, body.reason)
    record.want(beginning(identity), Wanted(body, enrolment.start, stated=stated))


def _statement(fact: Standing) -> Sequence[object]:
    return (fact.effective, fact.data["urn"], fact.data["school"], fact.data["reason"])


def _want_end(record: Reconciliation, identity: str, enrolment: Enrolment) -> None:
    if enrolment.until is None:
        record.drop(ending(identity), NOT_STATED)
    else:
        body = SchoolLeft(enrolment=identity)
        record.want(ending(identity), Wanted(body, enrolment.until, stated=not enrolment.follows))


def drop_enrolment(record: Reconciliation, identity: str, reason: Because) -> None:
    """Retract that an enrolment ever was, and its end with it."""
    record.drop(beginning(identity), reason)
    record.drop(ending(identity), reason)
