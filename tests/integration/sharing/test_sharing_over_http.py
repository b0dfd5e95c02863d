"""Who is shown what, over HTTP: roles, membership and registration decide, and each reading leaves its trace."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.sharing.desks import a_child, as_, asks, flow_of, says
from tests.integration.sharing.feeding import everything_fed

SERVICES = ("placement", "planning", "education", "health", "journey")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, SERVICES) as system:
        await system.settled()
        yield system


async def joined(desk: System, kind: str) -> str:
    """An agency of this kind, a member since January; the pseudonym its token goes by."""
    body = {"authority": AUTHORITY, "system": f"{kind}-{uuid4().hex[:6]}", "agency": kind, "joined_on": "2026-01-05"}
    answer = (await desk["placement"].post("/agencies", json=body)).raise_for_status().json()
    left = {"authority": AUTHORITY, "system": body["system"], "left_on": "2026-02-05"}
    LEAVING[answer["agency"]] = left
    return str(answer["agency"])


LEAVING: dict[str, dict[str, str]] = {}


@pytest.mark.source("CM1.9a")
async def test_what_an_agency_may_take_ends_with_its_membership(desk: System) -> None:
    agency = await joined(desk, "health")
    await desk.settled()
    who = as_(desk, agency, "health")
    before = await desk["health"].get("/feed/care.health", headers=who)
    named = await desk["placement"].get("/agencies", params={"authority": AUTHORITY, "on": "2026-01-31"})
    (await desk["placement"].post("/agencies/departures", json=LEAVING[agency])).raise_for_status()
    await desk.settled()
    after = await desk["health"].get("/feed/care.health", headers=who)
    listed = await desk["placement"].get("/agencies", params={"authority": AUTHORITY, "on": "2026-02-05"})

    assert (before.status_code, after.status_code) == (200, 403)
    assert "has left the trust" in after.json()["detail"]
    assert agency in {one["id"] for one in named.json()}
    assert agency not in {one["id"] for one in listed.json()}


@pytest.mark.source("CM1.9a")
async def test_membership_opens_nothing_that_the_role_does_not_read(desk: System) -> None:
    agency = await joined(desk, "education")
    await desk.settled()
    refused = await desk["health"].get("/feed/care.health.restricted", headers=as_(desk, agency, "virtual-school"))
    assert refused.status_code == 403


@pytest.mark.source("CM1.10b")
async def test_the_delay_of_sharing_is_counted_from_the_day_it_was_so_and_raises_an_alert(desk: System) -> None:
    child, consumer = await a_child(desk), f"agency-{uuid4().hex[:6]}"
    so_on = datetime.now(UTC).date() - timedelta(days=30)
    await says(desk, child, SUMMARISED, so_on.isoformat(), **SUMMARY)
    await desk.settled()
    assert await everything_fed(desk, "health", "care.health", as_(desk, consumer, "health"))

    report = await flow_of(desk, "health")

    [mine] = [one for one in report["alerts"] if one["consumer"] == consumer and one["type"] == SUMMARISED]
    assert (mine["slow"], mine["late"]) == (False, True)
    assert mine["median_seconds"] < report["slow_after_seconds"]
    assert mine["median_seconds_since_effective"] == pytest.approx(30 * 86_400, rel=0.25)


@pytest.mark.source("ES.6")
async def test_every_service_tells_who_takes_what_within_their_rights_and_what_nobody_takes(desk: System) -> None:
    child, consumer = await a_child(desk), f"agency-{uuid4().hex[:6]}"
    said = {**SAID, SUMMARISED: SUMMARY}
    for wire, content in said.items():
        (await says(desk, child, wire, "2026-03-02", **content)).raise_for_status()
    (await says(desk, child, UNTAKEN, "2026-03-02", kind="neglect")).raise_for_status()
    await desk.settled()
    for wire in said:
        service = wire.partition(".")[0]
        who = as_(desk, consumer, *READS[service])
        assert wire in {one["type"] for one in await everything_fed(desk, service, f"care.{service}", who)}
        assert wire in (await flow_of(desk, service))["consumers"][consumer]
    refused = await desk["health"].get("/feed/care.health.restricted", headers=as_(desk, consumer, "virtual-school"))
    assert refused.status_code == 403
    assert UNTAKEN in (await flow_of(desk, "health"))["dead_ends"]
    told = await asks(desk, f"/children/{child}/history", as_(desk, "worker", "social-work"))
    assert {one["source"] for lane in told.json()["lanes"].values() for one in lane} >= READS.keys()


@pytest.mark.source("CM2.51a")
@pytest.mark.parametrize("service", ["placement", "planning", "education", "journey"])
async def test_a_fact_entered_again_where_it_is_not_owned_is_flagged_and_kept_nowhere(
    desk: System, service: str
) -> None:
    child = await a_child(desk)
    body = {"type": SUMMARISED, "effective": "2026-03-02", "content": SUMMARY}
    again = await desk[service].post(f"/children/{child}/activities", json=body)
    line = {"subject": str(child), "authority": AUTHORITY, "command_id": str(uuid4()), "run": str(uuid4()), **body}
    imported = await desk[service].post("/facts", json=line)

    assert again.status_code == 422
    assert "type" in again.text
    assert imported.json()["refused"]["reason"] == f"{SUMMARISED} is recorded by health, not here"
    kept = "select count(*) from fact where subject = $1 and convert_from(headers, 'UTF8')::json ->> 'ce_type' = $2"
    assert await desk.running[service].pool.fetchval(kept, child, SUMMARISED) == 0


@pytest.mark.source("MB.8.10.g")
async def test_the_designated_teacher_is_told_what_a_teacher_needs_and_no_sensitive_detail(desk: System) -> None:
    child, teacher = await a_child(desk), str(uuid4())
    await says(desk, child, "education.designated_teacher_appointed", "2026-03-02", worker=teacher, urn="990001")
    (await says(desk, child, "education.school_information_shared", "2026-03-03", **TOLD)).raise_for_status()
    (await says(desk, child, UNTAKEN, "2026-03-02", kind="neglect")).raise_for_status()
    (await says(desk, child, SUMMARISED, "2026-03-02", **SUMMARY)).raise_for_status()
    await desk.settled()

    view = await asks(desk, f"/children/{child}/school-view", as_(desk, teacher, "school"))

    assert [(one["on"], one["item"]["code"]) for one in view.json()["shared"]] == [("2026-03-03", "placement_change")]
    assert view.json().keys() == {"in_care", "call", "shared"}
    assert "neglect" not in view.text
    assert SUMMARY["plain_summary"] not in view.text
    refused = await says(desk, child, "education.school_information_shared", "2026-03-04", **TOLD, detail="abuse")
    assert refused.status_code == 422


SUMMARISED = "health.health_summary_shared"
UNTAKEN = "health.adverse_experience_recorded"
TOLD: dict[str, Any] = {"urn": "990001", "item": "placement_change", "purpose": "teaching"}
READS = {"planning": ["social-work"], "education": ["virtual-school"], "health": ["health"], "journey": ["health"]}
SAID: dict[str, dict[str, Any]] = {
    "planning.social_worker_visit_made": {"seen_alone": True},
    "education.school_information_shared": TOLD,
    "journey.agency_involvement_started": {"agency": "health"},
}
SUMMARY: dict[str, Any] = {
    "audience": "education",
    "plain_summary": "Needs an inhaler before sport.",
    "consent_basis": "consent",
}


@pytest.mark.source("CM8.12")
async def test_any_registered_provider_records_within_its_rights_and_nobody_else_does(desk: System) -> None:
    child = await a_child(desk)
    body = {
        "authority": AUTHORITY, "system": f"mentors-{uuid4().hex[:6]}", "sector": "voluntary", "service": "mentoring",
        "from_day": "2026-01-05",
    }  # fmt: skip
    provider = (await desk["placement"].post("/providers", json=body)).raise_for_status().json()["provider"]
    await desk.settled()
    known, stranger = as_(desk, provider, "provider"), as_(desk, uuid4(), "provider")
    achieved = ("journey.achievement_recorded", "2026-03-02")

    assert (await says(desk, child, *achieved, known, kind="sport")).status_code == 201
    assert (await says(desk, child, *achieved, stranger, kind="arts")).status_code == 403
    beyond = await says(desk, child, "journey.views_recorded", "2026-03-02", known, about="contact", given_by="child")
    assert beyond.status_code == 403
    assert (await asks(desk, f"/children/{child}/history", known)).status_code == 403
    listed = (await desk["placement"].get("/providers", params={"authority": AUTHORITY})).json()
    assert {"id": provider, "system": body["system"], "sector": "voluntary", "services": ["mentoring"]} in listed


@pytest.mark.source("CM7.6")
async def test_four_agencies_record_and_read_alike(desk: System) -> None:
    child = await a_child(desk)
    agencies = {"social_care": "social-work", "education": "virtual-school", "health": "health"}
    agencies["youth_justice"] = "youth-justice"
    for day, (agency, role) in enumerate(agencies.items(), start=1):
        on = f"2026-03-0{day}"
        said = await says(desk, child, "journey.agency_involvement_started", on, as_(desk, agency, role), agency=agency)
        assert said.status_code == 201, agency
    await desk.settled()
    for agency, role in agencies.items():
        told = await asks(desk, f"/children/{child}/agencies", as_(desk, agency, role))
        assert [one["agency"] for one in told.json()] == list(agencies), agency
        feed = await everything_fed(desk, "journey", "care.journey", as_(desk, agency, role))
        assert str(child) in {one["subject"] for one in feed}, agency


@pytest.mark.source("CM4.87b")
async def test_each_reading_of_the_education_record_is_in_the_log_with_who_and_in_what_role(desk: System) -> None:
    child, carer = await a_child(desk), str(uuid4())
    team: dict[str, Any] = {"worker": carer, "role": "carer", "agency": "provider"}
    start = await says(desk, child, "planning.team_member_joined", "2026-03-02", **team)
    await says(desk, child, "journey.school_work_stored", "2026-03-02", ref="WORK-0001", title="A story")
    await desk.settled()
    who = as_(desk, carer, "carer")

    read = await asks(desk, f"/children/{child}/education-record", who)
    await desk.settled()
    log = (await asks(desk, f"/children/{child}/disclosures")).json()["record_view"]
    end: dict[str, Any] = {"assignment": start.json()["stands"], "reason": None}
    await says(desk, child, "planning.team_member_left", "2026-03-03", **end)
    await desk.settled()
    refused = await asks(desk, f"/children/{child}/education-record", who)

    assert read.json()["school_work"][0]["title"] == "A story"
    assert [(one["viewer"]["code"], one["scope"]["code"]) for one in log] == [("carer", "education")]
    assert refused.status_code == 403
    assert (await asks(desk, f"/children/{child}/history", who)).status_code == 403


@pytest.mark.source("CM3.2")
async def test_a_carer_reads_the_carer_view_of_the_own_child_only(desk: System) -> None:
    mine, other, carer = await a_child(desk), await a_child(desk), str(uuid4())
    await says(desk, mine, "planning.team_member_joined", "2026-03-02", worker=carer, role="carer", agency="provider")
    await desk.settled()
    who = as_(desk, carer, "carer")
    shown = await asks(desk, f"/children/{mine}/carer-view", who)
    assert [one["worker"] for one in shown.json()["call"]] == [carer]
    assert (await asks(desk, f"/children/{other}/carer-view", who)).status_code == 403


@pytest.mark.source("CM1.16")
async def test_the_early_chapter_is_for_health_and_the_keepers_of_the_whole_record(desk: System) -> None:
    child = await a_child(desk)
    await says(desk, child, "health.adverse_experience_recorded", "2026-03-02", kind="neglect", from_months=6)
    await desk.settled()
    read = {
        role: (await asks(desk, f"/children/{child}/early-years", as_(desk, "x", role))).status_code
        for role in ("health", "social-work", "virtual-school", "carer", "school", "strategic")
    }
    assert read == {
        "health": 200, "social-work": 200, "virtual-school": 403, "carer": 403, "school": 403, "strategic": 403,
    }  # fmt: skip


@pytest.mark.source("CM1.21a")
async def test_decisions_are_read_by_level_and_the_strategic_reader_sees_no_child(desk: System) -> None:
    child, carer, worker = await a_child(desk), str(uuid4()), str(uuid4())
    await says(desk, child, "planning.team_member_joined", "2026-03-02", worker=carer, role="carer", agency="provider")
    await says(desk, child, "planning.social_worker_assigned", "2026-03-02", worker=worker)
    for level in ("day_to_day", "placement"):
        decided: dict[str, Any] = {"about": "travel", "outcome": "agreed", "level": level}
        await says(desk, child, "planning.decision_made", "2026-03-03", **decided)
    await desk.settled()
    path = f"/children/{child}/decisions"

    levels = {
        who: [one["level"]["code"] for one in (await asks(desk, path, as_(desk, actor, role))).json()]
        for who, actor, role in (("carer", carer, "carer"), ("worker", worker, "social-work"))
    }
    assert levels == {"carer": ["day_to_day"], "worker": ["day_to_day", "placement"]}
    assert (await asks(desk, path, as_(desk, uuid4(), "social-work"))).status_code == 403
    assert (await asks(desk, path, as_(desk, worker, "strategic"))).status_code == 403
    figures = await asks(desk, "/figures/decisions", as_(desk, "dcs", "strategic"), authority=AUTHORITY)
    assert figures.json()["levels"]["placement"] >= 1
    assert str(child) not in figures.text


@pytest.mark.source("CM6.51")
async def test_an_agency_finds_its_child_by_its_number_and_one_child_known_twice_is_told(desk: System) -> None:
    one, other, number = await a_child(desk), await a_child(desk), f"99{uuid4().int % 10**8:08}"
    await says(desk, one, "education.learner_number_assigned", "2026-03-02", uln=number)
    await desk.settled()
    asked = {"authority": AUTHORITY, "system": "uln", "identifier": number}
    alone = (await desk["journey"].post("/identities/search", json=asked)).json()
    await says(desk, other, "education.learner_number_assigned", "2026-03-02", uln=number)
    await desk.settled()
    both = (await desk["journey"].post("/identities/search", json=asked)).json()
    twice = (await asks(desk, "/identities/duplicates", authority=AUTHORITY)).json()

    assert alone == {"children": [str(one)], "duplicate": False}
    assert both["duplicate"]
    assert sorted([str(one), str(other)]) in twice
    kept = await desk.running["journey"].pool.fetchval("select state from identity_links where subject = $1", one)
    assert number.encode() not in kept


@pytest.mark.source("SR2.31.f")
async def test_data_quality_of_an_authority_is_told_by_producer_without_naming_a_child(desk: System) -> None:
    child = await a_child(desk)
    wrong: dict[str, Any] = {"source": "health", "field": "practice", "kind": "invalid"}
    await says(desk, child, "journey.data_quality_issue_raised", "2026-03-02", **wrong)
    await desk.settled()
    told = await asks(desk, "/figures/data-quality", as_(desk, "ops", "operations"), authority=AUTHORITY)
    assert told.json()["producers"]["health"]["open_issues"]["invalid"] >= 1
    assert str(child) not in told.text
    elsewhere = await asks(desk, "/figures/data-quality", as_(desk, "ops", "operations"), authority="E08000026")
    assert elsewhere.status_code == 403
