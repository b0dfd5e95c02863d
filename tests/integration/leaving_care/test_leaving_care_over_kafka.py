from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.fixtures.system import AUTHORITY, System
from tests.integration.planning.telling import asked, episode, header, tell


async def young_person(system: System, dob: str = "2006-10-05") -> UUID:
    [child] = await system.register(f"LEAVING-{uuid4()}")
    left = episode("2021-09-01", dec="2024-10-05", rec="E17")
    await tell(system, "placement", child, 2025, header=[header(dob)], episodes=[left])
    return child


async def birthdays(system: System, child: UUID, **awaited: Any) -> dict[str, Any]:
    def answers(found: dict[str, Any]) -> bool:
        return all(found.get(name) == value for name, value in awaited.items())

    found: dict[str, Any] = await asked(system, "leaving_care", f"/children/{child}/birthdays", answers)
    return {name: found.get(name) for name in awaited}


async def test_birthdays_already_past_come_with_the_return_and_the_next_is_not_told(system: System) -> None:
    child = await young_person(system)

    told = {
        "turned_sixteen_on": "2022-10-05", "turned_eighteen_on": "2024-10-05", "turned_twenty_one_on": None,
        "care_leaver": True, "left_on": "2024-10-05",
    }  # fmt: skip
    assert await birthdays(system, child, **told) == told


async def test_how_a_care_leaver_fares_is_shown_with_the_authoritys_leavers(system: System) -> None:
    child = await young_person(system)
    await tell(system, "leaving_care", child, 2026, oc3=[{"in_touch": "YES", "activ": "F2", "accom": "Z1"}])
    told = {"outcomes_year": 2026, "in_touch": "YES", "activity": "F2", "accommodation": "Z1", "care_leaver": True}
    assert await birthdays(system, child, **told) == told

    listed = (await system["leaving_care"].get("/leavers", params={"authority": AUTHORITY})).json()["leavers"]
    assert [one["in_touch"] for one in listed if one["subject"] == str(child)] == ["YES"]


async def test_a_date_of_birth_corrected_by_a_return_moves_the_birthdays(system: System) -> None:
    child = await young_person(system)
    assert await birthdays(system, child, turned_eighteen_on="2024-10-05")
    left = episode("2021-09-01", dec="2024-10-05", rec="E17")
    await tell(system, "placement", child, 2025, header=[header("2006-10-06")], episodes=[left])

    told = {"turned_sixteen_on": "2022-10-06", "turned_eighteen_on": "2024-10-06"}
    assert await birthdays(system, child, **told) == told


async def test_recording_a_birthday_makes_nobodys_version_stale(system: System) -> None:
    child = await young_person(system)
    assert await birthdays(system, child, turned_eighteen_on="2024-10-05")

    stream = "select version, computed_version from stream where subject = $1"
    row = await system.running["leaving_care"].pool.fetchrow(stream, child)
    assert tuple(row) == (0, 2)


@pytest.mark.parametrize(
    ("roles", "authorities", "status"),
    [(("virtual-school",), ("*",), 403), (("leaving-care",), ("E08000026",), 404), (("leaving-care",), ("*",), 200)],
)
async def test_birthdays_are_read_by_those_who_look_after_that_authoritys_leavers(
    system: System, roles: tuple[str, ...], authorities: tuple[str, ...], status: int
) -> None:
    child = await young_person(system)
    await birthdays(system, child, care_leaver=True)

    token = system.surroundings.token(*roles, authorities=authorities)
    headers = {"authorization": f"Bearer {token}"}
    assert (await system["leaving_care"].get(f"/children/{child}/birthdays", headers=headers)).status_code == status
