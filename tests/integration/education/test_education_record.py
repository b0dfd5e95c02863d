import json
from typing import Any
from uuid import UUID

import httpx

from carejourney.ids import new_id
from carejourney.rebuild import rebuild_service
from events.missing import ChildReturned, ChildWentMissing
from events.placement import PlacementMoved
from services.education.app import PARTS
from tests.fixtures.system import AUTHORITY, System
from tests.integration.education.neighbours import Neighbours

NUMBER = "K990123456789"
ROW = {"ref": 1, "upn": NUMBER, "urn": "990001", "school": "Elm Bank School", "from": "2024-09-03", "until": None,
       "reason": "first_school"}  # fmt: skip
TABLES = ("virtual_roll", "received", "fact", "command")
BYTES = [
    f"select {column} from {table} where subject = $1"
    for table, column in (
        ("received", "payload"),
        ("fact", "payload"),
        ("command", "answer"),
        ("virtual_roll", "state"),
    )
]
CHANGE = {"on": "2025-11-03", "urn": "990002", "school": "Ash Lane School", "reason": "placement_move"}


async def _state(education: System, child: UUID, path: str, tables: dict[str, Any], **line: Any) -> dict[str, Any]:
    body = {"command_id": str(new_id()), "subject": str(child), "authority": AUTHORITY, "year": None, **line}
    answer = await education["education"].post(f"/returns/{path}", content=json.dumps({**body, "tables": tables}))
    answer.raise_for_status()
    found: dict[str, Any] = json.loads(answer.text)
    return found


async def _change(education: System, child: UUID, body: dict[str, str], **headers: str) -> httpx.Response:
    return await education["education"].post(f"/children/{child}/school-changes", json=body, headers=headers)


async def _on_roll(education: System, neighbours: Neighbours, local_id: str) -> dict[str, Any]:
    await neighbours.heard()
    answer = await education["education"].get("/roll", params={"authority": AUTHORITY, "q": local_id})
    (child,) = answer.raise_for_status().json()["children"]
    found: dict[str, Any] = child
    return found


async def test_a_return_and_a_file_of_enrolments_come_out_as_the_childs_education(
    education: System, neighbours: Neighbours
) -> None:
    child = await neighbours.a_child_in_care("EDU-1")
    header = await _state(education, child, "ssda903", {"header": [{"ref": 1, "upn": NUMBER}]}, year=2025)
    enrolled = await _state(education, child, "enrolments", {"enrolments": [ROW]})
    again = await _state(education, child, "enrolments", {"enrolments": [ROW]})
    await neighbours.heard()

    read = (await education["education"].get(f"/children/{child}/education?true_on=2024-09-03")).json()

    assert [answer["facts"] for answer in (header, enrolled, again)] == [1, 1, 0]
    assert (read["upn"], read["attending"]) == (NUMBER, ["990001"])
    (enrolment,) = read["enrolments"]
    assert (enrolment["from"], enrolment["until"], enrolment["source"]) == ("2024-09-03", None, "enrolments")


async def test_the_roll_shows_a_move_and_the_school_change_that_followed(
    education: System, neighbours: Neighbours
) -> None:
    child = await neighbours.a_child_in_care("EDU-2", on_or_before=True)
    moved = PlacementMoved(started=str(new_id()), from_type="U4", to_type="U5")
    await neighbours.says(child, moved, "2025-10-20")
    await _state(education, child, "enrolments", {"enrolments": [ROW]})
    await neighbours.heard()
    (await _change(education, child, CHANGE)).raise_for_status()

    shown = await _on_roll(education, neighbours, "EDU-2")

    assert (shown["school"]["school"], shown["last_moved_on"]) == ("Ash Lane School", "2025-10-20")
    assert (shown["school_kept"], shown["caused_by_move_on"]) == (False, "2025-10-20")
    assert (shown["entered_on_or_before"], shown["upn"]) == (True, NUMBER)


