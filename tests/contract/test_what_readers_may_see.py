"""Whatever route tells of a child asks first what its reader may see: a new route cannot forget it."""

from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from carejourney.access import ROLES, mint
from tests.contract.test_openapi import SERVICES, operations
from tests.fixtures.system import AUTHORITY, System
from tests.integration.erasure.erasing import erased

# Who followed the link to a sealed record is told to those alone who may follow it.
OF_THE_SEALED: Final = {("placement", "/children/{child}/earlier-record")}
ROUTES: Final = sorted(
    {(s, path) for s in SERVICES for method, path, _ in operations(s) if method == "get" and "{child}" in path}
    - OF_THE_SEALED
)
PAGES: Final = [("journey", "/pages/children/{child}")]
TOLD: Final = "nobody else may read these words"
EPISODE: Final = {
    "reason_for_new_episode": "S", "legal_status": "E1", "category_of_need": "N1", "placement_type": "A3",
}  # fmt: skip


async def says(system: System, child: UUID, service: str, path: str, body: dict[str, Any]) -> str:
    answer = await system[service].post(f"/children/{child}/{path}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["recorded"][0])


async def a_child(system: System) -> UUID:
    [child] = await system.register(f"GATE-{uuid4().hex[:10]}")
    await system.settled()
    return child


async def adopted_and_sealed(system: System, child: UUID) -> None:
    began = {"type": "placement.episode_started", "effective": "2024-02-05", "content": EPISODE}
    episode = await says(system, child, "placement", "intervals", began)
    content = {"episode": episode, "reason_ceased": "E11"}
    ended = {"type": "placement.episode_ended", "effective": "2025-03-04", "content": content}
    await says(system, child, "placement", "intervals", ended)
    body = {"child": str(child), "adopted_on": "2025-03-04"}
    (await system["placement"].post("/sealed-records", json=body)).raise_for_status()
    await system.settled()


async def names_in_every_way(system: System, child: UUID, other: UUID) -> None:
    """What somebody may say of the other in the child's record: a tie, and facts that concern both."""
    tie = {"person": str(other), "kind": "sibling", "name": TOLD}
    related = {"type": "journey.relationship_recorded", "effective": "2026-03-02", "content": tie}
    await says(system, child, "journey", "relationships", related)
    for wire, path, content in (
        ("planning.needs_assessed", "needs", {"kind": "core", "needs": TOLD}),
        ("planning.decision_made", "decisions", {"about": "care_plan", "outcome": "agreed", "rationale": TOLD}),
    ):
        body = {"type": wire, "effective": "2026-03-02", "content": content, "concerns": [str(other)]}
        await says(system, child, "planning", path, body)
    await system.settled()


async def asked(system: System, route: tuple[str, str], child: UUID, **headers: str) -> httpx.Response:
    service, path = route
    return await system[service].get(path.format(child=child), headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed(system: System) -> UUID:
    child = await a_child(system)
    await adopted_and_sealed(system, child)
    return child


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(system: System) -> tuple[UUID, UUID]:
    """A child in whose record another stands, and the other, who was erased."""
    child, other = await a_child(system), await a_child(system)
    body = {"on": "2026-01-05", "legal_status": "C2", "category_of_need": "N1", "placement_type": "U6"}
    await says(system, child, "placement", "care", body)
    await names_in_every_way(system, child, other)
    assert TOLD in (await asked(system, ("journey", "/children/{child}/assessments"), child)).text
    await erased(system, other)
    await system.settled()
    return child, other


@pytest.mark.parametrize("route", ROUTES)
async def test_a_sealed_record_is_shut_on_every_route(system: System, closed: UUID, route: tuple[str, str]) -> None:
    answer = await asked(system, route, closed)
    assert (answer.status_code, answer.json()["title"]) == (403, "This record is sealed")


@pytest.mark.parametrize("route", [*ROUTES, *OF_THE_SEALED])
async def test_a_child_of_another_authority_is_unknown_on_every_route(
    system: System, kept: tuple[UUID, UUID], route: tuple[str, str]
) -> None:
    token = system.surroundings.token(*ROLES, authorities=["E06000016"])
    answer = await asked(system, route, kept[0], authorization=f"Bearer {token}")
    assert answer.status_code == 404


@pytest.mark.parametrize("route", [*ROUTES, *PAGES])
async def test_what_was_said_of_an_erased_child_is_told_on_no_route(
    system: System, kept: tuple[UUID, UUID], route: tuple[str, str]
) -> None:
    answer = await asked(system, route, kept[0])
    assert answer.status_code in {200, 403}
    assert TOLD not in answer.text


@pytest.mark.source("CM1.9a")
@pytest.mark.parametrize("route", ROUTES)
async def test_an_agency_that_left_its_trust_reads_on_no_route(
    system: System, kept: tuple[UUID, UUID], route: tuple[str, str]
) -> None:
    name = {"authority": AUTHORITY, "system": f"gate-{uuid4().hex[:8]}"}
    joined = await system["placement"].post("/agencies", json=name | {"agency": "health", "joined_on": "2026-01-05"})
    agency = joined.raise_for_status().json()["agency"]
    token = mint(system.surroundings.folder / "issuer.json", agency, tuple(ROLES), (AUTHORITY,))
    (await system["placement"].post("/agencies/departures", json=name | {"left_on": "2026-02-02"})).raise_for_status()
    await system.settled()
    answer = await asked(system, route, kept[0], authorization=f"Bearer {token}")
    assert (answer.status_code, "has left the trust" in answer.text) == (403, True)
