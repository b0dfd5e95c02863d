"""The record of a missing incident is accurate: what was said first stays, with both of its times."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from carejourney.envelope import Recorded, stored
from carejourney.standing import standing
from tests.fixtures.system import AUTHORITY, System


async def state(system: System, child: UUID, row: dict[str, Any]) -> dict[str, Any]:
    line = {
        "command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026,
        "tables": {"missing": [row]},
    }  # fmt: skip
    answer = await system["placement"].post("/returns/ssda903", content=msgspec.json.encode(line))
    found: dict[str, Any] = json.loads(answer.raise_for_status().text)
    return found


async def recorded(system: System, child: UUID) -> list[Recorded]:
    rows = await system.running["placement"].pool.fetch(
        "select headers, payload, topic from fact where subject = $1 and topic = 'care.missing' order by version", child
    )
    return [stored(row["headers"], row["payload"], row["topic"]) for row in rows]


@pytest.mark.source("SR2.20.c")
async def test_an_incident_that_is_corrected_keeps_what_was_said_first_and_both_of_its_times(system: System) -> None:
    (child,) = await system.register(f"MISS{secrets.token_hex(6)}")
    before = datetime.now(UTC)
    await state(system, child, {"mis_start": "2025-08-03", "missing": "M"})
    (first,) = await recorded(system, child)
    answer = await state(system, child, {"mis_start": "2025-08-03", "missing": "A", "mis_end": "2025-08-05"})
    assert (answer["facts"], answer["corrections"]) == (2, 1)
    original, *later = await recorded(system, child)
    assert original == first
    assert (original.data, original.effective) == ({"kind": "M"}, "2025-08-03")
    assert before <= datetime.fromisoformat(original.time) <= datetime.now(UTC)
    assert {fact.type for fact in later} == {"missing.child_returned", "correction.fact_corrected"}
    now = {fact.type: fact for fact in standing([original, *later])}
    assert now["missing.child_went_missing"].data == {"kind": "A"}
    assert now["missing.child_returned"].effective == "2025-08-05"


async def test_who_is_missing_now_is_listed_until_the_child_is_back(system: System) -> None:
    (child,) = await system.register(f"MISS{secrets.token_hex(6)}")
    entry = {"on": "2026-01-12", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6"}
    await system["placement"].post(f"/children/{child}/care", json=entry)
    await system["placement"].post(f"/children/{child}/missing", json={"at": "2026-03-03T22:15:00Z", "kind": "M"})
    await system.settled()
    asked = {"authority": AUTHORITY, "missing": "true", "limit": "1000"}
    listed = (await system["placement"].get("/placements", params=asked)).json()
    assert [row["missing_since"] for row in listed if row["subject"] == str(child)] == ["2026-03-03T22:15:00.000000Z"]
    await system["placement"].post(f"/children/{child}/missing/return", json={"at": "2026-03-04T05:00:00Z"})
    await system.settled()
    listed = (await system["placement"].get("/placements", params=asked)).json()
    assert str(child) not in {row["subject"] for row in listed}
