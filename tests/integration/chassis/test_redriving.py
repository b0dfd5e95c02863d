"""Parked lanes are shown with their fault, and go on in order when the program is mended and somebody says so."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from carejourney.rebuild import rebuild_service
from carejourney.redriving import LANES
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.fixtures.system import Surroundings
from tests.integration.chassis.parked_lanes import MENDED, Site, site
from tests.integration.chassis.probe import ODD_YEAR, Probe, children, parked, says, tallies, until
from tests.integration.chassis.test_projecting import HELD, ODD, made
from tests.integration.chassis.test_reacting import Clock, reminded, reminder

MANY = 1_000


async def with_parked(probe: Probe, surroundings: Surroundings, count: int = 2) -> list[UUID]:
    """Children whose lane was parked by the program with the fault, and one whose was not."""
    async with site(probe, surroundings) as old:
        found = await children(old.running, count + 1)
        for child in found[:-1]:
            await says(old.running, child, HELD, ODD, HELD)
        await says(old.running, found[-1], HELD)
        await probe.caught_up(old.running)
        assert await parked(old.running) == {("tally", child) for child in found[:-1]}
    return found


async def test_a_parked_lane_is_shown_with_its_fault_and_what_waits_behind_it(
    probe: Probe, surroundings: Surroundings
) -> None:
    async with site(probe, surroundings) as place:
        (child,) = await children(place.running, 1)
        facts = await says(place.running, child, HELD, ODD, HELD)
        await probe.caught_up(place.running)
        found = await place.parked()
    (lane,) = found["lanes"]
    assert (found["total"], found["reasons"], found["next"]) == (1, {"ZeroDivisionError": 1}, None)
    assert (lane["service"], lane["projection"], lane["subject"]) == (probe.name, "tally", str(child))
    assert (lane["fact"], lane["type"], lane["topic"]) == (facts[1].id, HealthOutcomesReported.wire, probe.topic)
    assert (lane["waiting"], lane["attempts"]) == (1, 1)
    assert lane["place"].startswith("tests.integration.chassis.probe:")


async def test_a_gap_is_shown_with_the_version_after_which_a_fact_is_missing(
    probe: Probe, surroundings: Surroundings
) -> None:
    (facts,) = await made(probe, 5)
    await probe.produce(facts[0], facts[2], facts[3], facts[4])
    async with site(probe, surroundings, topics=()) as place:
        await probe.caught_up(place.running)
        (lane,) = (await place.parked(reason="gap"))["lanes"]
    assert (lane["projection"], lane["topic"], lane["place"]) == ("gap", probe.topic, "after version 1")
    assert (lane["waiting"], lane["fact"]) == (3, facts[2].id)


async def test_a_rehearsal_says_what_would_happen_and_changes_nothing(probe: Probe, surroundings: Surroundings) -> None:
    found = await with_parked(probe, surroundings)
    async with site(probe, surroundings) as old:
        told = await old.redrive(all=True, dry_run=True)
        assert (told["lanes"], told["done"], told["still_parked"]) == (2, 0, 2)
        (fault,) = told["faults"]
        assert (fault["projection"], fault["reason"], fault["lanes"]) == ("tally", "ZeroDivisionError", 2)
    async with site(probe, surroundings, mended=True) as place:
        told = await place.redrive(all=True, dry_run=True)
        assert (told["lanes"], told["done"], told["still_parked"]) == (2, 2, 0)
        assert await parked(place.running) == {("tally", child) for child in found[:-1]}
        assert (await place.parked())["lanes"][0]["attempts"] == 1


async def test_a_redrive_after_the_mending_folds_in_order_and_twice_is_as_once(
    probe: Probe, surroundings: Surroundings
) -> None:
    found = await with_parked(probe, surroundings)
    async with site(probe, surroundings, mended=True) as place:
        told = await place.redrive(reason="ZeroDivisionError")
        assert (told["lanes"], told["done"], told["still_parked"]) == (2, 2, 0)
        expected = {**dict.fromkeys(found[:-1], 3), found[-1]: 1}
        assert await tallies(place.running) == expected
        assert (await place.redrive(all=True))["lanes"] == 0
        for child in found:
            await says(place.running, child, HELD)
        await probe.caught_up(place.running)
        assert await tallies(place.running) == {child: count + 1 for child, count in expected.items()}


async def test_what_still_fails_stays_parked_and_counts_its_attempts(probe: Probe, surroundings: Surroundings) -> None:
    await with_parked(probe, surroundings, 1)
    async with site(probe, surroundings) as old:
        first = (await old.parked())["lanes"][0]
        assert (await old.redrive(all=True))["still_parked"] == 1
        lane = (await old.parked())["lanes"][0]
    assert (lane["attempts"], lane["since"], lane["fact"]) == (2, first["since"], first["fact"])


@pytest.mark.parametrize("by", ["child", "fact"])
async def test_one_lane_of_many_is_redriven_by_its_name(probe: Probe, surroundings: Surroundings, by: str) -> None:
    one, other, _ = await with_parked(probe, surroundings)
    async with site(probe, surroundings, mended=True) as place:
        (lane,) = (await place.parked(child=str(one)))["lanes"]
        assert (await place.redrive(**{by: lane["subject" if by == "child" else "fact"]}))["done"] == 1
        assert await parked(place.running) == {("tally", other)}


async def test_who_redrove_what_and_when_is_kept(probe: Probe, surroundings: Surroundings) -> None:
    await with_parked(probe, surroundings, 1)
    async with site(probe, surroundings, mended=True) as place:
        await place.redrive(projection="tally")
        (told,) = (await place.client.get("/operations/redrives")).json()["redrives"]
    assert (told["actor"], told["role"], told["selection"]) == ("tester", "operations", {"projection": "tally"})
    assert (told["lanes"], told["done"], told["still_parked"], told["dry_run"]) == (1, 1, 0, False)
    assert told["at"] <= told["ended_at"]


@pytest.mark.parametrize("body", [{}, {"all": True, "reason": "gap"}, {"child": "x"}, {"everything": True}])
async def test_a_redrive_of_nobody_knows_what_is_refused(
    probe: Probe, surroundings: Surroundings, body: dict[str, Any]
) -> None:
    async with site(probe, surroundings) as place:
        answer = await place.client.post("/operations/redrive", json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["parked", "redrives", "redrive", "acknowledge"])
async def test_parked_lanes_are_for_operators_only(probe: Probe, surroundings: Surroundings, path: str) -> None:
    async with site(probe, surroundings) as place:
        method = "POST" if path in {"redrive", "acknowledge"} else "GET"
        body = {"all": True} if path == "redrive" else {"topic": "t", "partition": 0, "offset": 0}
        headers = {"authorization": f"Bearer {surroundings.token('social-work')}"}
        answer = await place.client.request(method, f"/operations/{path}", json=body, headers=headers)
    assert answer.status_code == 403


async def park_many(place: Site, count: int) -> list[UUID]:
    """Parked lanes over facts that the mended program takes."""
    facts = [uuid4() for _ in range(count)]
    await place.running.pool.execute(
        "insert into parked (projection, subject, topic, reason) select 'tally', s, '', 'ZeroDivisionError'"
        " from unnest($1::uuid[]) as w(s)",
        facts,
    )
    return facts


async def test_many_lanes_are_redriven_some_a_transaction_while_facts_arrive(
    probe: Probe, surroundings: Surroundings
) -> None:
    async with site(probe, surroundings, mended=True) as place:
        (child,) = await children(place.running, 1)
        await park_many(place, MANY)

        async def speaking() -> None:
            for _ in range(10):
                await says(place.running, child, HELD)

        told, again, _ = await asyncio.gather(place.redrive(all=True), place.redrive(all=True), speaking())
        await probe.caught_up(place.running)
        assert told["done"] + again["done"] == MANY
        assert await place.running.pool.fetchval("select count(*) from parked") == 0
        assert await tallies(place.running) == {child: 10}
        assert MANY > 3 * LANES


async def test_a_redrive_beside_a_rebuild_ends_as_the_facts_say(probe: Probe, surroundings: Surroundings) -> None:
    found = await with_parked(probe, surroundings, 6)
    async with site(probe, surroundings, mended=True) as place:
        parts = probe.parts(projections=(MENDED,))
        rebuilding = rebuild_service(parts, probe.settings)
        await asyncio.gather(rebuilding, *(place.redrive(all=True) for _ in range(3)))
        assert await parked(place.running) == set()
        assert await tallies(place.running) == {**dict.fromkeys(found[:-1], 3), found[-1]: 1}


async def test_pages_of_parked_lanes_hold_each_lane_once(probe: Probe, surroundings: Surroundings) -> None:
    async with site(probe, surroundings) as place:
        wanted = await park_many(place, 25)
        seen, after = [], None
        while True:
            page = await place.parked(limit=10, **({"after": after} if after else {}))
            seen += [UUID(lane["subject"]) for lane in page["lanes"]]
            after = page["next"]
            if after is None:
                break
    assert len(seen) == 25
    assert set(seen) == set(wanted)


async def test_a_parked_reaction_is_redriven_and_records_what_it_owed(probe: Probe, surroundings: Surroundings) -> None:
    clock = Clock()
    async with site(probe, surroundings, projections=(), reactions=(reminder(probe),), clock=clock) as old:
        (child,) = await children(old.running, 1)
        review = HealthAssessmentHeld(kind="review")
        await says(old.running, child, review, HealthOutcomesReported(year=ODD_YEAR), on="2026-01-05")
        await probe.caught_up(old.running)
        assert (await old.redrive(all=True))["still_parked"] == 1
        await old.running.pool.execute("delete from timer")
    mended = reminder(probe, odd_year=None)
    async with site(probe, surroundings, projections=(), reactions=(mended,), clock=clock) as place:
        assert (await place.redrive(projection="reminder"))["done"] == 1
        assert await reminded(place.running, child) == 1
        assert (await place.redrive(all=True))["lanes"] == 0
        assert await parked(place.running) == set()


async def test_a_record_without_a_fact_is_acknowledged_by_name(probe: Probe, surroundings: Surroundings) -> None:
    (facts,) = await made(probe, 1)
    await probe.produce(facts[0], value=b"{not json")
    async with site(probe, surroundings, topics=()) as place:
        await probe.caught_up(place.running)
        (record,) = (await place.parked())["unreadable"]
        assert (record["subject"], record["acknowledged_by"]) == (str(facts[0].subject), None)
        body = {name: record[name] for name in ("topic", "partition", "offset")}
        assert (await place.client.post("/operations/acknowledge", json=body)).json() == {"acknowledged_by": "tester"}
        assert (await place.client.post("/operations/acknowledge", json=body)).status_code == 404
        assert (await place.parked())["unreadable"] == []
        (record,) = (await place.parked(acknowledged=True))["unreadable"]
        assert record["acknowledged_by"] == "tester"


async def test_a_lane_redriven_while_its_facts_arrive_misses_none(probe: Probe, surroundings: Surroundings) -> None:
    child, _ = await with_parked(probe, surroundings, 1)
    async with site(probe, surroundings, mended=True) as place:

        async def speaking() -> None:
            for _ in range(20):
                await says(place.running, child, HELD)

        await asyncio.gather(speaking(), *(place.redrive(child=str(child)) for _ in range(4)))
        await probe.caught_up(place.running)

        async def all_there() -> bool:
            return (await tallies(place.running)).get(child) == 23

        await until(all_there, "every fact of the child")
