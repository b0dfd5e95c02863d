"""One record and many agencies, over HTTP and Kafka: assessments that lead on, what flows to whom, words used alike."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from events.codes import CODE_SETS
from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.sharing.desks import a_child, as_, asks, flow_of, said, says
from tests.integration.sharing.feeding import everything_fed

NEEDS, REFERRAL = "planning.needs_assessed", "health.referral_made"
SUMMARY, SHARED = "health.health_summary_shared", "journey.information_shared"
DISCLOSED, GRANTED = "journey.care_status_disclosed", "journey.record_access_granted"
RAISED, RESOLVED = "journey.data_quality_issue_raised", "journey.data_quality_issue_resolved"
EPISODE: dict[str, Any] = {
    "reason_for_new_episode": "S", "category_of_need": "N1", "placement_type": "U1", "placement_provider": "PR1",
    "home_postcode": None, "placement_postcode": None, "urn": None,
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, ("placement", "planning", "education", "health", "journey")) as system:
        await system.settled()
        yield system


async def chains(desk: System, child: UUID, who: dict[str, str]) -> list[dict[str, Any]]:
    await desk.settled()
    found: list[dict[str, Any]] = (await asks(desk, f"/children/{child}/assessments", who)).raise_for_status().json()
    return found


def types(chain: dict[str, Any]) -> Any:
    """A chain as names inside names."""
    return (chain["type"], chain["effective"], [types(one) for one in chain["led_to"]])


@pytest.mark.source("CM2.52b")
async def test_a_common_assessment_leads_over_a_referral_to_the_assessment_that_answers_it(desk: System) -> None:
    child, worker = await a_child(desk), as_(desk, "worker", "social-work")
    common = await said(desk, child, NEEDS, "2026-01-05", kind="common")
    referral = await said(desk, child, REFERRAL, "2026-01-12", common, service="mental_health")
    await said(desk, child, NEEDS, "2026-01-20", referral, kind="initial")
    await said(desk, child, NEEDS, "2026-02-20", str(uuid4()), kind="placement")

    first, alone = await chains(desk, child, worker)

    assert types(first) == (NEEDS, "2026-01-05", [(REFERRAL, "2026-01-12", [(NEEDS, "2026-01-20", [])])])
    assert first["led_to"][0]["led_to"][0]["value"]["kind"]["code"] == "initial"
    assert types(alone) == (NEEDS, "2026-02-20", [])
    for role in ("strategic", "school", "operations", "provider"):
        assert (await asks(desk, f"/children/{child}/assessments", as_(desk, "x", role))).status_code == 403


@pytest.mark.source("CM2.52b")
async def test_the_chain_keeps_through_a_correction_and_breaks_where_a_link_never_was(desk: System) -> None:
    child, worker = await a_child(desk), as_(desk, "worker", "social-work")
    common = await said(desk, child, NEEDS, "2026-01-05", kind="common")
    referral = await said(desk, child, REFERRAL, "2026-01-12", common, service="mental_health")
    change = {"corrects": referral, "effective": "2026-01-13", "replacement": {"service": "paediatrics"}}
    corrected = await desk["health"].post(f"/children/{child}/corrections", json=change)
    [correction] = await ids(desk, child, "correction.fact_corrected")
    await said(desk, child, NEEDS, "2026-01-20", correction, kind="core")
    whole = [types(one) for one in await chains(desk, child, worker)]
    gone = await desk["health"].post(
        f"/children/{child}/retractions", json={"corrects": referral, "reason": "wrong_child"}
    )
    broken = [types(one) for one in await chains(desk, child, worker)]

    assert (corrected.status_code, gone.status_code) == (201, 201)
    assert whole == [(NEEDS, "2026-01-05", [(REFERRAL, "2026-01-13", [(NEEDS, "2026-01-20", [])])])]
    assert broken == [(NEEDS, "2026-01-05", []), (NEEDS, "2026-01-20", [])]


@pytest.mark.source("CM2.52b")
async def test_a_link_that_is_raised_to_the_restricted_topic_keeps_its_place_in_the_chain(desk: System) -> None:
    child, worker = await a_child(desk), as_(desk, "worker", "social-work")
    common = await said(desk, child, NEEDS, "2026-01-05", kind="common")
    referral = await said(desk, child, REFERRAL, "2026-01-12", common, service="sexual_health")
    await said(desk, child, NEEDS, "2026-01-20", referral, kind="initial")
    raised = await desk["health"].post(f"/children/{child}/restrictions", json={"fact": referral})
    whole = [types(one) for one in await chains(desk, child, worker)]

    assert raised.status_code == 201
    assert whole == [(NEEDS, "2026-01-05", [(REFERRAL, "2026-01-12", [(NEEDS, "2026-01-20", [])])])]


async def ids(desk: System, child: UUID, wire: str) -> list[str]:
    rows = await desk.running["health"].pool.fetch(
        "select h ->> 'ce_id' as id from (select convert_from(headers, 'UTF8')::json as h from fact"
        " where subject = $1) kept where h ->> 'ce_type' = $2", child, wire,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def joined(desk: System, kind: str) -> str:
    body = {"authority": AUTHORITY, "system": f"{kind}-{uuid4().hex[:6]}", "agency": kind, "joined_on": "2026-01-05"}
    return str((await desk["placement"].post("/agencies", json=body)).raise_for_status().json()["agency"])


@pytest.mark.source("SR2.11.f")
async def test_the_board_sees_which_agency_takes_which_facts_and_how_long_after_it_was_so(desk: System) -> None:
    child, nurse, schools = await a_child(desk), await joined(desk, "health"), await joined(desk, "education")
    so_on = (datetime.now(UTC).date() - timedelta(days=20)).isoformat()
    await said(desk, child, REFERRAL, so_on, service="dentist")
    await said(desk, child, NEEDS, so_on, kind="core")
    await desk.settled()
    for agency, role, service in (
        (nurse, "health", "health"), (nurse, "health", "planning"), (schools, "virtual-school", "planning"),
    ):  # fmt: skip
        assert await everything_fed(desk, service, f"care.{service}", as_(desk, agency, role))

    health, planning = await flow_of(desk, "health"), await flow_of(desk, "planning", "operations")

    assert REFERRAL in health["consumers"][nurse]
    assert schools not in health["consumers"]
    [told] = [one["consumers"] for one in planning["types"] if one["type"] == NEEDS]
    delays = {one["consumer"]: one["median_seconds_since_effective"] for one in told}
    assert all(delays[one] > 7 * 86_400 for one in (nurse, schools))
    assert {nurse, schools} <= {one["consumer"] for one in planning["alerts"] if one["late"]}


@pytest.mark.source("SR2.11.f")
async def test_what_one_agency_gave_another_stands_in_the_childs_log_with_its_purpose(desk: System) -> None:
    child = await a_child(desk)
    given: dict[str, Any] = {
        "item": "health_needs",
        "from_agency": "health",
        "to_agency": "social_care",
        "purpose": "planning",
    }
    await said(desk, child, SHARED, "2026-03-02", **given)
    refused = await says(desk, child, SHARED, "2026-03-02", **{**given, "to_agency": "everybody"})
    await desk.settled()
    [one] = (await asks(desk, f"/children/{child}/disclosures")).json()["information_shared"]

    assert {name: one[name]["code"] for name in given} == given
    assert refused.status_code == 422
    assert (await asks(desk, f"/children/{child}/disclosures", as_(desk, "x", "health"))).status_code == 403
    assert (
        await desk["health"].get("/operations/information-flow", headers=as_(desk, "x", "health"))
    ).status_code == 403


@pytest.mark.source("CM5.BOX-NHPf")
async def test_social_care_and_education_read_the_health_needs_written_for_them_and_no_clinical_detail(
    desk: System,
) -> None:
    child, teacher = await a_child(desk), str(uuid4())
    await said(desk, child, "education.designated_teacher_appointed", "2026-01-12", worker=teacher, urn="990001")
    for audience, words in WRITTEN.items():
        told = {"audience": audience, "plain_summary": words, "consent_basis": "consent"}
        await said(desk, child, SUMMARY, "2026-02-02", **told)
    await said(desk, child, REFERRAL, "2026-02-03", service="mental_health", concern="Low mood since autumn.")
    await said(desk, child, "health.developmental_concern_raised", "2026-02-03", domain="speech", age_months=30)
    await desk.settled()
    path = f"/children/{child}/health-summary"
    for audience, actor, role in (
        ("education", teacher, "school"), ("education", "head", "virtual-school"), ("social_care", "sw", "social-work"),
    ):  # fmt: skip
        shown = (await asks(desk, path, as_(desk, actor, role))).json()
        basis = {"code": "consent", "meaning": "Consent of the child, or of who holds parental responsibility"}
        assert shown == [{"on": "2026-02-02", "summary": WRITTEN[audience], "basis": basis}], role
    for actor, role in ((str(uuid4()), "school"), ("x", "carer"), ("x", "health"), ("x", "strategic")):
        assert (await asks(desk, path, as_(desk, actor, role))).status_code == 403, role
    assert await viewers(desk, child) == ["school", "virtual_school", "social_work"]


WRITTEN = {"education": "Needs an inhaler before sport.", "social_care": "Sleeps badly after contact."}


async def viewers(desk: System, child: UUID) -> list[str]:
    """In which roles the record was read, in order."""
    await desk.settled()
    log = (await asks(desk, f"/children/{child}/disclosures")).json()["record_view"]
    return [one["viewer"]["code"] for one in log]


@pytest.mark.source("CM3.7")
async def test_one_teacher_learns_that_the_child_is_in_care_and_the_rest_of_the_school_does_not(desk: System) -> None:
    child, teacher, colleague = await a_child(desk), str(uuid4()), str(uuid4())
    await said(desk, child, "placement.episode_started", "2026-01-05", legal_status="C2", **EPISODE)
    await said(desk, child, "education.designated_teacher_appointed", "2026-01-12", worker=teacher, urn="990001")
    await desk.settled()
    path = f"/children/{child}/school-view"

    shown = (await asks(desk, path, as_(desk, teacher, "school"))).json()

    assert shown == {"in_care": True, "call": [], "shared": []}
    for part in ("school-view", "education-record", "health-summary", "team", "history", "disclosures"):
        answer = await asks(desk, f"/children/{child}/{part}", as_(desk, colleague, "school"))
        assert answer.status_code == 403, part
    for service in ("placement", "education", "journey"):
        fed = await desk[service].get(f"/feed/care.{service}", headers=as_(desk, teacher, "school"))
        assert fed.status_code == 403, service
    assert await viewers(desk, child) == ["school"]


@pytest.mark.source("CM3.7")
async def test_the_child_and_the_reviewing_officer_read_who_was_told_why_and_on_what_basis(desk: System) -> None:
    child, myself, carer = await a_child(desk), str(uuid4()), str(uuid4())
    told = {"to_person": "teacher", "purpose": "teaching", "basis": "consent"}
    await said(desk, child, DISCLOSED, "2026-01-13", **told)
    for holder, role, until in ((myself, "child", None), (carer, "carer", None), (OLD, "child", "2026-01-31")):
        grant = {"to_role": role, "scope": "education", "holder": holder, "until": until}
        await said(desk, child, GRANTED, "2026-01-14", **grant)
    unfounded = await says(desk, child, DISCLOSED, "2026-01-13", to_person="teacher", purpose="teaching")
    await desk.settled()
    path = f"/children/{child}/disclosures"

    for who in (as_(desk, myself, "carer"), as_(desk, "iro", "review")):
        [one] = (await asks(desk, path, who)).raise_for_status().json()["disclosure"]
        assert {name: one[name]["code"] for name in told} == told
    for actor in (carer, OLD, str(uuid4())):
        assert (await asks(desk, path, as_(desk, actor, "carer"))).status_code == 403
    assert unfounded.status_code == 422


OLD = str(uuid4())


async def quality(desk: System, producer: str, code: str) -> dict[str, Any]:
    await desk.settled()
    who = as_(desk, "ops", "operations")
    told = (await asks(desk, "/figures/data-quality", who, authority=code)).raise_for_status()
    found: dict[str, Any] = told.json()["producers"].get(producer, {})
    return found


@pytest.mark.source("SR2.31.f")
async def test_operations_read_how_complete_timely_and_valid_each_producer_is(desk: System) -> None:
    child, today = await a_child(desk), datetime.now(UTC).date()
    before = await quality(desk, "health", AUTHORITY)
    full = await said(desk, child, GP, today.isoformat(), practice="Elm Surgery", permanent=True)
    await said(desk, child, GP, (today - timedelta(days=40)).isoformat(), practice="Oak Surgery")
    wrong = {"source": "health", "field": "practice", "kind": "invalid", "about": full}
    issue = await said(desk, child, RAISED, today.isoformat(), **wrong)
    open_ = await quality(desk, "health", AUTHORITY)
    await said(desk, child, RESOLVED, today.isoformat(), incident=issue)
    resolved = await quality(desk, "health", AUTHORITY)

    def more(name: str, key: str) -> int:
        return int(open_[name][key]) - int(before.get(name, {}).get(key, 0))

    assert open_["expected_fields"] - before.get("expected_fields", 0) == 4
    assert (more("blank_fields", f"{GP}.permanent"), more("open_issues", "invalid")) == (1, 1)
    assert f"{GP}.practice" not in open_["blank_fields"]
    assert open_["complete_share"] == share(sum(open_["blank_fields"].values()), open_["expected_fields"])
    assert (open_["facts"], open_["late"]) == (before.get("facts", 0) + 2, before.get("late", 0) + 1)
    assert resolved["open_issues"].get("invalid", 0) == before.get("open_issues", {}).get("invalid", 0)
    assert open_["valid_share"] < resolved["valid_share"] <= 1


GP = "health.gp_registered"


def share(without: int, of: int) -> float:
    return round(1 - without / of, 4)


@pytest.mark.source("MB.gloss")
async def test_every_agency_reads_the_shared_words_with_the_codes_that_carry_them(desk: System) -> None:
    told = [
        (await asks(desk, "/vocabulary", as_(desk, "x", role))).raise_for_status().json()
        for role in ("social-work", "health", "virtual-school", "school", "youth-justice", "provider", "strategic")
    ]
    words = {one["word"]: one for one in told[0]}

    assert all(one == told[0] for one in told)
    assert coded(words["Child in care"], "LS") == {code.code for code in CODE_SETS["LS"]}
    relatives = {code.code for code in CODE_SETS["PLACE"] if "with relative or friend" in code.meaning}
    assert coded(words["Kinship care"], "PLACE") == relatives
    assert words["Support care"]["also"] == ["shared care"]
    for term in ("adults", "returned", "adopted", "guardians", "never expires"):
        assert term in words["Care-experienced"]["means"], term
    for term in ("academies", "free schools"):
        assert term in words["School"]["means"], term
    assert (await desk["journey"].get("/vocabulary", headers={"authorization": ""})).status_code == 401


def coded(word: dict[str, Any], codes: str) -> set[str]:
    return {one["code"] for one in word["codes"][codes]}


@pytest.mark.source("MB.gloss")
@pytest.mark.parametrize(("status", "reason"), [("V2", "E4A"), ("C2", "E11"), ("C2", "E45"), ("V2", "E6")])
async def test_who_returned_was_adopted_has_a_guardian_or_is_grown_up_stays_care_experienced(
    desk: System, status: str, reason: str
) -> None:
    child = await a_child(desk)
    episode = await said(desk, child, "placement.episode_started", "2012-01-05", legal_status=status, **EPISODE)
    ending = {"episode": episode, "reason_ceased": reason, "reason_placement_change": None}
    await said(desk, child, "placement.episode_ended", "2014-03-02", **ending)
    await desk.settled()
    path, who = f"/children/{child}/care-experience", as_(desk, "x", "social-work")
    days = {"2012-01-04": False, "2012-01-05": True, "2014-03-02": True, "2032-05-01": True, "2099-12-31": True}
    shown = {day: (await asks(desk, path, who, on=day)).json()["care_experienced"] for day in days}
    assert shown == days


@pytest.mark.source("MB.gloss")
async def test_support_care_is_no_placement_and_makes_nobody_a_child_in_care(desk: System) -> None:
    child = await a_child(desk)
    await said(desk, child, "placement.short_stay_started", "2026-01-05", kind="respite")
    await desk.settled()
    lanes = (await asks(desk, f"/children/{child}/history")).json()["lanes"]
    shown = (await asks(desk, f"/children/{child}/care-experience")).json()
    assert (lanes["care"], lanes["placement"], len(lanes["short_stay"])) == ([], [], 1)
    assert not shown["care_experienced"]
