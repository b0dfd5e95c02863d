"""An adopted child's record is sealed: one role reads it, and nothing leads from it to who the child is now."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from carejourney.keys import PREFIX
from carejourney.rebuild import rebuild_service
from carejourney.sealed_records import sealed_among
from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.erasure.erasing import dumped, published
from tests.integration.sharing.feeding import everything_fed

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")
GROUP, GROUPS, OTHER = "placement.sibling_group_recorded", "registers", uuid4()
EVERYTHING = ("social-work", "review", "virtual-school", "health", "leaving-care", "operations", "import")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, SERVICES) as system:
        await system.settled()
        yield system


def by(desk: System, *roles: str, authorities: tuple[str, ...] = ("*",)) -> dict[str, str]:
    return {"authorization": f"Bearer {desk.surroundings.token(*roles, authorities=authorities)}"}


async def said(desk: System, child: UUID, wire: str, day: str, **content: Any) -> str:
    owner, plural = OWNERS[wire]
    body = {"type": wire, "effective": day, "content": content}
    answer = await desk[owner].post(f"/children/{child}/{plural}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["stands"])


OWNERS = {
    "placement.episode_started": ("placement", "intervals"),
    "placement.episode_ended": ("placement", "intervals"),
    "journey.relationship_recorded": ("journey", "relationships"),
    "planning.care_plan_made": ("planning", "plans"),
    "education.school_changed": ("education", "intervals"),
    "health.health_assessment_held": ("health", "activities"),
}
EPISODE = {
    "reason_for_new_episode": "S", "legal_status": "E1", "category_of_need": "N1", "placement_type": "A3",
    "placement_provider": None, "home_postcode": None, "placement_postcode": None, "urn": None,
}  # fmt: skip


async def an_adopted_child(desk: System, local_id: str = "") -> UUID:
    """A child with something in every service, who left care by adoption."""
    [child] = await desk.register(local_id or f"ADOPTED-{uuid4().hex[:8]}")
    episode = await said(desk, child, "placement.episode_started", "2024-02-05", **EPISODE)
    await desk.settled()
    await said(desk, child, "planning.care_plan_made", "2024-02-10")
    school = {"urn": "990001", "school": "Elm Bank School", "reason": "first_school"}
    await said(desk, child, "education.school_changed", "2024-02-12", **school)
    await said(desk, child, "health.health_assessment_held", "2024-03-01", kind="initial")
    ending = {"episode": episode, "reason_ceased": "E11", "reason_placement_change": None}
    await said(desk, child, "placement.episode_ended", "2025-03-04", **ending)
    await desk.settled()
    return child


async def sealed(desk: System, child: UUID, present: UUID | None = None) -> httpx.Response:
    body = {"child": str(child), "adopted_on": "2025-03-04", "present": str(present) if present else None}
    answer = await desk["placement"].post("/sealed-records", json=body)
    await desk.settled()
    return answer


READINGS = (
    ("journey", "/children/{child}/history"),
    ("journey", "/children/{child}/history?true_on=2024-06-01"),
    ("journey", "/children/{child}/history?known_on=2024-06-01"),
    ("journey", "/pages/children/{child}"),
    ("placement", "/children/{child}/placement"),
    ("planning", "/children/{child}/position"),
    ("education", "/children/{child}/education"),
    ("leaving_care", "/children/{child}/birthdays"),
)


LISTS = (
    ("journey", "/histories"),
    ("journey", "/children"),
    ("education", "/roll"),
    ("health", "/assessments"),
    ("planning", "/duties"),
    ("placement", "/placements"),
    ("leaving_care", "/leavers"),
)


async def test_no_role_reads_a_sealed_record_in_any_service_whatever_day_is_asked_about(desk: System) -> None:
    child, other = await an_adopted_child(desk), await an_adopted_child(desk)
    assert (await sealed(desk, child)).status_code == 201

    for service, path in READINGS:
        answer = await desk[service].get(path.format(child=child), headers=by(desk, *EVERYTHING))
        assert answer.status_code in {403, 404}, (path, answer.status_code)
        assert "2024" not in answer.text, path
    told = (await desk["journey"].get(f"/children/{child}/history")).json()
    assert (told["status"], told["title"]) == (403, "This record is sealed")
    assert (await desk["journey"].get(f"/children/{other}/history")).status_code == 200


async def test_a_sealed_child_is_in_no_list_and_is_not_found_by_a_local_id(desk: System) -> None:
    [child] = await desk.register("SEALED/1")
    episode = await said(desk, child, "placement.episode_started", "2024-02-05", **EPISODE)
    end = {"episode": episode, "reason_ceased": "E12", "reason_placement_change": None}
    await said(desk, child, "placement.episode_ended", "2025-03-04", **end)
    await desk.settled()
    assert (await desk["journey"].get(f"/children/{AUTHORITY}:SEALED/1/history")).status_code == 200
    await sealed(desk, child)

    assert (await desk["journey"].get(f"/children/{AUTHORITY}:SEALED/1/history")).status_code == 404
    for service, path in LISTS:
        answer = await desk[service].get(path, params={"authority": AUTHORITY})
        assert str(child) not in answer.text, path


async def test_nothing_more_is_recorded_in_a_sealed_record_by_hand(desk: System) -> None:
    child = await an_adopted_child(desk)
    await sealed(desk, child)
    body = {"type": "planning.care_plan_made", "effective": "2025-04-01", "content": {}}
    answer = await desk["planning"].post(f"/children/{child}/plans", json=body)
    assert (answer.status_code, answer.json()["title"]) == (403, "This record is sealed")


async def test_a_sealed_child_has_no_row_in_any_read_model_nor_after_a_rebuild(desk: System) -> None:
    child = await an_adopted_child(desk)
    await sealed(desk, child)
    for service in SERVICES:
        await rebuild_service(desk.running[service].parts, desk.surroundings.settings(service))
        pool = desk.running[service].pool
        assert await sealed_among(pool, [child]) == {child}, service
        for projection in desk.running[service].parts.projections:
            rows = await pool.fetchval(
                f'select count(*) from "{projection.table.name}" where subject = $1',
                child,
            )
            assert rows == 0, projection.name


async def test_only_the_named_role_reads_a_sealed_record_and_each_reading_is_recorded(desk: System) -> None:
    child = await an_adopted_child(desk)
    await sealed(desk, child)
    path, purpose = "/sealed-records/readings", {"child": str(child), "purpose": "origins"}

    refused = await desk["journey"].post(path, json=purpose, headers=by(desk, *EVERYTHING))
    without = await desk["journey"].post(path, json={"child": str(child)}, headers=by(desk, "adoption-records"))
    read = await desk["journey"].post(path, json=purpose, headers=by(desk, "adoption-records"))
    await desk.settled()
    again = await desk["journey"].post(path, json=purpose, headers=by(desk, "adoption-records"))

    assert (refused.status_code, without.status_code, read.status_code) == (403, 422, 200)
    assert [one["from"] for one in read.json()["lanes"]["care_plan"]] == ["2024-02-10"]
    views = again.json()["lanes"]["sealed_record_view"]
    assert [one["value"]["purpose"]["code"] for one in views] == ["origins"]


async def test_a_record_that_is_not_sealed_is_not_read_as_one(desk: System) -> None:
    child = await an_adopted_child(desk)
    asked = {"child": str(child), "purpose": "origins"}
    answer = await desk["journey"].post("/sealed-records/readings", json=asked)
    assert answer.status_code == 404


async def test_the_link_to_the_earlier_record_is_followed_by_the_named_role_only_and_that_is_kept(desk: System) -> None:
    earlier = await an_adopted_child(desk)
    [present] = await desk.register(f"PRESENT-{uuid4().hex[:8]}")
    assert (await sealed(desk, earlier, present)).json()["linked"]
    path, purpose = "/earlier-records/openings", {"child": str(present), "purpose": "adoption_support"}

    refused = await desk["placement"].post(path, json=purpose, headers=by(desk, *EVERYTHING))
    followed = await desk["placement"].post(path, json=purpose, headers=by(desk, "adoption-records"))
    kept = await desk["placement"].get(f"/children/{present}/earlier-record", headers=by(desk, "adoption-records"))

    assert refused.status_code == 403
    assert followed.json() == {"child": str(present), "earlier": str(earlier)}
    assert [(one["purpose"], one["opened_by"]) for one in kept.json()] == [("adoption_support", "tester")]
    elsewhere = by(desk, "adoption-records", authorities=("E08000026",))
    assert (await desk["placement"].post(path, json=purpose, headers=elsewhere)).status_code == 404


async def test_nothing_on_a_topic_and_no_row_in_plain_leads_from_one_identity_to_the_other(desk: System) -> None:
    earlier = await an_adopted_child(desk)
    [present] = await desk.register(f"PRESENT-{uuid4().hex[:8]}")
    await sealed(desk, earlier, present)
    follow = {"child": str(present), "purpose": "origins"}
    (await desk["placement"].post("/earlier-records/openings", json=follow)).raise_for_status()
    read = {"child": str(earlier), "purpose": "origins"}
    (await desk["journey"].post("/sealed-records/readings", json=read)).raise_for_status()
    await desk.settled()

    kept = {**dumped(desk.surroundings.admin_dsn), "topics": await published(desk.surroundings.kafka)}
    both = [
        place for place, content in kept.items() for line in content.splitlines()
        if str(earlier).encode() in line and str(present).encode() in line
    ]  # fmt: skip
    assert both == []
    link = await desk.running["placement"].pool.fetchval(
        "select earlier from earlier_record where subject = $1", present
    )
    assert link.startswith(f"{PREFIX}{present}.")


async def test_who_was_not_adopted_by_that_day_is_not_sealed(desk: System) -> None:
    [child] = await desk.register(f"NOT-ADOPTED-{uuid4().hex[:8]}")
    await said(desk, child, "placement.episode_started", "2024-02-05", **EPISODE)
    adopted = await an_adopted_child(desk)
    too_soon = {"child": str(adopted), "adopted_on": "2025-03-03"}
    early = await desk["placement"].post("/sealed-records", json=too_soon)
    assert (await sealed(desk, child)).status_code == 409
    assert early.status_code == 409
    again = [(await sealed(desk, adopted)).status_code for _ in range(2)]
    assert again == [201, 201]
    assert (await desk["journey"].get(f"/children/{child}/history")).status_code == 200


async def fed(desk: System, service: str, topic: str, child: UUID) -> list[str]:
    """The types of a child's facts that a feed gives from the beginning on, to somebody who may read all."""
    return [one["type"] for one in await facts_fed(desk, service, topic, child)]


