"""Each fact says who recorded it, by a pseudonym, and in the role that gave the right to."""

import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest_asyncio

from carejourney.access import mint
from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.sharing.feeding import everything_fed

PERSON = "pat.example@council.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, ("placement", "planning", "health", "journey")) as system:
        await system.settled()
        yield system


def as_(desk: System, actor: object, *roles: str) -> dict[str, str]:
    token = mint(desk.surroundings.folder / "issuer.json", str(actor), roles, (AUTHORITY,))
    return {"authorization": f"Bearer {token}"}


async def a_child(desk: System) -> UUID:
    [child] = await desk.register(f"SAID-{uuid4().hex[:8]}")
    await desk.settled()
    return child


async def held(desk: System, child: UUID, who: dict[str, str], kind: str = "review") -> None:
    body = {"held_on": "2026-03-02", "kind": kind}
    (await desk["health"].post(f"/children/{child}/assessments", json=body, headers=who)).raise_for_status()


async def signed(desk: System, child: UUID, service: str, wire: str) -> list[tuple[str, str]]:
    """Actor and role of the facts of a type, in the order of their recording."""
    rows = await desk.running[service].pool.fetch(
        "select h ->> 'ce_actor', h ->> 'ce_actorrole' from (select version, convert_from(headers, 'UTF8')::json as h"
        " from fact where subject = $1) kept where h ->> 'ce_type' = $2 order by version",
        child, wire,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def test_the_role_that_gave_the_right_to_record_is_named(desk: System) -> None:
    child = await a_child(desk)
    who = as_(desk, "worker-7", "carer", "social-work")
    await held(desk, child, who)
    reviewed = {"held_on": "2026-03-02", "participation": "PN1"}
    (await desk["planning"].post(f"/children/{child}/reviews", json=reviewed, headers=who)).raise_for_status()
    assert await signed(desk, child, "health", "health.health_assessment_held") == [("worker-7", "social-work")]
    assert await signed(desk, child, "planning", "planning.review_held") == [("worker-7", "social-work")]


async def test_an_agency_acts_in_the_role_that_may_record_this_type(desk: System) -> None:
    child = await a_child(desk)
    wire = "journey.agency_involvement_started"
    body = {"type": wire, "effective": "2026-03-02", "content": {"agency": "health"}}
    who = as_(desk, "nurse-3", "carer", "health")
    (await desk["journey"].post(f"/children/{child}/intervals", json=body, headers=who)).raise_for_status()
    assert await signed(desk, child, "journey", wire) == [("nurse-3", "health")]


async def test_a_carer_who_also_chairs_reviews_opens_the_carer_view_as_a_carer(desk: System) -> None:
    child, carer = await a_child(desk), str(uuid4())
    team = {"worker": carer, "role": "carer", "agency": "provider"}
    body = {"type": "planning.team_member_joined", "effective": "2026-03-02", "content": team}
    (await desk["planning"].post(f"/children/{child}/roles", json=body)).raise_for_status()
    await desk.settled()
    read = await desk["journey"].get(f"/children/{child}/carer-view", headers=as_(desk, carer, "carer", "review"))
    assert read.status_code == 200
    assert await signed(desk, child, "journey", "journey.record_viewed") == [(carer, "carer")]


async def test_a_token_that_names_a_person_leaves_no_name_in_the_record_nor_in_the_feed(desk: System) -> None:
    child = await a_child(desk)
    await held(desk, child, as_(desk, PERSON, "health"), "initial")
    await held(desk, child, as_(desk, PERSON, "health"))
    reviewed = {"held_on": "2026-03-02", "participation": "PN1"}
    who = as_(desk, PERSON, "review")
    (await desk["planning"].post(f"/children/{child}/reviews", json=reviewed, headers=who)).raise_for_status()
    [(actor, _), again] = await signed(desk, child, "health", "health.health_assessment_held")
    [elsewhere] = await signed(desk, child, "planning", "planning.review_held")
    feed = json.dumps(await everything_fed(desk, "health", "care.health", as_(desk, "reader-1", "health")))

    assert (len(actor), again[0], elsewhere[0]) == (64, actor, actor)
    assert actor in feed
    assert PERSON not in feed
