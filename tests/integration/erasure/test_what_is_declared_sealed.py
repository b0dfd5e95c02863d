"""What services say they seal in their tables, held against what stands there of a child of whom all was said."""

from uuid import UUID, uuid4

import pytest

from carejourney.cli.connecting import ConnectionProblem
from carejourney.cli.erasing_for_good import issue, language, look, receipt_of
from carejourney.cli.reaching import Reach
from tests.fixtures.system import System
from tests.integration.erasure.erasing import a_canary, erased
from tests.integration.sharing.test_sealing import an_adopted_child, sealed


async def an_adopted_canary(system: System) -> UUID:
    """A child of whom everything is said, an earlier record too."""
    earlier, child = await an_adopted_child(system), await a_canary(system, f"CANARY{uuid4().hex[:12]}")
    (await sealed(system, earlier, child)).raise_for_status()
    return child


async def test_every_envelope_in_a_table_stands_where_one_is_declared_and_every_declared_one_is_seen(
    system: System, reach: Reach
) -> None:
    child = await an_adopted_canary(system)
    await erased(system, child)
    await system.settled()
    seen = {one.place: one.sealed_at for one in await look(reach, child) if one.sealed_at}
    assert seen == {table: paths for table, paths in language().by_table.items() if paths}


def in_plain_text(table: str, name: str) -> str:
    """A statement that puts a plain text in the place of the envelopes of one name in a child's state."""
    changed = f"""regexp_replace(convert_from(state, 'UTF8'), '"{name}":"sealed[^"]*"', '"{name}":"103456"')"""
    return f"update {table} set state = convert_to({changed}, 'UTF8') where subject = $1"


EDITS = {
    "education.virtual_roll: a personal field in plain text in state, urn": in_plain_text("virtual_roll", "urn"),
    "education.virtual_roll: a personal field in plain text in state, born": in_plain_text("virtual_roll", "born"),
    "journey.identity_links: a personal field in plain text in state, upn": in_plain_text("identity_links", "upn"),
    "placement.placement_record: a personal field in plain text in school_urn": (
        "update placement_record set school_urn = '103456' where subject = $1"
    ),
    "placement.earlier_record: a personal field in plain text in earlier": (
        "insert into earlier_record (subject, earlier) values ($1, gen_random_uuid()::text)"
    ),
}


async def test_no_receipt_is_given_where_a_table_holds_in_plain_text_what_it_seals(
    system: System, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await a_canary(system, f"CANARY{uuid4().hex[:12]}")
    erasure = await erased(system, child)
    await issue(reach, erasure)
    for told, statement in EDITS.items():
        await system.running[told.partition(".")[0]].pool.execute(statement, child)
    monkeypatch.setattr("carejourney.cli.erasing_for_good.PATIENCE", 0)
    async with reach.key_store() as (pool, _):
        await pool.execute("delete from receipt where erasure = $1", erasure)
        with pytest.raises(ConnectionProblem) as refused:
            await receipt_of(reach, erasure)
        assert not await pool.fetchval("select count(*) from receipt where erasure = $1", erasure)
    left = {f"{one.place}: {fault}" for one in await look(reach, child) for fault in one.faults}
    assert left == set(EDITS)
    assert all(told in str(refused.value) for told in EDITS)
