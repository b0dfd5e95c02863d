"""Education: which school a child attends, and why that changed."""

import math
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from events.codes import (
    ADMISSION,
    APPROVER,
    ATTAINMENT,
    EXCLUSION,
    NO_PROVISION,
    QUALIFICATION,
    SCHOOL_SUPPORT,
    SHARED_FOR,
    SHARED_ITEM,
    SPECIAL_NEED,
)
from events.event import Coded, Fact, Identifier, PersonalText, SchoolUrn
from events.families import (
    MOST,
    Activity,
    Count,
    Decision,
    Incident,
    IncidentEnds,
    Interval,
    IntervalEnds,
    Need,
    NeedEnds,
    Outcome,
    Plan,
    PlanChanges,
    Register,
    RoleBegins,
    RoleEnds,
    Text,
)
from events.upcasting import Content, Upcast

SchoolChangeReason = Literal[
    "first_school", "placement_move", "phase_transfer", "managed_move", "exclusion", "family_moved", "choice", "other"
]


class _Education(Fact):
    topic = "care.education"


class UpnRecorded(_Education, Register):
    """The child has this unique pupil number, or none for the reason coded UN1 to UN5 (SSDA903 Header UPN)."""

    wire, lane, dated = "education.upn_recorded", "upn", False
    once = True
    upn: PersonalText | None = None
    unknown_because: Annotated[str | None, Field(pattern="^UN[1-5]$")] = None


class SchoolChanged(_Education, Interval):
    """The child began at this school."""

    wire, lane, edge = "education.school_changed", "school", "start"
    sources = ("ES.11c", "CM2.case-Clara", "CM3.4", "CM4.4a", "CM4.18a")
    command, ahead = "/children/{child}/school-changes", True
    urn: SchoolUrn
    school: Annotated[PersonalText, Field(min_length=1, max_length=200)]
    previous_urn: SchoolUrn | None = None
    reason: SchoolChangeReason = "other"


class SchoolLeft(_Education, Interval):
    """The child left a school."""

    wire, lane, edge = "education.school_left", "school", "end"
    sources = ("CM4.11", "CM4.12b", "CM4.13a", "CM4.14", "CM6.25")
    link, linked, ahead = "enrolment", SchoolChanged, True
    command = "/children/{child}/school-leavings"
    enrolment: Identifier


class SchoolAdmissionApplied(_Education, Decision):
    """The child needs a place at this school, the school or its authority was asked."""

    wire, lane, edge = "education.school_admission_applied", "school_admission", "start"
    sources = ("CM4.12a", "CM4.13a", "CM4.13b", "MB.8.10.a")
    urn: SchoolUrn
    school: Annotated[PersonalText, Field(min_length=1, max_length=200)]
    priority: Annotated[bool | None, Field(description="Whether the highest priority was claimed.")] = None


class SchoolAdmissionDecided(_Education, Decision):
    """The child was offered or refused the place, or the school was directed to admit."""

    wire, lane, edge = "education.school_admission_decided", "school_admission", "end"
    sources = ("HC.43.a", "MB.8.10.a", "ES.11b", "CM4.12a", "CM4.13a")
    link, linked = "request", SchoolAdmissionApplied
    request: Identifier
    outcome: Annotated[str, Coded(ADMISSION)]
    reason: Text = None


class ExceptionalSchoolMoveApproved(_Education, Decision):
    """The child may change schools in years 10 or 11, as this person approved."""

    wire, lane = "education.exceptional_school_move_approved", "school_move_approval"
    sources = ("CM4.19b", "CM8.4b")
    approver: Annotated[str, Coded(APPROVER)]
    rationale: Text = None


class EducationGapStarted(_Education, Interval):
    """The child has no education arranged from this day on."""

    wire, lane, edge = "education.education_gap_started", "education_gap", "start"
    sources = ("CM4.4a", "CM5.27")
    cause: Annotated[str, Coded(NO_PROVISION)]


class EducationGapEnded(_Education, IntervalEnds):
    """The child has education arranged again."""

    wire, lane, linked = "education.education_gap_ended", "education_gap", EducationGapStarted
    sources = ("CM4.34", "CM4.35", "CM4.80")


class AttendanceRecorded(_Education, Outcome):
    """The child's attendance from this day up to that one, in sessions of half a day."""

    wire, lane = "education.attendance_recorded", "attendance"
    sources = ("SR2.10.b", "SR2.31.e", "CM1.Box2f", "CM4.24b", "CM4.69a")
    up_to: Annotated[date, Field(description="The last day counted.")]
    possible: Annotated[int, Field(ge=0, le=MOST, description="Sessions.")]
    missed: Annotated[int, Field(ge=0, le=MOST, description="Sessions.")]
    unauthorised: Annotated[int | None, Field(ge=0, le=MOST, description="Sessions, of those missed.")] = None


def _exclusion_in_sessions(content: Content) -> dict[str, Any]:
    """Days become half-days, a part of one counted as one; a fixed-period exclusion is what is now a suspension."""
    rest = {name: value for name, value in content.items() if name != "days"}
    days, kind = content.get("days"), content["kind"]
    sessions = None if days is None else math.ceil(days * 2)
    return {**rest, "kind": "suspension" if kind == "fixed" else kind, "sessions": sessions}


