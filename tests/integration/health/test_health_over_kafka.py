from typing import Any
from uuid import UUID, uuid4

from tests.fixtures.system import AUTHORITY, System
from tests.integration.planning.telling import asked, episode, header, tell


async def child_in_care(system: System, *rows: dict[str, Any], dob: str = "2021-03-14") -> UUID:
    [child] = await system.register(f"HEALTH-{uuid4()}")
    stated = list(rows) or [episode("2025-09-01")]
    await tell(system, "placement", child, 2026, header=[header(dob)], episodes=stated)
    return child


async def shown(system: System, child: UUID, **awaited: Any) -> dict[str, Any]:
    def of_child(answer: dict[str, Any]) -> dict[str, Any]:
        found = (one for one in answer["children"] if one["subject"] == str(child))
        return next(found, {})

    def answers(answer: dict[str, Any]) -> bool:
        found = of_child(answer)
        return all(found.get(name) == value for name, value in awaited.items())

    found = of_child(await asked(system, "health", "/assessments", answers, authority=AUTHORITY))
    return {name: found.get(name) for name in awaited}


async def test_a_child_who_entered_care_has_a_first_assessment_overdue_until_it_is_held(system: System) -> None:
    child = await child_in_care(system)
    due = {"due_on": "2025-09-29", "due_state": "open", "overdue": True}
    assert await shown(system, child, **due) == due

    held = {"held_on": "2025-10-02", "kind": "initial"}
    assert (await system["health"].post(f"/children/{child}/assessments", json=held)).status_code == 201
    met = {"due_state": "met_late", "met_on": "2025-10-02", "overdue": False, "last_assessed_on": "2025-10-02"}
    assert await shown(system, child, **met) == met


async def test_later_assessments_are_due_by_the_age_of_the_child(system: System) -> None:
    child = await child_in_care(system)
    held = {"held_on": "2025-09-10", "kind": "initial"}
    await shown(system, child, due_state="open")
    await system["health"].post(f"/children/{child}/assessments", json=held)

    def both(answer: dict[str, Any]) -> bool:
        return len(answer["duties"]) > 1

    found = await asked(system, "health", f"/children/{child}/duties", both, on="2025-12-01")
    assert [(duty["duty"], duty["state"], duty["due"]) for duty in found["duties"]] == [
        ("health.initial_health_assessment", "met", "2025-09-29"),
        ("health.review_health_assessment", "pending", "2026-03-10"),
    ]


async def test_the_return_and_a_move_are_shown(system: System) -> None:
    rows = [episode("2025-09-01", dec="2025-10-01", rec="X1"), episode("2025-10-01", "P", place="K2", urn="SC010101")]
    child = await child_in_care(system, *rows)
    oc2 = {"sdq_score": "17", "sdq_reason": None, "health_check": None, "immunisations": "1", "teeth_check": "1"}
    await tell(system, "health", child, 2026, oc2=[{**oc2, "health_assessment": "1", "substance_misuse": "0"}])

    told = {"registration_to_check_since": "2025-10-01", "outcomes_year": 2026, "sdq_score": 17, "teeth_check": True}
    assert await shown(system, child, **told) == told


async def test_a_young_person_who_turned_eighteen_in_care_is_shown_as_such(system: System) -> None:
    child = await child_in_care(system, dob="2007-10-05")

    told = {"turned_eighteen_on": "2025-10-05"}
    assert await shown(system, child, **told) == told
