"""The sensitivity of a fact is raised: in its topic it is withdrawn without content, and the twin has it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from carejourney.access import mint
from tests.e2e.walking import published
from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.sharing.feeding import everything_fed


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, ("placement", "education", "journey")) as system:
        await system.settled()
        yield system


async def a_supported_child(desk: System) -> tuple[UUID, str]:
    """A child with support for learning, known to everybody who reads education; the id of the fact."""
    [child] = await desk.register(f"RAISED-{uuid4().hex[:8]}")
    await desk.settled()
    content = {"kind": "catch_up", "hours_a_week": 2.0}
    body = {"type": "education.education_support_started", "effective": "2026-03-02", "content": content}
    said = await desk["education"].post(f"/children/{child}/needs", json=body)
    assert said.status_code == 201, said.text
    return child, str(said.json()["stands"])


async def given(desk: System, topic: str, child: UUID, role: str) -> list[dict[str, Any]]:
    """What of a child an agency reads of a topic from the beginning on."""
    token = mint(desk.surroundings.folder / "issuer.json", "an-agency", (role,), (AUTHORITY,))
    facts = await everything_fed(desk, "education", topic, {"authorization": f"Bearer {token}"})
    return [one for one in facts if one["subject"] == str(child)]


async def test_in_kafka_it_is_withdrawn_without_content_and_the_twin_has_it(desk: System) -> None:
    child, fact = await a_supported_child(desk)
    raised = await desk["education"].post(f"/children/{child}/restrictions", json={"fact": fact})
    assert raised.status_code == 201, raised.text
    records = await published(desk, child)
    withdrawn = next(one for one in records.values() if one.type == "correction.fact_retracted")
    again = records[raised.json()["stands"]]
    assert (withdrawn.topic, withdrawn.data["corrects"], withdrawn.data["reason"]) == (
        "care.education",
        fact,
        "error",
    )
    assert b"catch_up" not in withdrawn.payload
    assert (again.topic, again.data["kind"]) == ("care.education.restricted", "catch_up")


async def test_who_lacks_the_right_reads_neither_the_fact_nor_its_withdrawal(desk: System) -> None:
    child, fact = await a_supported_child(desk)
    assert [one["id"] for one in await given(desk, "care.education", child, "virtual-school")] == [fact]
    raised = await desk["education"].post(f"/children/{child}/restrictions", json={"fact": fact})
    await desk.settled()

    assert await given(desk, "care.education", child, "virtual-school") == []
    twin = await given(desk, "care.education.restricted", child, "social-work")
    assert [one["id"] for one in twin] == [raised.json()["stands"]]
    told = (await desk["journey"].get(f"/children/{child}/history")).json()["lanes"]["education_support"]
    assert [one["from"] for one in told] == ["2026-03-02"]
