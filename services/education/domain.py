"""Education: what a person may record of a child's schools."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from carejourney.commands import Decided, State
from carejourney.errors import Refusal
from carejourney.yearly import settled
from events.education import SchoolChangeReason
from events.event import Urn
from events.strictness import Strict
from services.education.enrolments import Enrolment, known_enrolments, new_enrolment, reconciliation, want_enrolments

FURTHEST_AHEAD: Final = timedelta(days=366)


class ChangeSchool(Strict):
    """The child begins at a school."""

    model_config = ConfigDict(
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [{"on": "2026-01-05", "urn": "990123", "school": "Elm Bank School", "reason": "placement_move"}]
        },
    )

    on: Annotated[date, Field(description="The first day at the school.")]
    urn: Urn
    school: Annotated[str, Field(min_length=1, max_length=200, description="The school's name.")]
    reason: SchoolChangeReason


class LeaveSchool(Strict):
    """The child leaves a school without a new one being known."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on": "2026-07-22", "urn": "990123"}]})

    on: Annotated[date, Field(description="The first day no longer at the school.")]
    urn: Annotated[Urn | None, Field(description="Needed only where the child attends more than one school.")] = None


def change_school(command: ChangeSchool, state: State) -> Decided:
    """The child begins at the school and leaves the one attended until then.

    Refused: a second school on one day, a school attended already, a day over a year ahead. Already so: the same
    school from the same day.
    """
    refuse_far_ahead(command.on, state.now)
    day = command.on.isoformat()
    known = known_enrolments(state.own)
    for one in known.values():
        if one.start == day and one.urn == command.urn:
            return Decided()
        if one.start == day:
            raise Refusal("a child cannot begin at two schools on one day; correct the one recorded instead")
        if one.urn == command.urn and one.attended_on(day):
            raise Refusal(f"the child attends this school already, since {one.start}")
    record = reconciliation(state)
    wanted = {identity: _closed(one, day) for identity, one in known.items()}
    wanted[new_enrolment(record)] = _new(command, known)
    want_enrolments(record, wanted)
    return settled(record)


def _closed(one: Enrolment, day: str) -> Enrolment:
    """The enrolment as it is once another school has begun on a day."""
    ends = one.start < day and (one.until is None or (one.follows and day < one.until))
    return replace(one, until=day, follows=True) if ends else one


def _new(command: ChangeSchool, known: dict[str, Enrolment]) -> Enrolment:
    """The enrolment that begins, ended by the next one that is known, if any."""
    day = command.on.isoformat()
    following = min((one.start for one in known.values() if one.start > day), default=None)
    return Enrolment(command.urn, command.school, day, following, command.reason, follows=True)


def leave_school(command: LeaveSchool, state: State) -> Decided:
    """The child leaves. Refused: no school attended then, or more than one. Already so: left on that day."""
    refuse_far_ahead(command.on, state.now)
    day = command.on.isoformat()
    known = known_enrolments(state.own)
    asked = {i: one for i, one in known.items() if command.urn in {None, one.urn}}
    if any(one.until == day for one in asked.values()):
        return Decided()
    open_ones = [i for i, one in asked.items() if one.until is None and one.start <= day]
    if not open_ones:
        raise Refusal("no school is known that the child attended on that day and has not left")
    if len(open_ones) > 1:
        raise Refusal("the child attends more than one school; say which by its urn")
    (identity,) = open_ones
    record = reconciliation(state)
    want_enrolments(record, {**known, identity: replace(known[identity], until=day)})
    return settled(record)


def refuse_far_ahead(day: date, now: datetime) -> None:
    """Raise `Refusal` for a day too far ahead to be meant."""
    if day > now.date() + FURTHEST_AHEAD:
        raise Refusal("the day is more than a year ahead; record it when it is nearer, or correct the date")
