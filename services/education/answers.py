"""What education answers with: the documents of its API."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from carejourney.standing import Standing
from events.education import SchoolChanged, SchoolChangeReason, UpnRecorded
from services.education.enrolments import Enrolment, known_enrolments
from services.education.projections import Spell
from services.education.roll import Entry, year_name

_CHILD: dict[str, JsonValue] = {
    "child": "0192b6a4-7c1e-7d3a-9f00-5b8e2c4d6f10",
    "local_id": "C00017",
    "upn": "K990123456789",
    "upn_unknown_because": None,
    "year_group": "Year 8",
    "in_care": True,
    "entered_on": "2025-06-02",
    "entered_on_or_before": False,
    "left_on": None,
    "school": {"urn": "990123", "school": "Elm Bank School", "since": "2026-01-05", "reason": "placement_move"},
    "last_moved_on": "2025-12-12",
    "days_since_move": 40,
    "school_kept": False,
    "last_change": {"urn": "990123", "school": "Elm Bank School", "since": "2026-01-05", "reason": "placement_move"},
    "caused_by_move_on": "2025-12-12",
    "missing_now": False,
    "out_of_area": True,
    "turned_eighteen": False,
}


class School(BaseModel):
    """A school and since when it is attended."""

    urn: str
    school: str
    since: date
    reason: str


class RollChild(BaseModel):
    """One child on the virtual roll."""

    child: Annotated[UUID, Field(description="The child's pseudonym.")]
    local_id: str | None
    upn: str | None
    upn_unknown_because: str | None
    year_group: str
    in_care: bool
    entered_on: date
    entered_on_or_before: bool
    left_on: date | None
    school: Annotated[School | None, Field(description="The school attended today.")]
    last_moved_on: date | None
    days_since_move: int | None
    school_kept: Annotated[bool | None, Field(description="Whether the school stayed the same at the last move.")]
    last_change: Annotated[School | None, Field(description="The last change of school, not the first school.")]
    caused_by_move_on: Annotated[date | None, Field(description="The placement move that change followed.")]
    missing_now: bool
    out_of_area: bool | None
    turned_eighteen: bool


class Roll(BaseModel):
    """One page of an authority's virtual roll."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "authority": "E08000025",
                    "as_of": "2026-01-21",
                    "total": 1,
                    "page": 1,
                    "pages": 1,
                    "children": [_CHILD],
                }
            ]
        }
    )

    authority: str
    as_of: date
    total: int
    page: int
    pages: int
    children: list[RollChild]


class EnrolmentRead(BaseModel):
    """A child at a school; `until` is the first day no longer so."""

    urn: str
    school: str
    start: Annotated[date, Field(serialization_alias="from")]
    until: date | None
    reason: SchoolChangeReason
    previous_urn: str | None
    facts: list[str]
    recorded: str
    source: str


class Education(BaseModel):
    """A child's schools as they stand, and those attended on a day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "child": _CHILD["child"],
                    "true_on": "2026-01-21",
                    "upn": "K990123456789",
                    "upn_unknown_because": None,
                    "attending": ["990123"],
                    "enrolments": [],
                }
            ]
        }
    )

    child: UUID
    true_on: date
    upn: str | None
    upn_unknown_because: str | None
    attending: Annotated[list[str], Field(description="School numbers attended on the day asked for.")]
    enrolments: list[EnrolmentRead]


def roll_child(one: Entry) -> RollChild:
    return RollChild(
        child=one.child,
        local_id=one.local_id,
        upn=one.upn,
        upn_unknown_because=one.upn_unknown_because,
        year_group=year_name(one.year_group),
        in_care=one.in_care,
        entered_on=one.entered_on,
        entered_on_or_before=one.on_or_before,
        left_on=one.left_on,
        school=_school(one.school),
        last_moved_on=one.last_moved_on,
        days_since_move=one.days_since_move,
        school_kept=one.school_kept,
        last_change=_school(one.last_change),
        caused_by_move_on=one.caused_by_move_on,
        missing_now=one.missing_now,
        out_of_area=one.out_of_area,
        turned_eighteen=one.turned_eighteen,
    )


def _school(spell: Spell | None) -> School | None:
    if spell is None:
        return None
    return School(urn=spell.urn, school=spell.school, since=date.fromisoformat(spell.start), reason=spell.reason)


def education(child: UUID, facts: Sequence[Standing], true_on: date) -> Education:
    """The document of one child, from the standing facts."""
    enrolments = known_enrolments(facts)
    number = next((f.data for f in facts if f.type == UpnRecorded.wire), {})
    return Education(
        child=child,
        true_on=true_on,
        upn=number.get("upn"),
        upn_unknown_because=number.get("unknown_because"),
        attending=[one.urn for one in enrolments.values() if one.attended_on(true_on.isoformat())],
        enrolments=list(_enrolments(facts, enrolments)),
    )


def _enrolments(facts: Iterable[Standing], enrolments: dict[str, Enrolment]) -> Iterable[EnrolmentRead]:
    for fact in facts:
        if fact.type == SchoolChanged.wire:
            one = enrolments[fact.id]
            yield EnrolmentRead(
                urn=one.urn,
                school=one.school,
                start=date.fromisoformat(one.start),
                until=date.fromisoformat(one.until) if one.until else None,
                reason=one.reason,
                previous_urn=fact.data.get("previous_urn"),
                facts=list(fact.facts),
                recorded=fact.known,
                source=fact.stated_in or fact.source,
            )
