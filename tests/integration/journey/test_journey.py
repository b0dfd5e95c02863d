"""The journey service over the real Kafka and PostgreSQL of the run, with the services it hears."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import jsonschema
import pytest_asyncio

from tests.fixtures.system import AUTHORITY, Surroundings, System, running_services
from tests.integration.journey.history_schema import SCHEMA

ELSEWHERE = "E08000026"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(surroundings: Surroundings) -> AsyncIterator[System]:
    async with running_services(surroundings, ("placement", "planning", "journey")) as system:
        await system.settled()
        yield system


def _episode(ref: int, decom: str, rne: str, **cells: str | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("place_provider", "dec", "rec", "reason_place_change", "home_post", "pl_post", "urn")
    )
    return row | {"ref": ref, "decom": decom, "rne": rne, "ls": "C2", "cin": "N1", "place": "U6"} | cells


ROWS = [
    _episode(1, "2024-05-01", "S", dec="2024-09-02", rec="X1", place_provider="PR1", urn="SC010101"),
    _episode(2, "2024-09-02", "P", place="K2", place_provider="PR4", urn="SC020202"),
]


async def state(system: System, subject: object, rows: list[dict[str, Any]], **line: Any) -> None:
    body = {
        "command_id": str(uuid4()), "subject": str(subject), "authority": AUTHORITY, "year": 2025, "known_from": None,
        "complete": False, "tables": {"episodes": rows},
    } | line  # fmt: skip
    answer = await system["placement"].post("/returns/ssda903", content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    await system.settled()


async def told(system: System, child: object, **asked: str) -> dict[str, Any]:
    answer = await system["journey"].get(f"/children/{child}/history", params=asked)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    jsonschema.validate(document, SCHEMA)
    return document


async def test_the_episodes_of_a_return_come_out_of_the_journey_row_by_row(desk: System) -> None:
    [child] = await desk.register("JOURNEY-1")
    await state(desk, child, ROWS)

    document = await told(desk, child)

    shown = [
        {k: v["code"] if isinstance(v, dict) else v for k, v in one["value"].items()} | {"decom": one["from"]}
        for one in document["lanes"]["episode"]
    ]
    assert shown == [{k: v for k, v in row.items() if k != "ref"} for row in ROWS]
    assert document["local_id"] == "JOURNEY-1"
    assert document["contradictions"] == []


async def test_a_child_is_found_by_authority_and_local_id(desk: System) -> None:
    [child] = await desk.register("JOURNEY/2")
    await state(desk, child, ROWS)

    by_local_id = await told(desk, f"{AUTHORITY}:JOURNEY/2")

    assert by_local_id == await told(desk, child)


async def test_what_was_known_before_a_correction_is_still_told(desk: System) -> None:
    [child] = await desk.register("JOURNEY-3")
    await state(desk, child, ROWS)
    before = (await told(desk, child))["lanes"]["episode"][1]["recorded"]

    await state(desk, child, [ROWS[0], ROWS[1] | {"place": "K1"}])

    now, then = await told(desk, child), await told(desk, child, known_on=before)
    assert now["lanes"]["episode"][1]["value"]["place"]["code"] == "K1"
    assert now["lanes"]["episode"][1]["was"][0]["value"]["placement_type"]["code"] == "K2"
    assert then["lanes"]["episode"][1]["value"]["place"]["code"] == "K2"


async def test_a_historic_load_is_known_from_its_day_and_marked(desk: System) -> None:
    [child] = await desk.register("JOURNEY-4")

    await state(desk, child, ROWS, known_from="2025-06-30")

    assert (await told(desk, child, known_on="2025-06-29"))["lanes"]["episode"] == []
    document = await told(desk, child, known_on="2025-06-30", true_on="2024-12-25")
    assert [one["from"] for one in document["lanes"]["episode"]] == ["2024-09-02"]
    assert document["lanes"]["episode"][0]["historic"] is True


async def test_a_child_who_goes_missing_is_shown_with_the_times(desk: System) -> None:
    [child] = await desk.register("JOURNEY-5")
    await state(desk, child, ROWS)
    went = {"at": "2025-10-03T22:15:00+01:00", "kind": "M"}
    (await desk["placement"].post(f"/children/{child}/missing", json=went)).raise_for_status()
    back = {"at": "2025-10-04T06:40:00+01:00"}
    (await desk["placement"].post(f"/children/{child}/missing/return", json=back)).raise_for_status()
    await desk.settled()

    [incident] = (await told(desk, child, true_on="2025-10-04"))["lanes"]["missing"]

    assert incident["from"] == "2025-10-03T21:15:00.000000Z"
    assert incident["until"] == "2025-10-04T05:40:00.000000Z"
    assert incident["value"]["kind"]["code"] == "M"


async def test_a_child_of_another_authority_cannot_be_told_from_one_who_is_not_known(
    desk: System, surroundings: Surroundings
) -> None:
    [child] = await desk.register("JOURNEY-6")
    await state(desk, child, ROWS)
    token = surroundings.token("social-work", authorities=(ELSEWHERE,))
    headers = {"authorization": f"Bearer {token}"}

    answers = [
        await desk["journey"].get(f"/children/{one}/history", headers=headers)
        for one in (child, uuid4(), f"{AUTHORITY}:JOURNEY-6", f"{ELSEWHERE}:JOURNEY-6", "nobody")
    ]

    assert [a.status_code for a in answers] == [404] * 5
    assert len({a.text for a in answers}) == 1


async def test_a_history_cannot_be_read_without_a_role_that_reads_the_whole_record(
    desk: System, surroundings: Surroundings
) -> None:
    for role in ("operations", "virtual-school", "import"):
        headers = {"authorization": f"Bearer {surroundings.token(role)}"}
        for path in (f"/children/{uuid4()}/history", f"/histories?authority={AUTHORITY}", "/children"):
            assert (await desk["journey"].get(path, headers=headers)).status_code == 403, path
    assert (await desk["journey"].get("/children", headers={"authorization": ""})).status_code == 401


async def test_a_bad_date_is_refused_naming_the_field(desk: System) -> None:
    for field, text in (("true_on", "2026-13-01"), ("true_on", "1772323200"), ("known_on", "2026-01-01T10:00:00")):
        answer = await desk["journey"].get(f"/children/{uuid4()}/history", params={field: text})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["fields"][0]["field"] == field


async def test_every_child_of_an_authority_comes_in_one_stream_and_no_other(desk: System) -> None:
    children = await desk.register(*(f"STREAM-{n}" for n in range(5)), authority="E08000027")
    for child in children:
        await state(desk, child, ROWS, authority="E08000027")

    answer = await desk["journey"].get("/histories", params={"authority": "E08000027"})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["child"] for line in lines} == {str(child) for child in children}
    assert {line["local_id"] for line in lines} == {f"STREAM-{n}" for n in range(5)}
    assert all(len(line["lanes"]["episode"]) == 2 for line in lines)


async def test_the_list_of_children_says_who_is_in_care_and_since_when(desk: System) -> None:
    in_care, left = await desk.register("LIST-1", "LIST-2", authority="E08000028")
    await state(desk, in_care, [ROWS[1]], authority="E08000028")
    await state(desk, left, [ROWS[0], ROWS[1] | {"dec": "2025-01-10", "rec": "E4A"}], authority="E08000028")

    answer = (await desk["journey"].get("/children", params={"authority": "E08000028"})).json()

    rows = [(c["local_id"], c["in_care"], c["on_or_before"], c["entered_on"], c["left_on"]) for c in answer["children"]]
    assert rows == [
        ("LIST-1", True, True, "2024-09-02", None),
        ("LIST-2", False, False, "2024-05-01", "2025-01-10"),
    ]
    assert (answer["total"], answer["pages"]) == (2, 1)


async def test_no_table_of_the_journey_holds_a_local_id_in_plain(desk: System) -> None:
    [child] = await desk.register("SECRET-LOCAL-ID")
    await state(desk, child, ROWS)

    row = await desk.running["journey"].pool.fetchrow("select * from children where subject = $1", child)

    assert row is not None
    assert "SECRET-LOCAL-ID" not in str(dict(row))
    assert "SECRET-LOCAL-ID" not in bytes(row["state"]).decode()
