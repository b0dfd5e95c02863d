from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import asyncpg
import pytest_asyncio

from events.correction import FactCorrected
from events.placement import ChildDetailsRecorded
from tests.fixtures.system import Surroundings
from tests.integration.leaving_care.clockwork import DATABASE, Child, Clockwork, clockwork, eventually

BORN = date(2008, 3, 14)
SIXTEEN = ("turned_sixteen", "2024-03-14")
EIGHTEEN = ("turned_eighteen", "2026-03-14")
ALL = [SIXTEEN, EIGHTEEN, ("turned_twenty_one", "2029-03-14"), ("turned_twenty_five", "2033-03-14")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wheels(surroundings: Surroundings) -> AsyncIterator[Clockwork]:
    async with clockwork(surroundings) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def child(wheels: Clockwork) -> Child:
    """A child of fifteen in care, whose sixteenth birthday is waited for."""
    wheels.clock.set("2024-01-01")
    made = Child(wheels)
    async with wheels.running() as running:
        await made.is_registered(running)
        await made.enters_care(running, BORN)
        await eventually("a timer for the sixteenth birthday", lambda: wheels.waits(made.subject))
    return made


async def test_a_timer_fires_once_also_when_the_service_starts_again_and_facts_are_redelivered(
    wheels: Clockwork, child: Child
) -> None:
    assert await wheels.waits(child.subject) == datetime(2024, 3, 14, tzinfo=UTC)
    wheels.clock.set("2024-06-01")
    async with wheels.running():
        await eventually("the sixteenth birthday", lambda: wheels.turned(child.subject))
    heard = await wheels.heard()

    async def heard_again() -> bool:
        return await wheels.heard() == heard + 4

    async with wheels.running():
        await child.is_delivered(child.published * 2)
        await eventually("the redelivered facts", heard_again)

    assert await wheels.turned(child.subject) == [SIXTEEN]
    assert await wheels.waits(child.subject) == datetime(2026, 3, 14, tzinfo=UTC)


async def test_a_recorded_birthday_reaches_the_table_of_birthdays_over_kafka(wheels: Clockwork, child: Child) -> None:
    wheels.clock.set("2024-06-01")
    shown = "select turned_sixteen_on from birthdays where subject = $1"
    async with wheels.running():
        day = await eventually("the birthday shown", lambda: wheels.database.fetchval(shown, child.subject))

    assert day == date(2024, 3, 14)


async def test_a_corrected_date_of_birth_retracts_what_was_recorded_and_records_anew(
    wheels: Clockwork, child: Child
) -> None:
    wheels.clock.set("2024-06-01")
    replacement = ChildDetailsRecorded(sex="F", date_of_birth=date(2008, 4, 1)).model_dump(mode="json")
    change = FactCorrected(corrects=child.published[0].id, type=ChildDetailsRecorded.wire, replacement=replacement)
    async with wheels.running() as running:
        await eventually("the sixteenth birthday", lambda: wheels.turned(child.subject))
        await child.publishes(running.keys, change)
        retracted = "select count(*) = 3 from fact where subject = $1"
        await eventually("the new birthday", lambda: wheels.database.fetchval(retracted, child.subject))

    assert await wheels.turned(child.subject) == [
        SIXTEEN,
        ("fact_retracted", SIXTEEN[1]),
        ("turned_sixteen", "2024-04-01"),
    ]
    assert await wheels.waits(child.subject) == datetime(2026, 3, 31, 23, tzinfo=UTC)


async def test_a_child_whose_key_was_destroyed_has_no_birthday_recorded_and_its_timer_is_gone(
    wheels: Clockwork, child: Child, surroundings: Surroundings
) -> None:
    keys = await asyncpg.connect(surroundings.admin_dsn.rsplit("/", 1)[0] + "/keys")
    await keys.execute("update subject_key set wrapped = null, destroyed_at = now() where subject = $1", child.subject)
    await keys.close()
    wheels.clock.set("2024-06-01")

    async def timer_is_gone() -> bool:
        return await wheels.waits(child.subject) is None

    async with wheels.running():
        await eventually("the timer to go", timer_is_gone)
    assert await wheels.turned(child.subject) == []


async def test_the_application_role_cannot_change_a_recorded_birthday(wheels: Clockwork) -> None:
    connection = await asyncpg.connect(wheels.surroundings.dsn("leaving_care", DATABASE))
    allowed = await connection.fetchval("select has_table_privilege('fact', 'update, delete')")
    await connection.close()

    assert allowed is False


async def test_years_that_passed_while_the_service_was_down_come_at_once_and_once_over_two_schedulers(
    wheels: Clockwork, child: Child
) -> None:
    wheels.clock.set("2040-01-01")
    async with wheels.running() as one, wheels.running("1") as two:
        await eventually("all birthdays", lambda: wheels.turned(child.subject))
        async with one.pool.acquire() as first, two.pool.acquire() as second:
            await one.reactions.fire(first)
            await two.reactions.fire(second)

    assert await wheels.turned(child.subject) == ALL
    assert await wheels.waits(child.subject) is None
