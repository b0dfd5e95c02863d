"""Facts that their owner never recorded are taken out of a copy, and stay out."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from carejourney.envelope import Recorded
from carejourney.ids import new_id
from carejourney.service import build
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, make_probe, parked, says, tallies
from tests.integration.chassis.serving import serving
from tests.integration.chassis.test_damaged_log import forget_everything
from tests.integration.chassis.test_healing import free_port, owned
from tests.integration.chassis.test_operating import HELD, served
from tests.integration.chassis.test_verify import facts_of, verified

REASON = "written by hand in a trial"
Place = tuple[FastAPI, httpx.AsyncClient]


@pytest_asyncio.fixture(loop_scope="session")
async def place(probe: Probe, surroundings: Surroundings) -> AsyncIterator[Place]:
    """A service with its operator's client."""
    async with served(probe) as (app, client):
        client.headers["authorization"] = f"Bearer {surroundings.token('operations')}"
        yield app, client


def stranger(like: Recorded, version: int, **headers: str) -> Recorded:
    """A fact under a valid envelope that nobody recorded."""
    made = {**like.headers, "ce_id": str(new_id()), "ce_streamversion": str(version), **headers}
    return Recorded(made, like.payload, like.topic)


async def dismissed(client: httpx.AsyncClient, status: int = 200, **body: Any) -> Any:
    body = {name: str(value) if isinstance(value, UUID) else value for name, value in body.items()}
    answer = await client.post("/operations/dismiss", json={"reason": REASON, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def with_a_stranger(probe: Probe, app: FastAPI) -> tuple[UUID, Recorded]:
    """A child with two facts of its owner, and a third by other hands."""
    running = app.state.running
    (child,) = await children(running, 1)
    await says(running, child, HELD, HELD)
    await probe.caught_up(running)
    made = stranger((await facts_of(probe, child))[0], 3)
    await probe.produce(made)
    await probe.caught_up(running)
    assert await tallies(running) == {child: 3}
    return child, made


def of_the_copy(report: Any) -> list[tuple[str, int | None]]:
    return [(d.detail, d.version) for d in report.differences if d.check != "kafka"]


async def test_a_fact_nobody_recorded_leaves_the_copy_and_who_did_so_is_kept(probe: Probe, place: Place) -> None:
    app, client = place
    child, made = await with_a_stranger(probe, app)
    assert ("the copy holds a fact that no store holds", 3) in of_the_copy(await verified(probe))
    (told,) = (await dismissed(client, child=child))["dismissed"]
    assert (told["id"], told["version"]) == (made.id, 3)
    assert await tallies(app.state.running) == {child: 2}
    assert of_the_copy(await verified(probe)) == []
    (kept,) = (await client.get("/operations/dismissals")).json()["dismissals"]
    assert (kept["id"], kept["actor"], kept["role"], kept["reason"]) == (made.id, "tester", "operations", REASON)
    assert kept["at"]


async def test_what_was_dismissed_stays_out_when_the_log_is_read_again(
    probe: Probe, surroundings: Surroundings
) -> None:
    async with served(probe) as (app, client):
        client.headers["authorization"] = f"Bearer {surroundings.token('operations')}"
        child, made = await with_a_stranger(probe, app)
        await dismissed(client, fact=made.id)
        await probe.produce(made)
        await probe.caught_up(app.state.running)
        assert await tallies(app.state.running) == {child: 2}
    await forget_everything(probe)
    async with probe.running() as running:
        await probe.caught_up(running)
        assert await tallies(running) == {child: 2}
        await says(running, child, HELD)
        await probe.caught_up(running)
        assert await tallies(running) == {child: 3}


async def test_a_rehearsal_names_them_and_changes_nothing(probe: Probe, place: Place) -> None:
    app, client = place
    child, made = await with_a_stranger(probe, app)
    answer = await dismissed(client, child=child, dry_run=True)
    assert (answer["dry_run"], [one["id"] for one in answer["dismissed"]]) == (True, [made.id])
    assert await tallies(app.state.running) == {child: 3}
    assert (await client.get("/operations/dismissals")).json()["dismissals"] == []


async def test_the_fact_whose_place_a_stranger_had_taken_comes_in(probe: Probe, place: Place) -> None:
    app, client = place
    child, _ = await with_a_stranger(probe, app)
    await says(app.state.running, child, HELD, HELD)
    await probe.caught_up(app.state.running)
    await dismissed(client, child=child)
    assert await tallies(app.state.running) == {child: 4}
    ids = [
        await app.state.running.pool.fetchval(
            f"select array_agg(id order by topic_version) from {table} where subject = $1", child
        )
        for table in ("received", "fact")
    ]
    assert ids[0] == ids[1]
    assert of_the_copy(await verified(probe)) == []


async def test_a_child_known_by_strangers_alone_is_known_no_more(probe: Probe, place: Place) -> None:
    app, client = place
    child, made = await with_a_stranger(probe, app)
    nobody = uuid4()
    await probe.produce(
        *(stranger(made, version, ce_subject=str(nobody)) for version in (1, 2, 9)), key=str(nobody).encode()
    )
    await probe.caught_up(app.state.running)
    assert ("gap", nobody) in await parked(app.state.running)
    assert len((await dismissed(client, child=nobody))["dismissed"]) == 3
    assert await tallies(app.state.running) == {child: 3}
    assert await parked(app.state.running) == set()
    assert not await app.state.running.pool.fetchval("select count(*) from lane where subject = $1", nobody)


async def test_a_fact_that_its_owner_recorded_cannot_be_dismissed(probe: Probe, place: Place) -> None:
    app, client = place
    child, _ = await with_a_stranger(probe, app)
    first = (await facts_of(probe, child))[0]
    problem = await dismissed(client, 404, fact=first.id)
    assert "its owner has not recorded" in problem["detail"]
    assert await tallies(app.state.running) == {child: 3}


async def test_another_service_asks_the_owner_and_dismisses_nothing_while_it_is_away(
    probe: Probe, surroundings: Surroundings
) -> None:
    port = free_port()
    publisher = owned(probe, surroundings, port)
    listener = await make_probe(surroundings, f"listener{uuid4().hex[:8]}")
    told = publisher.settings.model_copy(update={"database_url": listener.settings.database_url})
    hears = Probe(listener.name, told, listener.admin_dsn, listener.owner_dsn)
    async with served(hears, topics=(), listens=(probe.topic,)) as (app, client):
        client.headers["authorization"] = f"Bearer {surroundings.token('operations')}"
        async with serving(build(probe.parts(), probe.settings), port) as owner:
            child, made = await with_a_stranger(probe, owner)
            await probe.caught_up(app.state.running)
            assert await tallies(app.state.running) == {child: 3}
            (gone,) = (await dismissed(client, child=child))["dismissed"]
            assert (gone["id"], await tallies(app.state.running)) == (made.id, {child: 2})
        await dismissed(client, 503, child=child)


@pytest.mark.parametrize("body", [{}, {"fact": str(uuid4()), "child": str(uuid4())}])
async def test_a_dismissal_without_a_clear_choice_is_refused(place: Place, body: dict[str, str]) -> None:
    await dismissed(place[1], 422, **body)


async def test_only_an_operator_dismisses(place: Place, surroundings: Surroundings) -> None:
    headers = {"authorization": f"Bearer {surroundings.token('social-work', 'service')}"}
    body = {"child": str(uuid4()), "reason": REASON}
    answer = await place[1].post("/operations/dismiss", json=body, headers=headers)
    assert answer.status_code == 403


async def test_the_service_itself_can_take_nothing_out_that_was_not_dismissed(probe: Probe, place: Place) -> None:
    app, _ = place
    child, _ = await with_a_stranger(probe, app)
    for statement in ("delete from received where subject = $1", f"select take_out($1, '{probe.topic}', 1)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.state.running.pool.execute(statement, child)
