"""A child is forgotten while facts are applied, a projection is rebuilt and a topic is published once more."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from carejourney.telemetry import APPLY_SPAN, COMMAND_SPAN, RELAY_SPAN
from tests.faults.collector import traced
from tests.faults.conftest import Trial
from tests.faults.evidence import read_topics
from tests.faults.load import AUTHORITY, Load
from tests.faults.rebuilding import rebuild
from tests.faults.test_odd_records import redrive, refusing, until_parked
from tests.faults.waiting import until
from tests.faults.world import World

TABLES = "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname <> all($1)"
UNKNOWN = 404
SYSTEM = ["pg_catalog", "information_schema"]


@dataclass(frozen=True)
class Told:
    """What is personal about a generated child and is sealed wherever it is kept."""

    local_id: str = field(default_factory=lambda: f"CANARY{uuid4().hex[:12].upper()}")
    # Seventeen years old, so that a birthday is waited for.
    born: str = field(default_factory=lambda: f"{datetime.now(UTC).date() - timedelta(days=365 * 17 + 200)}")
    home: str = "B97 4QX"
    placed: str = "WV16 9ZJ"

    def words(self) -> list[str]:
        """Each as it may stand somewhere."""
        postcodes = [self.home, self.placed]
        return [self.local_id, self.born, *postcodes, *(one.replace(" ", "") for one in postcodes)]


@pytest.mark.faults(case=22, ci=False)
@pytest.mark.timeout(600)
async def test_case_22_a_child_whose_key_goes_while_all_goes_on_is_forgotten_and_nothing_stops(trial: Trial) -> None:
    world, load, told = trial.world, trial.load, Told()
    async with traced(world) as collector:
        child = await recorded(trial, told)
        others = await load.known_children(2)
        async with load.under_way(others):
            await load.assess([child], 5)
            await parked_for_a_while(world, child, load)
            await destroy_key(world, child)
            assert await rebuild(world) == 0
            await republish(world)
            for service in ("health", "leaving_care"):
                await world.restarted(service, None, **collector.told)
            assert await load.once(load.assessment(child)) == UNKNOWN
            await load.more(20)
            assert await rebuild(world, "rebuild.after_shard") < 0
            assert await rebuild(world) == 0
        await until_no_timer(world, child)
    assert all(name.encode() in collector.received for name in (APPLY_SPAN, RELAY_SPAN, COMMAND_SPAN))
    assert [word for word in told.words() if word.encode() in collector.received] == []
    assert [place for word in told.words() async for place in told_of(world, word)] == []


async def recorded(trial: Trial, told: Told) -> UUID:
    """A child in care of whom all this was stated, and of whom every service has heard."""
    world, load = trial.world, trial.load
    (child,) = await load.named([told.local_id])
    episode = {
        "ref": 0, "decom": "2025-05-01", "rne": "S", "ls": "C2", "cin": "N1", "place": "U6", "place_provider": "PR1",
        "home_post": told.home, "pl_post": told.placed,
    }  # fmt: skip
    tables = {"header": [{"ref": 0, "sex": "2", "dob": told.born, "ethnic": "WBRI"}], "episodes": [episode]}
    line = {"command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2026, "tables": tables}
    replica = await world.replica("placement")
    bearer = {"authorization": f"Bearer {world.token()}"}
    answer = await replica.http.post("/returns/ssda903", content=json.dumps(line), headers=bearer, timeout=40)
    assert answer.raise_for_status().json()["refused"] == []
    await load.heard([child])
    async with world.admin("leaving_care") as admin:

        async def waits() -> bool:
            return bool(await admin.fetchval("select true from timer where subject = $1", child))

        await until(waits, "a timer for the next birthday")
    return child


async def parked_for_a_while(world: World, child: UUID, load: Load) -> None:
    """A bug meets the child's facts: what is written down of it, and logged, holds nothing of the child."""
    async with refusing(world, [child]):
        await load.assess([child])
        await until_parked(world, {("health_record", child)})
    assert (await redrive(world, child=str(child)))["done"] == 1


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
    for log in sorted((*world.folder.glob("*.log"), *world.folder.glob("verify-*.json"))):
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
