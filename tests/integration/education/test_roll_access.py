import httpx
import pytest

from carejourney.ids import new_id
from tests.fixtures.system import AUTHORITY, Surroundings, System
from tests.integration.education.neighbours import Neighbours

OWN, OTHER = "E06000001", "E06000002"


def _as(surroundings: Surroundings, *roles: str, authorities: tuple[str, ...] = (OWN,)) -> dict[str, str]:
    return {"authorization": f"Bearer {surroundings.token(*roles, authorities=authorities)}"}


async def _roll(education: System, headers: dict[str, str], **params: str | int) -> httpx.Response:
    return await education["education"].get("/roll", params=params, headers=headers)


@pytest.mark.parametrize("role", ["virtual-school", "social-work", "review"])
async def test_those_who_work_with_the_child_may_read_the_roll(
    education: System, surroundings: Surroundings, role: str
) -> None:
    assert (await _roll(education, _as(surroundings, role))).status_code == 200


@pytest.mark.parametrize("role", ["operations", "health", "import", "leaving-care"])
async def test_other_roles_may_not_read_the_roll(education: System, surroundings: Surroundings, role: str) -> None:
    assert (await _roll(education, _as(surroundings, role))).status_code == 403


async def test_a_roll_of_another_authority_is_refused(education: System, surroundings: Surroundings) -> None:
    assert (await _roll(education, _as(surroundings, "virtual-school"), authority=OTHER)).status_code == 403


async def test_a_token_for_several_authorities_must_say_which(education: System, surroundings: Surroundings) -> None:
    answer = await _roll(education, _as(surroundings, "virtual-school", authorities=(OWN, OTHER)))

    assert (answer.status_code, answer.json()["field"]) == (422, "authority")


async def test_a_roll_holds_the_children_of_its_authority_only(
    education: System, surroundings: Surroundings, neighbours: Neighbours
) -> None:
    await neighbours.a_child_in_care("SAME-1", authority=OWN)
    await neighbours.a_child_in_care("SAME-1", authority=OTHER)
    await neighbours.heard()

    found = (await _roll(education, _as(surroundings, "virtual-school"), q="SAME-1")).json()

    assert (found["authority"], found["total"]) == (OWN, 1)


async def test_a_child_of_another_authority_is_not_found(
    education: System, surroundings: Surroundings, neighbours: Neighbours
) -> None:
    child = await neighbours.a_child_in_care("HIDDEN-1", authority=OTHER)
    await neighbours.heard()
    headers = _as(surroundings, "virtual-school")

    read = await education["education"].get(f"/children/{child}/education", headers=headers)
    body = {"on": "2025-11-03", "urn": "990002", "school": "Ash Lane School", "reason": "choice"}
    written = await education["education"].post(f"/children/{child}/school-changes", json=body, headers=headers)

    assert (read.status_code, written.status_code) == (404, 404)


async def test_an_unknown_child_is_not_found(education: System) -> None:
    assert (await education["education"].get(f"/children/{new_id()}/education")).status_code == 404


@pytest.mark.parametrize("params", [{"sort": "date_of_birth"}, {"page": 0}, {"in_care": "perhaps"}, {"size": 9999}])
async def test_a_question_that_cannot_be_read_is_a_problem(education: System, params: dict[str, str | int]) -> None:
    answer = await education["education"].get("/roll", params={"authority": AUTHORITY, **params})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:carejourney:problem:malformed")


async def test_without_a_token_the_api_answers_401(education: System) -> None:
    answer = await education["education"].get("/roll", headers={"authorization": ""})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_the_roll_is_paged_and_sorted(
    education: System, surroundings: Surroundings, neighbours: Neighbours
) -> None:
    for number in range(5):
        await neighbours.a_child_in_care(f"P{number}", entered=f"2025-0{9 - number}-01", authority="E06000003")
    await neighbours.heard()
    headers = _as(surroundings, "virtual-school", authorities=("E06000003",))

    pages = [(await _roll(education, headers, size=2, page=n, sort="-entered")).json() for n in (1, 2, 3, 9)]

    assert [[c["local_id"] for c in page["children"]] for page in pages] == [["P0", "P1"], ["P2", "P3"], ["P4"], ["P4"]]
    assert {page["pages"] for page in pages} == {3}
