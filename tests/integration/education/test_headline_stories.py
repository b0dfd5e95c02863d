import json
from typing import Any
from uuid import UUID, uuid4

from tests.fixtures.system import AUTHORITY, System
from tests.integration.planning.telling import asked, episode, header, tell

FIRST = {"ref": 1, "upn": None, "urn": "990001", "school": "Elm Bank School", "from": "2023-09-04",
         "until": "2025-11-01", "reason": "first_school"}  # fmt: skip
SECOND = {"ref": 2, "upn": None, "urn": "990002", "school": "Ash Lane School", "from": "2025-11-03", "until": None,
          "reason": "placement_move"}  # fmt: skip


async def _child(system: System, *episodes: dict[str, Any], dob: str = "2013-03-14") -> tuple[UUID, str]:
    local_id = f"ROLL-{uuid4()}"
    [child] = await system.register(local_id)
    await tell(system, "placement", child, 2026, header=[header(dob)], episodes=list(episodes))
    return child, local_id


async def _shown(system: System, local_id: str, **awaited: Any) -> dict[str, Any]:
    """What the roll shows of the child in these fields, once it is as awaited."""

    def answers(roll: dict[str, Any]) -> bool:
        return any(all(one[name] == value for name, value in awaited.items()) for one in roll["children"])

    roll = await asked(system, "education", "/roll", answers, authority=AUTHORITY, q=local_id, in_care="all")
    (found,) = roll["children"]
    return {name: found[name] for name in awaited}


async def test_a_child_who_enters_care_is_on_the_roll_and_one_who_left_is_marked_so(system: System) -> None:
    _, staying = await _child(system, episode("2025-09-01"))
    _, leaving = await _child(system, episode("2025-09-01", dec="2025-12-01", rec="E4A"))

    stays = {"in_care": True, "entered_on": "2025-09-01", "left_on": None}
    assert await _shown(system, staying, **stays) == stays
    left = {"in_care": False, "entered_on": "2025-09-01", "left_on": "2025-12-01"}
    assert await _shown(system, leaving, **left) == left


async def test_a_move_shows_with_the_school_change_that_followed(system: System) -> None:
    rows = [episode("2025-09-01", dec="2025-10-20", rec="X1"), episode("2025-10-20", "P", place="K2")]
    child, local_id = await _child(system, *rows)
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": None,
            "tables": {"enrolments": [FIRST, SECOND]}}  # fmt: skip
    (await system["education"].post("/returns/enrolments", content=json.dumps(line))).raise_for_status()

    moved = {"last_moved_on": "2025-10-20", "school_kept": False, "caused_by_move_on": "2025-10-20"}
    assert await _shown(system, local_id, **moved) == moved


async def test_a_child_is_shown_missing_until_the_return(system: System) -> None:
    child, local_id = await _child(system, episode("2025-09-01"))
    away = {"mis_start": "2026-01-05", "missing": "M", "mis_end": None}
    await tell(system, "placement", child, 2026, missing=[away])
    assert await _shown(system, local_id, missing_now=True) == {"missing_now": True}
    await tell(system, "placement", child, 2026, missing=[{**away, "mis_end": "2026-01-06"}])

    assert await _shown(system, local_id, missing_now=False) == {"missing_now": False}


async def test_a_young_person_who_turned_eighteen_in_care_is_shown_so(system: System) -> None:
    _, local_id = await _child(system, episode("2025-09-01"), dob="2007-12-01")

    assert await _shown(system, local_id, turned_eighteen=True) == {"turned_eighteen": True}