class ExclusionImposed(_Education, Incident):
    """The child was suspended, or excluded permanently, from school."""

    wire, version, lane, edge = "education.exclusion_imposed", 2, "exclusion", "start"
    upcasts = (
        Upcast(
            _exclusion_in_sessions,
            "The statutory guidance speaks of suspensions, no longer of fixed-period exclusions, and the school census"
            " counts their sessions: days became sessions, and fixed became suspension.",
        ),
    )
    sources = ("CM4.72", "CM4.75a", "CM4.76a", "CM4.76b", "CM4.80")
    kind: Annotated[str, Coded(EXCLUSION)]
    sessions: Annotated[
        int | None, Field(ge=0, le=380, description="School sessions it lasts, two a day; null where permanent.")
    ] = None
    authority_consulted: Annotated[bool | None, Field(description="Whether the authority was asked before.")] = None
    reason: Text = None


class ReturnedToSchool(_Education, IncidentEnds):
    """The child was back at school, or in other education, after the exclusion."""

    wire, lane, linked = "education.returned_to_school", "exclusion", ExclusionImposed
    sources = ("CM4.BOX-GLOSb",)


class PepCompleted(_Education, Plan):
    """The child has a personal education plan, written with these people taking part."""

    wire, lane, edge, ahead = "education.pep_completed", "pep", "point", False
    sources = ("CM4.24b", "CM4.31a", "CM7.26b")
    child_took_part: bool | None
    carer_took_part: bool | None = None
    school_took_part: bool | None = None
    targets: Count = None
    aspirations: Text = None


class PepReviewed(_Education, PlanChanges):
    """The child's personal education plan was reviewed, and judged good enough or not."""

    wire, lane, linked = "education.pep_reviewed", "pep_review", PepCompleted
    sources = ("CM4.24b", "CM4.33a", "CM4.33b")
    good_enough: bool | None = None
    targets_met: Count = None


class AssessmentResultRecorded(_Education, Outcome):
    """The child was assessed in this subject, with this result."""

    wire, lane = "education.assessment_result_recorded", "attainment"
    sources = ("MB.8.10.b", "ES.3a", "CM1.11b", "CM1.Box2f", "CM4.4b")
    stage: Annotated[str, Coded(ATTAINMENT)]
    subject: Annotated[PersonalText, Field(min_length=1, max_length=100)]
    result: Annotated[PersonalText, Field(min_length=1, max_length=20)]
    expected: Annotated[bool | None, Field(description="Whether it is what is expected at that age.")] = None


class QualificationAwarded(_Education, Outcome):
    """The child was awarded a qualification in this subject."""

    wire, lane = "education.qualification_awarded", "qualification"
    sources = ("CM4.1", "CM6.48a", "SR2.10.c", "SR2.31.e", "MB.8.10.c")
    level: Annotated[str, Coded(QUALIFICATION)]
    subject: Annotated[PersonalText, Field(min_length=1, max_length=100)]
    grade: Annotated[PersonalText | None, Field(max_length=20)] = None


class SenStatementIssued(_Education, Need):
    """The child has special educational needs, with a statement or plan or without."""

    wire, lane, edge = "education.sen_statement_issued", "special_need", "start"
    sources = ("CM4.53", "CM4.56", "SR2.10.a")
    kind: Annotated[str, Coded(SPECIAL_NEED)]
    needs: Text = None


class SenStatementCeased(_Education, NeedEnds):
    """The child's special educational needs are no longer stated."""

    wire, lane, linked = "education.sen_statement_ceased", "special_need", SenStatementIssued
    sources = ("SR2.10.a",)


class EducationSupportStarted(_Education, Need):
    """The child began to have support of this kind for learning."""

    wire, lane, edge = "education.education_support_started", "education_support", "start"
    sources = ("CM4.24b", "CM4.46b", "CM4.48", "CM8.TAB6", "CM4.76a")
    kind: Annotated[str, Coded(SCHOOL_SUPPORT)]
    hours_a_week: Annotated[float | None, Field(ge=0, le=168)] = None


class EducationSupportEnded(_Education, NeedEnds):
    """The child's support of this kind for learning ended."""

    wire, lane, linked = "education.education_support_ended", "education_support", EducationSupportStarted
    sources = ("MB.8.10.c",)


class DesignatedTeacherAppointed(_Education, RoleBegins):
    """The child has a designated teacher at this school."""

    wire, lane = "education.designated_teacher_appointed", "designated_teacher"
    sources = ("CM4.26", "CM4.28a", "CM4.29", "CM4.30", "CM8.4b")
    urn: SchoolUrn


class DesignatedTeacherEnded(_Education, RoleEnds):
    """The child's designated teacher is no longer the one."""

    wire, lane, linked = "education.designated_teacher_ended", "designated_teacher", DesignatedTeacherAppointed
    sources = ("CM4.26", "HC.61")


class LearnerNumberAssigned(_Education, Register):
    """The child has this unique learner number."""

    wire, lane = "education.learner_number_assigned", "learner_number"
    sources, once = ("CM6.51",), True
    uln: Annotated[PersonalText, Field(pattern="^[0-9]{10}$")]


class SchoolInformationShared(_Education, Activity):
    """The child's designated teacher at this school was told this, for this purpose."""

    wire, lane = "education.school_information_shared", "school_information"
    sources = ("MB.8.10.g", "CM3.7")
    urn: SchoolUrn
    item: Annotated[str, Coded(SHARED_ITEM)]
    purpose: Annotated[str, Coded(SHARED_FOR)]
