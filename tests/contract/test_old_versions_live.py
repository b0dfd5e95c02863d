"""A fact that an earlier program recorded in an old version: decided upon, told, corrected, and kept as it was."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest_asyncio

from carejourney.commands import Command, Decided, State, carry_out
from carejourney.envelope import Draft
from events.event import Fact, PersonalText
from tests.builders import a_context
from tests.fixtures.system import System

WIRE = "education.exclusion_imposed"


class AsItWas(Fact):
    """The child was excluded from school, as the first version said it."""

    wire: ClassVar[str] = WIRE
    topic: ClassVar[str] = "care.education"
    lane: ClassVar[str] = "exclusion"
    kind: str
    days: float | None = None
    authority_consulted: bool | None = None
    reason: PersonalText | None = None


@pytest_asyncio.fixture(loop_scope="session")
async def excluded(system: System) -> AsyncIterator[tuple[UUID, str]]:
    """A child with an exclusion of two and a half days, recorded long ago; and that fact's id."""
    (child,) = await system.register(f"OLD{uuid4().hex[:12]}")
    body = AsItWas(kind="fixed", days=2.5, reason="A fight in the yard.")

    def decide(state: State) -> Decided:
        return Decided([Draft(state.subject, body, "2026-04-27", body.topic)])

    command = Command(uuid4(), child, decide, a_context(source="education"))
    (answer,) = await carry_out(system.running["education"].store, [command])
    await system.settled()
    yield child, answer["recorded"][0]


async def told(system: System, child: UUID) -> list[dict[str, Any]]:
    await system.settled()
    answer = (await system["journey"].get(f"/children/{child}/history")).raise_for_status().json()
    lane: list[dict[str, Any]] = answer["lanes"]["exclusion"]
    return lane


async def test_the_journey_tells_it_as_the_newest_version_does(system: System, excluded: tuple[UUID, str]) -> None:
    child, fact = excluded
    (interval,) = await told(system, child)
    assert interval["facts"] == [fact]
    assert interval["value"]["kind"] == {"code": "suspension", "meaning": "Suspension"}
    assert interval["value"]["sessions"] == 5
    assert interval["value"]["reason"] == "A fight in the yard."
    assert "days" not in interval["value"]


async def test_what_was_recorded_keeps_its_version_and_bytes(system: System, excluded: tuple[UUID, str]) -> None:
    _, fact = excluded
    for service, table in (("education", "fact"), ("journey", "received")):
        row = await system.running[service].pool.fetchrow(
            f"select headers, payload from {table} where id = $1", UUID(fact)
        )
        assert b"urn:carejourney:education.exclusion_imposed:1" in row["headers"]
        assert b'"days":2.5' in row["payload"]


async def test_it_can_be_ended_and_corrected_by_those_who_know_the_newest_version_alone(
    system: System, excluded: tuple[UUID, str]
) -> None:
    child, fact = excluded
    end = {"type": "education.returned_to_school", "effective": "2026-05-01", "content": {"incident": fact}}
    (await system["education"].post(f"/children/{child}/incidents", json=end)).raise_for_status()
    change = {"corrects": fact, "replacement": {"kind": "suspension", "sessions": 8}}
    (await system["education"].post(f"/children/{child}/corrections", json=change)).raise_for_status()
    (interval,) = await told(system, child)
    assert (interval["from"], interval["until"]) == ("2026-04-27", "2026-05-01")
    assert interval["value"]["sessions"] == 8
    assert [form["value"]["sessions"] for form in interval["was"]] == [5]
