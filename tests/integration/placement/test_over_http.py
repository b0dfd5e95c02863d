"""Placement over HTTP: commands with their ETags, and what is refused as a problem document."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from tests.builders import a_header, an_episode
from tests.fixtures.system import AUTHORITY, System

ENTRY = {
    "on": "2026-01-12", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
    "placement_provider": "PR1", "home_postcode": "B1 1AA", "placement_postcode": "B13 8DD",
}  # fmt: skip
OTHER = "E06000016"


async def a_child(system: System) -> UUID:
    (child,) = await system.register(f"HTTP{secrets.token_hex(6)}")
    return child


def headers(system: System, *roles: str, authorities: tuple[str, ...] = ("*",), **more: str) -> dict[str, str]:
    token = system.surroundings.token(*roles, authorities=authorities)
    return {"authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in more.items()}}


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"urn:carejourney:problem:{slug}")
    return bool(body["title"] and body["detail"])


def a_line(child: UUID, **parts: Any) -> dict[str, Any]:
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026, "tables": {}}
    return {**line, **parts}


async def state(system: System, *lines: dict[str, Any], **options: Any) -> httpx.Response:
    body = b"\n".join(msgspec.json.encode(line) for line in lines)
    return await system["placement"].post("/returns/ssda903", content=body, **options)


async def test_a_child_just_registered_can_enter_care_at_once(system: System) -> None:
    child = await a_child(system)
    answer = await system["placement"].post(f"/children/{child}/care", json=ENTRY)
    assert (answer.status_code, answer.json()["facts"]) == (201, 4)
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'


async def test_a_key_sent_again_gets_the_same_answer_and_counts_for_one_child(system: System) -> None:
    one, other = await a_child(system), await a_child(system)
    again = {"idempotency-key": "first-of-the-day"}
    first = await system["placement"].post(f"/children/{one}/care", json=ENTRY, headers=again)
    assert (await system["placement"].post(f"/children/{one}/care", json=ENTRY, headers=again)).json() == first.json()
    elsewhere = await system["placement"].post(f"/children/{other}/care", json=ENTRY, headers=again)
    assert (elsewhere.status_code, elsewhere.json()["subject"]) == (201, str(other))


async def test_a_key_used_with_the_token_of_another_authority_tells_nothing(system: System) -> None:
    child = await a_child(system)
    key = str(uuid4())
    path = f"/children/{child}/care"
    await system["placement"].post(path, json=ENTRY, headers={"idempotency-key": key})
    theirs = headers(system, "social-work", authorities=(OTHER,), idempotency_key=key)
    assert is_problem(await system["placement"].post(path, json=ENTRY, headers=theirs), 404, "not-found")


async def test_a_decision_on_a_stale_version_is_refused(system: System) -> None:
    child = await a_child(system)
    entered = await system["placement"].post(f"/children/{child}/care", json=ENTRY)
    change = {"on": "2026-02-03", "legal_status": "C2"}
    path = f"/children/{child}/legal-statuses"
    fresh = await system["placement"].post(path, json=change, headers={"if-match": entered.headers["etag"]})
    assert fresh.status_code == 201
    stale = await system["placement"].post(path, json=change, headers={"if-match": entered.headers["etag"]})
    assert is_problem(stale, 412, "stale-version")
    assert stale.json()["version"] == fresh.json()["version"]


async def test_a_rule_that_is_broken_is_named(system: System) -> None:
    child = await a_child(system)
    answer = await system["placement"].post(f"/children/{child}/care/end", json={"on": "2026-02-03", "reason": "E4A"})
    assert is_problem(answer, 409, "rule-broken")


async def test_an_unknown_child_and_an_unknown_page_are_not_found(system: System) -> None:
    answer = await system["placement"].post(f"/children/{uuid4()}/care", json=ENTRY)
    assert is_problem(answer, 404, "not-found")
    assert is_problem(await system["placement"].get("/nowhere"), 404, "not-found")


async def test_without_a_token_nothing_is_answered(system: System) -> None:
    child = await a_child(system)
    for wrong in ("", "Bearer ", "Bearer nonsense", "Basic abc"):
        answer = await system["placement"].get(f"/children/{child}/placement", headers={"authorization": wrong})
        assert is_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_role_that_has_no_right_is_refused(system: System) -> None:
    child = await a_child(system)
    for path, body in (
        (f"/children/{child}/care", ENTRY),
        ("/subjects/resolve", {"authority": AUTHORITY, "local_ids": []}),
    ):
        answer = await system["placement"].post(path, json=body, headers=headers(system, "operations"))
        assert is_problem(answer, 403, "forbidden")
    line = a_line(child, known_from="2020-01-01")
    assert is_problem(await state(system, line, headers=headers(system, "import")), 403, "forbidden")


@pytest.mark.parametrize(
    "change",
    [{"on": "yesterday"}, {"on": None}, {"legal_status": ""}, {"unheard": "of"}, {"placement_type": "x" * 7}],
)
async def test_a_malformed_command_is_told_which_field(system: System, change: dict[str, Any]) -> None:
    child = await a_child(system)
    answer = await system["placement"].post(f"/children/{child}/care", json={**ENTRY, **change})
    assert is_problem(answer, 422, "malformed")
    assert [field["field"] for field in answer.json()["fields"]] == list(change)


async def test_what_is_no_json_is_a_malformed_request(system: System) -> None:
    child = await a_child(system)
    json = {"content-type": "application/json"}
    answer = await system["placement"].post(f"/children/{child}/care", content=b"{nonsense", headers=json)
    assert is_problem(answer, 422, "malformed")
    stated = await system["placement"].post("/returns/ssda903", content=b"{nonsense")
    assert is_problem(stated, 422, "malformed")
    assert stated.json()["line"] == 1


@pytest.mark.parametrize("path", ["/returns/ssda903", "/subjects/resolve"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_an_oversized_body_is_refused(system: System, path: str, *, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000_000
            await asyncio.sleep(0)

    content = parts() if chunked else b"x" * 10_000_000
    answer = await system["placement"].post(path, content=content, headers={"content-type": "application/json"})
    assert is_problem(answer, 413, "too-large")


@pytest.mark.parametrize(
    "tables",
    [
        {"header": [{"sex": "2"}]},
        {"episodes": [{**an_episode(), "ls": "Q9"}]},
        {"episodes": [{**an_episode(), "decom": None}]},
        {"episodes": [an_episode("soon")]},
        {"header": [a_header(dob="soon")]},
    ],
)
async def test_a_row_that_cannot_be_read_is_malformed_and_repeats_nothing(
    system: System, tables: dict[str, list[dict[str, Any]]]
) -> None:
    child = await a_child(system)
    answer = await state(system, a_line(child, tables=tables))
    assert is_problem(answer, 422, "malformed")
    assert not any(word in answer.text for word in ("Q9", "soon", str(child)))


async def test_a_line_said_again_is_answered_as_before(system: System) -> None:
    child = await a_child(system)
    line = a_line(child, tables={"episodes": [{"ref": 1, **an_episode()}]})
    first = await state(system, line)
    assert first.json()["facts"] == 4
    assert (await state(system, line)).json() == first.json()
    assert (await state(system, {**line, "command_id": str(uuid4())})).json()["facts"] == 0


async def test_a_child_of_one_authority_cannot_be_stated_by_another(system: System) -> None:
    child = await a_child(system)
    await system.settled()
    answer = await state(system, a_line(child, authority=OTHER))
    assert is_problem(answer, 403, "forbidden")


async def test_one_authority_does_not_see_the_children_of_another(system: System) -> None:
    child = await a_child(system)
    await system["placement"].post(f"/children/{child}/care", json=ENTRY)
    await system.settled()
    mine = headers(system, "social-work", authorities=(AUTHORITY,))
    theirs = headers(system, "social-work", authorities=(OTHER,))
    path = f"/children/{child}/placement"
    assert (await system["placement"].get(path, headers=mine)).json()["in_care"] is True
    assert is_problem(await system["placement"].get(path, headers=theirs), 404, "not-found")
    listed = await system["placement"].get("/placements", params={"authority": AUTHORITY}, headers=theirs)
    assert is_problem(listed, 403, "forbidden")


async def test_the_same_local_id_has_one_pseudonym_whoever_asks_at_once(system: System) -> None:
    local_id = f"HTTP{secrets.token_hex(6)}"
    answers = await asyncio.gather(*(system.register(local_id) for _ in range(8)))
    assert len({child for (child,) in answers}) == 1
    (elsewhere,) = await system.register(local_id, authority=OTHER)
    assert elsewhere not in answers[0]
