"""The same facts for a carer, a school, a health worker, an auditor: each sees what it needs and no more."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from carejourney.access import Caller
from carejourney.errors import Forbidden
from events.catalogue import CATALOGUE
from events.education import (
    AttendanceRecorded,
    DesignatedTeacherAppointed,
    LearnerNumberAssigned,
    PepCompleted,
    SchoolChanged,
    SchoolInformationShared,
    UpnRecorded,
)
from events.event import Fact
from events.health import AdverseExperienceRecorded, DevelopmentalConcernRaised, GpRegistered, HealthSummaryShared
from events.journey import (
    AgencyInvolvementStarted,
    CareStatusDisclosed,
    IdentityLinked,
    RecordAccessGranted,
    SchoolWorkStored,
)
from events.planning import (
    AuthorityDelegated,
    ContactPlanAgreed,
    DecisionMade,
    SocialWorkerAssigned,
    TeamMemberJoined,
    TeamMemberLeft,
)
from events.sampling import sample_of
from services.journey.history import history
from services.journey.sharing import views
from services.journey.sharing.viewing import CARER_VIEW, EDUCATION, HEALTH_SUMMARY, Lanes, reader_of
from services.journey.sharing.words import vocabulary
from tests.unit.journey.made_facts import CHILD, KEY, Record

CARER, TEACHER, WORKER = (f"01980000-0000-7000-8000-0000000000{n}" for n in (11, 12, 13))
TODAY = date(2026, 6, 1)


def lanes(record: Record, on: date | None = None, *, withhold: bool = True) -> Lanes:
    told = history(record.facts, key=KEY, child=str(CHILD), local_id=None, true_on=on, withhold=withhold)
    found: Lanes = told["lanes"]
    return found


def sampled(cls: type[Fact], **changes: Any) -> Fact:
    return cls.model_validate({**sample_of(cls).content, **changes})


def caller(role: str, actor: str) -> Caller:
    return Caller(actor, frozenset({role}), frozenset({"*"}))


def a_team(record: Record) -> str:
    """A carer since January, a social worker and a designated teacher; the id of the carer's joining."""
    joined = record.says(TeamMemberJoined(worker=CARER, role="carer", agency="provider"), "2026-01-05")
    record.says(SocialWorkerAssigned(worker=WORKER), "2026-01-06")
    record.says(DesignatedTeacherAppointed(worker=TEACHER, urn="990001"), "2026-01-12")
    return joined


@pytest.mark.source("CM3.2")
def test_a_carer_sees_school_health_contact_what_the_carer_may_decide_and_whom_to_call() -> None:
    record = Record()
    a_team(record)
    record.says(SchoolChanged(urn="990001", school="Elm Bank School", reason="choice"), "2026-01-12")
    record.says(sampled(HealthSummaryShared), "2026-02-01")
    record.says(sampled(GpRegistered), "2026-02-02")
    record.says(sampled(ContactPlanAgreed, contact_with="sibling"), "2026-02-03")
    record.says(AuthorityDelegated(matter="school_trips", holder="carer"), "2026-02-04")
    record.says(AuthorityDelegated(matter="travel", holder="social_worker"), "2026-02-04")

    shown = views.carer_view(lanes(record, TODAY), lanes(record))

    assert [one["urn"] for one in shown["school"]] == ["990001"]
    assert shown["health"]["summary"]["plain_summary"] == "Needs an inhaler before sport."
    assert [one["contact_with"]["code"] for one in shown["contact"]] == ["sibling"]
    assert [one["matter"]["code"] for one in shown["delegated"]] == ["school_trips"]
    assert [(one["role"], one["worker"]) for one in shown["call"]] == [
        ("carer", CARER), ("social_worker", WORKER), ("teacher", TEACHER),
    ]  # fmt: skip


@pytest.mark.source("CM1.9b")
def test_the_team_around_the_child_is_told_as_of_any_day() -> None:
    record = Record()
    record.says(TeamMemberLeft(assignment=a_team(record)), "2026-03-01")
    assert [one["role"] for one in views.team(lanes(record, date(2026, 1, 5)))] == ["carer"]
    assert [one["role"] for one in views.team(lanes(record, date(2026, 2, 28)))] == [
        "carer",
        "social_worker",
        "teacher",
    ]
    assert [one["role"] for one in views.team(lanes(record, date(2026, 3, 1)))] == ["social_worker", "teacher"]


