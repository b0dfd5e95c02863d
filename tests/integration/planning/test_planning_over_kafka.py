from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.fixtures.system import AUTHORITY, System
from tests.integration.planning.telling import asked, episode, tell

WORKER = str(uuid4())


async def child_in_care(system: System, *rows: dict[str, Any]) -> UUID:
    [child] = await system.register(f"PLANNING-{uuid4()}")
    await tell(system, "placement", child, 2026, episodes=list(rows) or [episode("2025-09-01")])
    return child


async def position(system: System, child: UUID, **awaited: Any) -> dict[str, Any]:
    def answers(found: dict[str, Any]) -> bool:
        return all(found.get(name) == value for name, value in awaited.items())

    found: dict[str, Any] = await asked(system, "planning", f"/children/{child}/position", answers)
    return {name: found.get(name) for name in awaited}


async def test_a_child_who_entered_care_has_a_first_review_due_and_a_review_held_meets_it(system: System) -> None:
    child = await child_in_care(system)
    due = {"in_care": True, "first_review_due_on": "2025-09-29", "first_review_state": "open", "overdue": True}
    assert await position(system, child, **due) == due

    held = {"held_on": "2025-09-24", "participation": "PN1"}
    answer = await system["planning"].post(f"/children/{child}/reviews", json=held)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    met = {"first_review_state": "met", "first_review_met_on": "2025-09-24", "open_duty": "planning.second_review"}
    assert await position(system, child, **met) == met


async def test_a_move_an_absence_and_a_social_worker_are_shown(system: System) -> None:
    rows = [episode("2025-09-01", dec="2025-10-01", rec="X1"), episode("2025-10-01", "P", place="K2", urn="SC010101")]
    child = await child_in_care(system, *rows)
    await tell(system, "placement", child, 2026, missing=[{"mis_start": "2025-11-01", "mis_end": None, "missing": "M"}])
    allocation = {"sw_decom": "2025-09-02", "sw_dec": None, "sw_id": WORKER, "sw_reason": "FCONTA"}
    await tell(system, "planning", child, 2026, sw_episodes=[allocation])

    shown = {"visits_from": "2025-10-01", "missing_now": True, "worker": WORKER, "worker_since": "2025-09-02"}
    assert await position(system, child, **shown) == shown


async def test_a_return_told_again_adds_nothing_and_the_copy_follows_a_correction(system: System) -> None:
    child = await child_in_care(system)
    first, changed = ({"review": day, "review_code": "PN1"} for day in ("2025-09-20", "2025-10-20"))
    assert (await tell(system, "planning", child, 2026, reviews=[first]))["facts"] == 1
    assert (await tell(system, "planning", child, 2026, reviews=[first]))["facts"] == 0

    assert (await tell(system, "planning", child, 2026, reviews=[changed]))["corrections"] == 1
    late = {"first_review_state": "met_late", "last_review_on": "2025-10-20"}
    assert await position(system, child, **late) == late


async def test_duties_say_why_and_can_be_asked_of_a_past_day_and_as_known_before_anything_was(system: System) -> None:
    child = await child_in_care(system)
    path = f"/children/{child}/duties"
    found = await asked(system, "planning", path, lambda answer: bool(answer.get("duties")), on="2025-09-30")

    [duty] = found["duties"]
    assert (duty["state"], duty["due"], duty["certainly_overdue"]) == ("overdue", "2025-09-29", True)
    assert "regulation 33(1)" in duty["explanation"]["rule"]
    before = await system["planning"].get(path, params={"on": "2025-09-30", "known_on": "2025-09-30"})
    assert before.json()["duties"] == []


async def test_the_authority_is_told_which_reviews_are_overdue(system: System) -> None:
    child = await child_in_care(system)

    def lists(answer: dict[str, Any]) -> bool:
        return any(duty["child"] == str(child) for duty in answer["duties"])

    found = await asked(system, "planning", "/duties", lists, authority=AUTHORITY, overdue=True)
    [duty] = [one for one in found["duties"] if one["child"] == str(child)]
    assert (duty["duty"], duty["due"], duty["state"]) == ("planning.first_review", "2025-09-29", "overdue")


async def test_a_day_that_is_no_day_is_refused_by_the_name_of_its_field(system: System) -> None:
    child = uuid4()

    wrong_on = await system["planning"].get(f"/children/{child}/duties", params={"on": "2025-13-01"})
    wrong_known = await system["planning"].get(f"/children/{child}/duties", params={"known_on": "yesterday"})
    assert (wrong_on.status_code, wrong_on.json()["fields"][0]["field"]) == (422, "query.on")
    assert (wrong_known.status_code, wrong_known.json()["field"]) == (422, "known_on")


@pytest.mark.parametrize(
    ("roles", "authorities", "status"),
    [(("health",), ("*",), 403), (("review",), ("E08000026",), 404), (("review",), (AUTHORITY,), 200)],
)
async def test_a_position_is_read_by_those_who_plan_for_that_authority(
    system: System, roles: tuple[str, ...], authorities: tuple[str, ...], status: int
) -> None:
    child = await child_in_care(system)
    await position(system, child, in_care=True)

    token = system.surroundings.token(*roles, authorities=authorities)
    reader: httpx.AsyncClient = system["planning"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await reader.get(f"/children/{child}/position", headers=headers)).status_code == status


async def test_a_stale_version_and_a_repeated_command_change_nothing(system: System) -> None:
    child = await child_in_care(system)
    await position(system, child, in_care=True)
    held = {"held_on": "2025-09-24", "participation": "PN1"}
    path, once = f"/children/{child}/reviews", {"idempotency-key": str(uuid4())}

    first = await system["planning"].post(path, json=held, headers=once)
    again = await system["planning"].post(path, json=held, headers=once)
    stale = await system["planning"].post(path, json=held, headers={"if-match": '"0"'})
    assert (first.json(), stale.status_code) == (again.json(), 412)
