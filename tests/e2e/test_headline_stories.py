"""The five headline stories: a command or an import to one service, and what all the others then show."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.e2e.importing import Importing, new_authority
from tests.e2e.made_children import whole_child
from tests.e2e.return_folders import changed, write_tables
from tests.fixtures.system import System

ENTRY = {
    "on": "2026-10-05", "legal_status": "C2", "category_of_need": "N1", "placement_type": "U6",
    "placement_provider": "PR1", "home_postcode": "B1 1AA", "placement_postcode": "B13 8DD", "urn": "SC010101",
}  # fmt: skip
MOVE = {
    "on": "2026-10-26", "placement_type": "K2", "placement_provider": "PR4", "placement_postcode": "LE2 3AA",
    "urn": "SC020202", "reason": "CREQB", "manner": "emergency",
}  # fmt: skip
FIRST_SCHOOL = {"on": "2026-10-06", "urn": "990001", "school": "Elm Bank School", "reason": "first_school"}
NEXT_SCHOOL = {"on": "2026-11-02", "urn": "990002", "school": "Ash Lane School", "reason": "placement_move"}
GONE, BACK, INTERVIEWED = "2026-11-10T22:15:00+00:00", "2026-11-11T06:40:00+00:00", "2026-11-12T15:00:00+00:00"


@dataclass(frozen=True)
class Story:
    """One child in the running system."""

    system: System
    authority: str
    local_id: str
    child: UUID

    async def command(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command and wait until everyone has heard."""
        answer = await self.system[service].post(f"/children/{self.child}/{path}", json=body)
        assert answer.status_code == 201, answer.text
        await self.system.settled()
        found: dict[str, Any] = answer.json()
        return found

    async def shown(self, service: str, path: str) -> dict[str, Any]:
        """What a service shows of the child."""
        answer = await self.system[service].get(f"/children/{self.child}/{path}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def lane(self, name: str) -> list[dict[str, Any]]:
        """One lane of the child's journey."""
        found: list[dict[str, Any]] = (await self.shown("journey", "history"))["lanes"][name]
        return found

    async def on_roll(self) -> dict[str, Any] | None:
        """The child's row of the virtual roll."""
        asked = {"authority": self.authority, "q": self.local_id, "in_care": "all"}
        children = (await self.system["education"].get("/roll", params=asked)).raise_for_status().json()["children"]
        return children[0] if children else None

    async def health(self) -> dict[str, Any]:
        """The child's row of the health assessments."""
        rows = (await self.system["health"].get("/assessments", params={"authority": self.authority})).json()
        return next(row for row in rows["children"] if row["subject"] == str(self.child))


@pytest_asyncio.fixture(loop_scope="session")
async def story(system: System) -> AsyncIterator[Story]:
    """A child who has entered care."""
    authority = new_authority()
    body = {"authority": authority, "kind": "child", "local_ids": ["STORY-1"], "create": True}
    answer = (await system["placement"].post("/subjects/resolve", json=body)).raise_for_status().json()
    one = Story(system, authority, "STORY-1", UUID(answer["subjects"]["STORY-1"]))
    await one.command("placement", "care", ENTRY)
    yield one


async def test_a_child_who_enters_care_is_on_the_roll_with_a_review_and_an_assessment_due(story: Story) -> None:
    roll, planning, health = await story.on_roll(), await story.shown("planning", "position"), await story.health()

    assert roll is not None
    assert (roll["in_care"], roll["entered_on"]) == (True, "2026-10-05")
    assert (planning["first_review_due_on"], planning["open_duty"]) == ("2026-11-02", "planning.first_review")
    assert (health["due_on"], health["due_state"]) == ("2026-11-02", "open")
    [care] = await story.lane("care")
    assert (care["from"], care["until"]) == ("2026-10-05", None)
    assert [one["value"]["code"] for one in await story.lane("legal_status")] == ["C2"]


async def test_a_child_who_leaves_care_is_in_care_nowhere(story: Story) -> None:
    await story.command("placement", "care/end", {"on": "2026-11-16", "reason": "E4A"})

    roll, planning = await story.on_roll(), await story.shown("planning", "position")
    assert roll is not None
    assert (roll["in_care"], roll["left_on"], planning["in_care"]) == (False, "2026-11-16", False)
    assert [one["until"] for one in await story.lane("care")] == ["2026-11-16"]
    assert (await story.shown("placement", "placement"))["in_care"] is False


async def test_a_move_counts_days_starts_visits_anew_and_is_a_transition(story: Story) -> None:
    await story.command("education", "school-changes", FIRST_SCHOOL)
    await story.command("placement", "moves", MOVE)

    roll, planning, health = await story.on_roll(), await story.shown("planning", "position"), await story.health()
    assert roll is not None
    assert (roll["last_moved_on"], roll["school_kept"], roll["out_of_area"]) == ("2026-10-26", True, True)
    assert planning["visits_from"] == "2026-10-26"
    assert health["registration_to_check_since"] == "2026-10-26"
    [moved] = [t for t in await story.lane("transition") if "placement" in t["value"]["kinds"]]
    assert moved["from"] == "2026-10-26"
    assert [one["from"] for one in await story.lane("placement")] == ["2026-10-05", "2026-10-26"]


async def test_a_school_change_shows_the_placement_move_that_caused_it(story: Story) -> None:
    await story.command("education", "school-changes", FIRST_SCHOOL)
    await story.command("placement", "moves", MOVE)
    await story.command("education", "school-changes", NEXT_SCHOOL)

    placement, roll = await story.shown("placement", "placement"), await story.on_roll()
    assert roll is not None
    assert (placement["school_urn"], placement["school_changed_on"]) == ("990002", "2026-11-02")
    assert (placement["school_changed_by_move_on"], roll["caused_by_move_on"]) == ("2026-10-26", "2026-10-26")
    [caused] = [t for t in await story.lane("transition") if t["value"]["compound"]]
    assert set(caused["value"]["kinds"]) == {"placement", "school"}
    assert [one["value"]["urn"] for one in await story.lane("school")] == ["990001", "990002"]


async def test_education_learns_that_a_child_is_missing_and_no_more(story: Story) -> None:
    went = await story.command("placement", "missing", {"at": GONE, "kind": "M"})

    roll, planning = await story.on_roll(), await story.shown("planning", "position")
    assert roll is not None
    assert (roll["missing_now"], planning["missing_now"]) == (True, True)
    assert "2026-11-10" not in str(roll)
    [incident] = await story.lane("missing")
    assert (incident["from"], incident["until"]) == ("2026-11-10T22:15:00.000000Z", None)
    assert went["recorded"] == incident["facts"]


async def test_a_child_who_returned_was_interviewed_and_the_times_are_told(story: Story) -> None:
    [incident] = (await story.command("placement", "missing", {"at": GONE, "kind": "M"}))["recorded"]
    await story.command("placement", "missing/return", {"at": BACK})
    held = {"at": INTERVIEWED, "incident": incident, "outcome": "held"}
    await story.command("placement", "return-interviews", held)

    roll, planning = await story.on_roll(), await story.shown("planning", "position")
    assert roll is not None
    assert (roll["missing_now"], planning["missing_now"]) == (False, False)
    assert [one["until"] for one in await story.lane("missing")] == ["2026-11-11T06:40:00.000000Z"]
    assert [one["value"]["outcome"] for one in await story.lane("return_interview")] == ["held"]


@pytest.mark.parametrize(("born", "turned"), [("15/01/2008", "2026-01-15"), ("29/02/2008", "2026-03-01")])
async def test_a_child_in_care_who_turned_eighteen_is_an_adult_everywhere_once(
    importing: Importing, tmp_path: Path, born: str, turned: str
) -> None:
    tables = changed(whole_child("ADULT"), "header", 0, DOB=born)
    folder = write_tables(tmp_path, changed(tables, "episodes", 1, DEC="", REC="", REASON_PLACE_CHANGE=""))
    for _ in range(2):
        await importing.returns(folder)

    child = UUID((await importing.history("ADULT"))["child"])
    story = Story(importing.system, importing.authority, "ADULT", child)
    roll, placement = await story.on_roll(), await story.shown("placement", "placement")
    assert roll is not None
    assert (roll["turned_eighteen"], placement["became_adult_on"]) == (True, turned)
    assert (await story.health())["turned_eighteen_on"] == turned
    eighteen = [one["from"] for one in await story.lane("birthday") if one["value"]["age"] == 18]
    assert eighteen == [turned]


async def test_a_corrected_date_of_birth_takes_the_birthday_back_and_says_it_again(
    importing: Importing, tmp_path: Path
) -> None:
    tables = changed(whole_child("BORN"), "episodes", 1, DEC="", REC="", REASON_PLACE_CHANGE="")
    for number, born in enumerate(("15/01/2008", "20/02/2008")):
        await importing.returns(write_tables(tmp_path / str(number), changed(tables, "header", 0, DOB=born)))

    lane = (await importing.history("BORN"))["lanes"]["birthday"]

    assert [(one["value"]["age"], one["from"]) for one in lane] == [(16, "2024-02-20"), (18, "2026-02-20")]
