"""What people record of a child's education, and correct; a school begins and ends as the school commands decide."""

from dataclasses import replace
from datetime import date
from typing import Final

from carejourney.commands import Decided, State
from carejourney.errors import NotFound, Refusal
from carejourney.families import Recording, Statement, recording_router
from carejourney.restating import day_of
from carejourney.yearly import settled
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.education import SchoolChanged, SchoolLeft
from events.sampling import sample_of
from services.education.domain import ChangeSchool, change_school, refuse_far_ahead
from services.education.enrolments import known_enrolments, reconciliation, want_enrolments


def begin_school(statement: Statement, state: State) -> Decided:
    """The child begins at a school, and leaves the one attended until then; which that was is told by the record."""
    body: SchoolChanged = statement.body
    day = _day(statement)
    command = ChangeSchool(on=day, urn=body.urn, school=body.school, reason=body.reason)
    decided = change_school(command, state)
    if not decided.drafts:
        known = known_enrolments(state.own).items()
        decided.notes["stands"] = next(i for i, one in known if (one.start, one.urn) == (day.isoformat(), body.urn))
    return decided


def end_school(statement: Statement, state: State) -> Decided:
    """The child leaves the school whose beginning is named. Refused: one that ended already on another day."""
    body: SchoolLeft = statement.body
    day = _day(statement)
    refuse_far_ahead(day, state.now)
    known = known_enrolments(state.own)
    one = known.get(body.enrolment)
    if one is None:
        raise NotFound("enrolment: no education.school_changed of that id stands for this child")
    if one.until == day.isoformat():
        return Decided()
    if one.until is not None or one.start > day.isoformat():
        raise Refusal(f"this began on {one.start} and ended on {one.until}; correct that instead")
    record = reconciliation(state)
    want_enrolments(record, {**known, body.enrolment: replace(one, until=day.isoformat(), follows=False)})
    return settled(record)


def _day(statement: Statement) -> date:
    return date.fromisoformat(day_of(statement.effective or ""))


RECORDING: Final = Recording(
    service="education",
    catalogue=CATALOGUE,
    roles=("virtual-school", "social-work"),
    sample=sample_of,
    corrected=FactCorrected,
    retracted=FactRetracted,
    own={SchoolChanged.wire: begin_school, SchoolLeft.wire: end_school},
)

router = recording_router(RECORDING)
