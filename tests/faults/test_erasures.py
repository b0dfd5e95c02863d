"""A child is forgotten while facts are applied, a projection is rebuilt and a topic is published once more."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.faults.conftest import Trial
from tests.faults.evidence import read_topics
from tests.faults.rebuilding import rebuild
from tests.faults.test_rebuilds_and_timers import seventeen
from tests.faults.waiting import until
from tests.faults.world import World

TABLES = "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname <> all($1)"
UNKNOWN = 404
SYSTEM = ["pg_catalog", "information_schema"]


@pytest.mark.faults(case=22, ci=False)
@pytest.mark.timeout(600)
async def test_case_22_a_child_whose_key_goes_while_all_goes_on_is_forgotten_and_nothing_stops(trial: Trial) -> None:
    world, load = trial.world, trial.load
    child = await seventeen(trial)
    others = await load.known_children(2)
    await load.heard([child])
    async with load.under_way(others):
        await load.assess([child], 5)
        await destroy_key(world, child)
        assert await rebuild(world) == 0
        await republish(world)
        for service in ("health", "leaving_care"):
            await world.restarted(service)
        assert await load.once(load.assessment(child)) == UNKNOWN
        await load.more(20)
        assert await rebuild(world, "rebuild.after_shard") < 0
        assert await rebuild(world) == 0
    await until_no_timer(world, child)
    assert [place async for place in told_of(world, birthday())] == []


def birthday() -> str:
    """The day on which a child who is seventeen was born: sealed wherever it is kept."""
    return (datetime.now(UTC).date() - timedelta(days=365 * 17 + 200)).isoformat()


async def destroy_key(world: World, child: UUID) -> None:
    """What erasing a child comes down to."""
    async with world.admin("keys") as admin:
        done = await admin.execute(
            "update subject_key set wrapped = null, destroyed_at = now() where subject = $1", child
        )
    assert done == "UPDATE 1"


async def republish(world: World) -> None:
    """Have placement publish everything once more."""
    replica = await world.replica("placement")
    bearer = {"authorization": f"Bearer {world.token('operations')}"}
    answer = await replica.http.post("/operations/republish", json={}, headers=bearer, timeout=60)
    answer.raise_for_status()


async def until_no_timer(world: World, child: UUID) -> None:
    """A birthday would give away the date of birth: it is kept no longer than the key."""
    async with world.admin("leaving_care") as admin:
        await admin.execute("update timer set due_at = now() where subject = $1", child)

        async def gone() -> bool:
            return not await admin.fetchval("select count(*) from timer where subject = $1", child)

        await until(gone, "no timer of the forgotten child")


async def told_of(world: World, plain: str) -> AsyncIterator[str]:
    """Where something stands in plain text: in records, in log files, in any table of any service."""
    for log in sorted(world.folder.glob("*.log")):
        if plain in log.read_text(errors="replace"):
            yield log.name
    topics = sorted({topic for service in world.services for topic in world.parts(service).topics})
    records, _ = await read_topics(world.bootstrap, topics)
    for record in records:
        if plain.encode() in (record.value or b"") + b" ".join(record.envelope.values()):
            yield record.topic
    for service in world.services:
        async with world.admin(service) as admin:
            for (table,) in await admin.fetch(TABLES, SYSTEM):
                found = f"select exists(select from {table} t where t::text like any($1))"
                if await admin.fetchval(found, [f"%{plain}%", f"%{plain.encode().hex()}%"]):
                    yield f"{service} {table}"
