"""Whose children a return brings: claims at the register, over the real database."""

import asyncio
import itertools
from typing import Any, Final

import asyncpg
import httpx
import pytest

from carejourney.telemetry import REGISTRY
from tests.fixtures.system import System

_codes: Final = itertools.count(1)
Child = tuple[str, str]


def an_authority() -> str:
    """An authority of one test alone."""
    return f"E07{next(_codes) + 900_000}"


def children_of(authority: str, count: int = 4) -> list[Child]:
    return [(f"{authority} {number}", f"2012-03-{number + 1:02}") for number in range(count)]


async def claim(system: System, authority: str, children: list[Child], **parts: Any) -> httpx.Response:
    named = [{"local_id": local_id, "born": born} for local_id, born in children]
    body = {"authority": authority, "of": len(children), "children": named, **parts}
    return await system["placement"].post("/returns/claims", json=body)


async def brought(system: System, authority: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await system.running["placement"].pool.fetch(
        "select * from child_brought where authority = $1", authority
    )
    return rows


def tallied(answer: httpx.Response) -> tuple[int, dict[str, int]]:
    """How many children others have brought, and how many each."""
    found = answer.raise_for_status().json()
    return found["children"], found["authorities"]


async def some_minutes_pass(system: System, authority: str) -> None:
    """The authority's claims are older than any import that is under way."""
    await system.running["placement"].pool.execute(
        "update child_brought set brought_at = brought_at - interval '3 minutes' where authority = $1", authority
    )


async def taken(system: System, authority: str, children: list[Child]) -> None:
    """A return that was claimed, and whose children are in the authority's register."""
    assert (await claim(system, authority, children)).status_code == 200
    await system.register(*(local_id for local_id, _ in children), authority=authority)
    await some_minutes_pass(system, authority)


def born_a_year_later(children: list[Child]) -> list[Child]:
    return [(local_id, born.replace("2012", "2013")) for local_id, born in children]


async def test_a_return_of_another_authoritys_children_is_refused_with_its_code_and_claims_nothing(
    system: System,
) -> None:
    first, other = an_authority(), an_authority()
    children = children_of(first)
    assert tallied(await claim(system, first, children)) == (0, {})
    answer = await claim(system, other, children[:3] + children_of(other, 1))
    assert answer.status_code == 409
    assert "3 of its 4 children" in answer.json()["detail"]
    assert f"{first} (3)" in answer.json()["detail"]
    assert await brought(system, other) == []


async def test_the_same_authority_may_claim_its_children_again(system: System) -> None:
    first = an_authority()
    for _ in range(2):
        assert (await claim(system, first, children_of(first))).status_code == 200
    assert len(await brought(system, first)) == 4


async def test_half_of_the_children_may_stand_under_another_authority(system: System) -> None:
    first, other = an_authority(), an_authority()
    await claim(system, first, children_of(first))
    answer = await claim(system, other, children_of(first, 2) + children_of(other, 2))
    assert tallied(answer) == (2, {first: 2})
    assert len(await brought(system, other)) == 4


async def test_the_same_local_id_with_another_date_of_birth_is_another_child(system: System) -> None:
    first, other = an_authority(), an_authority()
    await claim(system, first, children_of(first))
    assert tallied(await claim(system, other, born_a_year_later(children_of(first)))) == (0, {})


async def test_a_claim_of_an_import_that_took_nothing_lapses_after_some_minutes(system: System) -> None:
    mistyped, right = an_authority(), an_authority()
    children = children_of(mistyped)
    await claim(system, mistyped, children)
    assert (await claim(system, right, children)).status_code == 409
    await some_minutes_pass(system, mistyped)
    assert tallied(await claim(system, right, children)) == (0, {})
    assert (await claim(system, mistyped, children)).status_code == 409


async def test_a_claim_of_children_whom_the_register_holds_never_lapses(system: System) -> None:
    first, other = an_authority(), an_authority()
    await taken(system, first, children_of(first))
    assert (await claim(system, other, children_of(first))).status_code == 409


async def test_an_import_begun_again_is_under_way_again(system: System) -> None:
    first, other = an_authority(), an_authority()
    await claim(system, first, children_of(first))
    await some_minutes_pass(system, first)
    await claim(system, first, children_of(first))
    assert (await claim(system, other, children_of(first))).status_code == 409


async def test_other_dates_of_birth_of_most_registered_children_are_refused_until_confirmed(system: System) -> None:
    authority = an_authority()
    children = children_of(authority, 8)
    await taken(system, authority, children)
    others = born_a_year_later(children[:5]) + children[5:]
    answer = await claim(system, authority, others)
    assert (answer.status_code, answer.json()["rule"]) == (409, "other_births")
    assert "of the 8 children" in answer.json()["detail"]
    assert len(await brought(system, authority)) == 8
    assert (await claim(system, authority, others, births_corrected=True)).status_code == 200
    assert (await claim(system, authority, others)).status_code == 200


@pytest.mark.parametrize(("known", "changed"), [(4, 4), (10, 5)])
async def test_few_other_dates_of_birth_are_corrections(system: System, known: int, changed: int) -> None:
    authority = an_authority()
    children = children_of(authority, known)
    await taken(system, authority, children)
    answer = await claim(system, authority, born_a_year_later(children[:changed]) + children[changed:])
    assert (answer.status_code, answer.json()["other_births"]) == (200, changed)


async def test_other_dates_of_birth_are_judged_over_all_parts_of_a_return(system: System) -> None:
    authority = an_authority()
    children = children_of(authority, 12)
    await taken(system, authority, children)
    others = born_a_year_later(children[:5])
    part = await claim(system, authority, others, of=12, hold=False)
    last = await claim(system, authority, children[5:], of=12, counted=part.json(), hold=False)
    assert (last.json()["known"], last.json()["other_births"]) == (12, 5)


async def test_facts_of_the_register_are_counted_as_recorded(system: System) -> None:
    def recorded() -> float:
        labels = {"service": "placement", "topic": "care.placement"}
        return REGISTRY.get_sample_value("carejourney_facts_recorded_total", labels) or 0.0

    before, authority = recorded(), an_authority()
    await system.register("one", "two", authority=authority)
    await system.register("one", "two", authority=authority)
    assert recorded() == before + 2


async def test_children_confirmed_to_stand_under_both_authorities_are_its_own_from_then_on(system: System) -> None:
    first, other, third = an_authority(), an_authority(), an_authority()
    children = children_of(first)
    await claim(system, first, children)
    assert (await claim(system, other, children, also_loaded_for=[third])).status_code == 409
    assert (await claim(system, other, children, also_loaded_for=[first])).status_code == 200
    assert (await claim(system, other, children)).status_code == 200
    refused = await claim(system, third, children, also_loaded_for=[other])
    assert f"{first} (4)" in refused.json()["detail"]
    assert other not in refused.json()["detail"]


async def test_parts_are_judged_with_what_was_counted_before_and_only_asked_without_hold(system: System) -> None:
    first, other = an_authority(), an_authority()
    children = children_of(first)
    await claim(system, first, children)
    part = await claim(system, other, children[:2], of=5, hold=False)
    assert tallied(part) == (2, {first: 2})
    last = await claim(system, other, children[2:], of=5, counted=part.json(), hold=False)
    assert "4 of its 5 children" in last.json()["detail"]
    assert await brought(system, other) == []


async def test_of_two_claims_of_the_same_children_at_once_one_is_refused(system: System) -> None:
    first, other = an_authority(), an_authority()
    children = children_of(first)
    answers = await asyncio.gather(claim(system, first, children), claim(system, other, children))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_nothing_plain_is_kept_of_a_claimed_child(system: System) -> None:
    first = an_authority()
    await claim(system, first, children_of(first, 1))
    (row,) = await brought(system, first)
    assert set(dict(row)) == {"child_digest", "local_id_digest", "authority", "brought_at"}
    plain = (first, "2012-03-01")
    assert not any(part in row[f"{of}_digest"] for part in plain for of in ("child", "local_id"))


async def test_a_claim_needs_the_import_role_for_the_authority_and_bounded_parts(system: System) -> None:
    first, other = an_authority(), an_authority()
    token = system.surroundings.token("import", authorities=[other])
    body = {"authority": first, "of": 1, "children": []}
    headers = {"authorization": f"Bearer {token}"}
    assert (await system["placement"].post("/returns/claims", json=body, headers=headers)).status_code == 403
    too_many = await claim(system, first, [("SAMPLE", "2012-03-01")] * 5_001)
    assert too_many.status_code == 422


async def test_the_service_cannot_change_what_was_brought(system: System) -> None:
    pool = system.running["placement"].pool
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("update child_brought set authority = 'E09000099'")