async def test_the_roll_says_missing_until_the_return(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-3")
    incident = await neighbours.says(child, ChildWentMissing(kind="M"), "2026-01-05")
    assert (await _on_roll(education, neighbours, "EDU-3"))["missing_now"] is True
    await neighbours.says(child, ChildReturned(incident=incident), "2026-01-06")

    assert (await _on_roll(education, neighbours, "EDU-3"))["missing_now"] is False


async def test_a_school_change_is_answered_with_its_etag_and_repeated_without_effect(
    education: System, neighbours: Neighbours
) -> None:
    child = await neighbours.a_child_in_care("EDU-4")
    await neighbours.heard()

    first = await _change(education, child, CHANGE, **{"idempotency-key": "one", "if-match": '"0"'})
    again = await _change(education, child, CHANGE, **{"idempotency-key": "one", "if-match": '"0"'})

    assert (first.status_code, first.headers["etag"], first.json()["facts"]) == (201, '"1"', 1)
    assert again.json() == first.json()
    assert (await education["education"].get(f"/children/{child}/education")).headers["etag"] == '"1"'


async def test_a_stale_version_and_a_broken_rule_are_problems(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-5")
    await neighbours.heard()
    (await _change(education, child, CHANGE)).raise_for_status()

    stale = await _change(education, child, {**CHANGE, "on": "2025-12-01"}, **{"if-match": '"0"'})
    second = await _change(education, child, {**CHANGE, "urn": "990003"})
    malformed = await _change(education, child, {**CHANGE, "on": "2025-13-01"})

    assert [r.status_code for r in (stale, second, malformed)] == [412, 409, 422]
    assert second.headers["content-type"] == "application/problem+json"
    assert "two schools on one day" in second.json()["detail"]


async def test_a_child_leaves_a_school_over_http(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-6")
    await neighbours.heard()
    (await _change(education, child, CHANGE)).raise_for_status()

    left = await education["education"].post(f"/children/{child}/school-leavings", json={"on": "2025-12-19"})
    await neighbours.heard()

    assert left.status_code == 201
    read = (await education["education"].get(f"/children/{child}/education?true_on=2025-12-19")).json()
    assert (read["enrolments"][0]["until"], read["attending"]) == ("2025-12-19", [])


async def test_a_corrected_cell_is_corrected_on_the_roll(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-7")
    await _state(education, child, "enrolments", {"enrolments": [ROW]})
    changed = await _state(education, child, "enrolments", {"enrolments": [{**ROW, "school": "Elm Bank Academy"}]})

    shown = await _on_roll(education, neighbours, "EDU-7")

    assert (changed["facts"], changed["corrections"]) == (1, 1)
    assert shown["school"]["school"] == "Elm Bank Academy"


async def test_personal_fields_are_sealed_in_every_table(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-SECRET-8", born="2013-05-06")
    await _state(education, child, "ssda903", {"header": [{"ref": 1, "upn": "K990777777777"}]}, year=2025)
    await neighbours.heard()

    pool = education.running["education"].pool
    texts = [r[0] for t in TABLES for r in await pool.fetch(f"select t::text from {t} t where subject = $1", child)]
    raw = [bytes(r[0]).decode() for q in BYTES for r in await pool.fetch(q, child)]

    said = "".join(texts + raw)
    assert not [plain for plain in ("EDU-SECRET-8", "K990777777777", "2013-05-06") if plain in said]
    assert "sealed.1." in said


async def test_a_rebuilt_roll_is_the_same_roll(education: System, neighbours: Neighbours) -> None:
    child = await neighbours.a_child_in_care("EDU-9")
    await _state(education, child, "enrolments", {"enrolments": [ROW]})
    await _state(education, child, "enrolments", {"enrolments": [{**ROW, "urn": "990009"}]})
    await neighbours.heard()

    (rebuilt,) = await rebuild_service(PARTS, education.running["education"].settings)

    assert [rebuilt[count] for count in ("different", "missing", "left_over")] == [0, 0, 0]