async def facts_fed(desk: System, service: str, topic: str, child: UUID) -> list[dict[str, Any]]:
    return [one for one in await everything_fed(desk, service, topic) if one["subject"] == str(child)]


async def test_a_feed_read_from_the_beginning_tells_of_a_sealed_record_only_that_it_was_sealed(desk: System) -> None:
    child = await an_adopted_child(desk)
    assert await fed(desk, "health", "care.health", child) == ["health.health_assessment_held"]
    assert len(await fed(desk, "placement", "care.placement", child)) > 4
    await sealed(desk, child)
    assert await fed(desk, "health", "care.health", child) == []
    assert await fed(desk, "placement", "care.placement", child) == ["placement.record_sealed"]


async def test_the_register_tells_no_pseudonym_of_a_sealed_record_and_makes_no_new_child_of_it(desk: System) -> None:
    local_id = f"TOLD-{uuid4().hex[:8]}"
    child = await an_adopted_child(desk, local_id)
    await sealed(desk, child)
    ask = {"authority": AUTHORITY, "kind": "child", "local_ids": [local_id, f"{local_id}-OTHER"], "create": True}
    answer = (await desk["placement"].post("/subjects/resolve", json=ask)).raise_for_status().json()
    listed = await desk["placement"].get("/subjects", params={"authority": AUTHORITY})
    assert (list(answer["subjects"]), answer["created"], answer["sealed"]) == ([f"{local_id}-OTHER"], 1, [local_id])
    assert str(child) not in listed.text
    assert answer["subjects"][f"{local_id}-OTHER"] in listed.text


async def test_neither_the_history_nor_the_feed_of_a_brother_leads_to_a_sealed_record(desk: System) -> None:
    child, (brother,) = await an_adopted_child(desk), await desk.register(f"BROTHER-{uuid4().hex[:8]}")
    await desk.settled()
    tie = {"person": str(child), "kind": "sibling", "name": "A canary"}
    await said(desk, brother, "journey.relationship_recorded", "2024-02-07", **tie)
    content = {"in_care": 2, "placed_together": 1}
    group = {"type": GROUP, "effective": "2024-02-07", "content": content, "concerns": [str(child), str(OTHER)]}
    (await desk["placement"].post(f"/children/{brother}/{GROUPS}", json=group)).raise_for_status()
    await desk.settled()
    assert str(child) in (await desk["journey"].get(f"/children/{brother}/history")).text
    await sealed(desk, child)
    history = await desk["journey"].get(f"/children/{brother}/history")
    [shown] = [one for one in await facts_fed(desk, "placement", "care.placement", brother) if one["type"] == GROUP]
    assert (history.json()["lanes"]["relationship"], str(child) in history.text) == ([], False)
    assert await fed(desk, "journey", "care.journey", brother) == []
    assert shown["concerns"] == str(OTHER)
