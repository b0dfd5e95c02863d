"""Bad requests: every one is a problem document that says what is wrong, and none of them changes anything."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.system import AUTHORITY, SERVICES, System

ENTRY = {"on": "2026-10-05", "legal_status": "C2", "category_of_need": "N1", "placement_type": "U6"}
NDJSON = {"content-type": "application/x-ndjson"}
IMPORTERS = [service for service in SERVICES if service != "journey"]


def line(child: object, **changes: Any) -> str:
    said = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026, "tables": {}}
    return json.dumps(said | changes)


def is_problem(answer: httpx.Response, status: int) -> bool:
    document = answer.json()
    typed = answer.headers["content-type"].startswith("application/problem+json")
    return (
        typed and answer.status_code == document["status"] == status and bool(document["title"] and document["detail"])
    )


@pytest.mark.parametrize("service", IMPORTERS)
async def test_a_statement_that_is_no_json_is_refused(system: System, service: str) -> None:
    answer = await system[service].post("/returns/ssda903", content="{not json", headers=NDJSON)

    assert is_problem(answer, 422)


@pytest.mark.parametrize("service", IMPORTERS)
async def test_a_statement_larger_than_is_taken_is_refused(system: System, service: str) -> None:
    answer = await system[service].post("/returns/ssda903", content=b" " * (8 * 1024 * 1024 + 1), headers=NDJSON)

    assert is_problem(answer, 413)


@pytest.mark.parametrize("service", IMPORTERS)
async def test_a_statement_of_a_child_nobody_registered_is_refused(system: System, service: str) -> None:
    answer = await system[service].post("/returns/ssda903", content=line(uuid4()), headers=NDJSON)

    assert is_problem(answer, 404)


@pytest.mark.parametrize("service", IMPORTERS)
async def test_a_statement_by_a_token_without_the_right_is_refused(system: System, service: str) -> None:
    [child] = await system.register(f"REFUSED-{service}")
    for token in (
        system.surroundings.token("review"),
        system.surroundings.token("import", authorities=["E09000001"]),
    ):
        headers = NDJSON | {"authorization": f"Bearer {token}"}
        answer = await system[service].post("/returns/ssda903", content=line(child), headers=headers)
        assert is_problem(answer, 403)


async def test_a_historic_load_needs_a_role_of_its_own(system: System) -> None:
    [child] = await system.register("REFUSED-HISTORIC")
    headers = NDJSON | {"authorization": f"Bearer {system.surroundings.token('import')}"}

    body = line(child, known_from="2024-06-30")
    answer = await system["placement"].post("/returns/ssda903", content=body, headers=headers)

    assert is_problem(answer, 403)


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer not.a.token", "Basic dXNlcjpwYXNz"])
async def test_a_request_without_a_valid_token_is_refused(system: System, token: str) -> None:
    for service in SERVICES:
        answer = await system[service].get("/operations/lag", headers={"authorization": token})
        assert is_problem(answer, 401)


async def test_a_command_with_a_stale_version_or_a_broken_rule_is_refused(system: System) -> None:
    [child] = await system.register("REFUSED-STALE")
    post, path = system["placement"].post, f"/children/{child}/care"
    first = await post(path, json=ENTRY)

    stale = await post(path, json=ENTRY, headers={"if-match": '"1"'})
    second = await post(path, json=ENTRY | {"on": "2026-10-06"})
    future = await post(f"/children/{child}/moves", json={"on": "2999-01-01", "placement_type": "K2"})

    assert first.status_code == 201
    assert (is_problem(stale, 412), is_problem(second, 409), is_problem(future, 409)) == (True, True, True)


async def test_a_command_sent_twice_is_answered_twice_and_done_once(system: System) -> None:
    [child] = await system.register("REFUSED-TWICE")
    headers = {"idempotency-key": str(uuid4())}

    answers = [await system["placement"].post(f"/children/{child}/care", json=ENTRY, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["facts"] > 0
    await system.settled()
    history = (await system["journey"].get(f"/children/{child}/history")).json()
    assert len(history["lanes"]["care"]) == len(history["lanes"]["episode"]) == 1


async def test_a_command_that_names_a_field_nobody_knows_says_which(system: System) -> None:
    [child] = await system.register("REFUSED-FIELD")

    answer = await system["placement"].post(f"/children/{child}/care", json=ENTRY | {"colour": "blue"})

    assert is_problem(answer, 422)
    assert [one["field"] for one in answer.json()["fields"]] == ["colour"]