@pytest.mark.source("CM4.87b")
def test_a_former_carer_and_a_former_school_lose_the_education_record() -> None:
    record = Record()
    joined = a_team(record)
    now = lanes(record, TODAY)
    assert reader_of(now, caller("carer", CARER), EDUCATION, TODAY) == "carer"
    assert reader_of(now, caller("school", TEACHER), EDUCATION, TODAY) == "school"
    record.says(TeamMemberLeft(assignment=joined), "2026-05-01")
    with pytest.raises(Forbidden):
        reader_of(lanes(record, TODAY), caller("carer", CARER), EDUCATION, TODAY)
    with pytest.raises(Forbidden):
        reader_of(lanes(record, date(2026, 1, 11)), caller("school", TEACHER), EDUCATION, TODAY)
    with pytest.raises(Forbidden):
        reader_of(now, caller("school", CARER), EDUCATION, TODAY)


@pytest.mark.source("CM4.87b")
def test_a_grant_opens_one_part_to_one_person_until_its_last_day() -> None:
    record = Record()
    grant = RecordAccessGranted(to_role="child", scope="education", holder=WORKER, until=date(2026, 6, 1))
    record.says(grant, "2026-05-01")
    now = lanes(record, TODAY)
    assert reader_of(now, caller("none", WORKER), EDUCATION, TODAY) == "child"
    for who, scope, day in (
        (WORKER, CARER_VIEW, TODAY), (WORKER, EDUCATION, date(2026, 6, 2)), (CARER, EDUCATION, TODAY),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            reader_of(now, caller("none", who), scope, day)


@pytest.mark.source("CM4.87b")
def test_the_education_record_holds_plans_attendance_and_work_together() -> None:
    record = Record()
    record.says(sampled(PepCompleted), "2026-02-01")
    record.says(sampled(AttendanceRecorded), "2026-02-02")
    record.says(SchoolWorkStored(ref="WORK-0001", title="A story about the sea"), "2026-02-03")
    shown = views.education_record(lanes(record))
    assert [len(shown[lane]) for lane in ("pep", "attendance", "school_work")] == [1, 1, 1]
    assert shown["school_work"][0]["title"] == "A story about the sea"


@pytest.mark.source("CM3.7")
def test_the_designated_teacher_learns_what_is_needed_and_other_staff_nothing() -> None:
    record = Record()
    a_team(record)
    record.says(SchoolInformationShared(urn="990001", item="carer_contact", purpose="teaching"), "2026-01-13")
    record.says(sampled(AdverseExperienceRecorded), "2026-01-14")
    record.says(sampled(HealthSummaryShared), "2026-01-15")

    shown = views.school_view(lanes(record, TODAY), lanes(record))

    assert shown.keys() == {"in_care", "call", "shared"}
    assert [one["item"]["code"] for one in shown["shared"]] == ["carer_contact"]
    assert [one["role"] for one in shown["call"]] == ["carer", "social_worker"]
    with pytest.raises(Forbidden):
        reader_of(lanes(record, TODAY), caller("school", WORKER), EDUCATION, TODAY)


@pytest.mark.source("CM3.7")
def test_each_person_who_was_told_of_the_care_is_in_the_log_with_purpose_and_basis() -> None:
    record = Record()
    record.says(CareStatusDisclosed(to_person="teacher", purpose="teaching", basis="consent"), "2026-01-13")
    [told] = views.disclosures(lanes(record))["disclosure"]
    assert [told[name]["code"] for name in ("to_person", "purpose", "basis")] == ["teacher", "teaching", "consent"]


@pytest.mark.source("CM5.BOX-NHPf")
def test_a_health_summary_reaches_its_audience_and_carries_no_clinical_detail() -> None:
    record = Record()
    a_team(record)
    record.says(sampled(HealthSummaryShared, audience="education"), "2026-02-01")
    record.says(sampled(HealthSummaryShared, audience="social_care", plain_summary="Sleeps badly."), "2026-02-02")
    record.says(sampled(DevelopmentalConcernRaised), "2026-02-03")
    shown = views.health_summaries(lanes(record), "education")
    assert [one["summary"] for one in shown] == ["Needs an inhaler before sport."]
    assert [one.keys() for one in shown] == [{"on", "summary", "basis"}]
    now = lanes(record, TODAY)
    assert reader_of(now, caller("school", TEACHER), HEALTH_SUMMARY, TODAY) == "school"
    with pytest.raises(Forbidden):
        reader_of(now, caller("carer", CARER), HEALTH_SUMMARY, TODAY)


@pytest.mark.source("CM1.16")
def test_the_early_chapter_is_in_order_of_age_and_is_withheld_from_who_lacks_the_right() -> None:
    record = Record()
    record.says(sampled(AdverseExperienceRecorded, kind="separation", from_months=30), "2026-02-01")
    record.says(sampled(AdverseExperienceRecorded, kind="neglect", from_months=6), "2026-02-02")
    record.says(sampled(DevelopmentalConcernRaised), "2026-02-03")
    chapter = views.early_chapter(lanes(record, withhold=False))
    assert [one["kind"]["code"] for one in chapter["experiences"]] == ["neglect", "separation"]
    assert [one["age_months"] for one in chapter["concerns"]] == [30]
    assert set(views.EARLY) & lanes(record).keys() == set()


@pytest.mark.source("CM1.21a")
def test_a_carer_sees_decisions_of_the_day_a_worker_all_and_the_strategic_reader_their_number() -> None:
    record = Record()
    for level in ("day_to_day", "placement", "strategic", None):
        record.says(DecisionMade(about="travel", outcome="agreed", level=level), "2026-02-01")
    ever = lanes(record)
    assert [one["level"]["code"] for one in views.decisions(ever, "carer")] == ["day_to_day"]
    assert len(views.decisions(ever, "casework")) == 4
    assert views.levels(ever) == {"day_to_day": 1, "placement": 1, "strategic": 1, "not_stated": 1}


@pytest.mark.source("CM6.51")
def test_the_identity_map_says_by_which_number_each_system_knows_the_child() -> None:
    record = Record()
    record.says(UpnRecorded(upn="Z990200012345"))
    record.says(LearnerNumberAssigned(uln="9900000017"), "2026-02-01")
    record.says(IdentityLinked(system="school", identifier="PUPIL-1"), "2026-02-02")
    record.says(IdentityLinked(system="school", identifier="PUPIL-2"), "2026-02-03")
    shown = {one["system"]: one["identifier"] for one in views.identities(lanes(record))}
    assert shown == {"upn": "Z990200012345", "uln": "9900000017", "school": "PUPIL-2"}


@pytest.mark.source("CM7.6")
def test_four_agencies_stand_in_one_order_whoever_said_it() -> None:
    record = Record()
    record.says(AgencyInvolvementStarted(agency="youth_justice"), "2026-02-03")
    record.says(sampled(HealthSummaryShared), "2026-02-02")
    record.says(SchoolChanged(urn="990001", school="Elm Bank School", reason="choice"), "2026-02-01")
    record.says(SocialWorkerAssigned(worker=WORKER), "2026-02-04")
    sources = {"health": "health", "education": "education", "planning": "social_care"}
    told = views.agencies(lanes(record), sources)
    assert [one["agency"] for one in told] == ["education", "health", "youth_justice", "social_care"]


@pytest.mark.source("MB.gloss")
def test_being_care_experienced_never_expires() -> None:
    record = Record()
    record.entered("2014-01-05")
    record.left("2015-03-02", reason="E11")
    ever = lanes(record)
    assert not views.care_experienced(ever, "2014-01-04")
    assert all(views.care_experienced(ever, day) for day in ("2014-01-05", "2015-03-02", "2032-05-01", "2099-12-31"))


def test_the_words_of_the_documentation_are_those_that_the_service_tells() -> None:
    words = (Path(__file__).parents[3] / "docs" / "sharing.md").read_text().partition("## Words")[2]
    assert re.findall(r"^- \*\*(.+?)\*\*", words, re.MULTILINE) == [one["word"] for one in vocabulary()]
    for one in vocabulary():
        assert {*one["facts"]} <= CATALOGUE.keys(), one["word"]
        assert one["means"] in " ".join(words.split()), one["word"]
        for other in one["also"]:
            assert other in words, other
