"""The key store over PostgreSQL, with a key file and with a key management service."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from carejourney.erasure.ledger import Entry, destroy, entries
from carejourney.errors import Refusal
from carejourney.keys import Keys, Wrapper, rotation
from carejourney.keys.store import LOOK_UP
from tests.fixtures.system import System

CHILDREN = [uuid4() for _ in range(7)]


def an_erasure(subject: UUID) -> Entry:
    now = datetime.now(UTC)
    return Entry(subject, uuid4(), "E08000025", "court_order", "one", now, "two", now)


async def rewrapped(pool: asyncpg.Pool, wrapper: Wrapper) -> int:
    return max([done async for done in rotation.rewrap(pool, wrapper)], default=0)


async def test_every_process_opens_with_the_same_keys_and_the_same_hashes(
    key_store: asyncpg.Pool, wrapper: Wrapper
) -> None:
    one, other = Keys(key_store, wrapper), Keys(key_store, wrapper)
    made = await asyncio.gather(*(keys.of(CHILDREN, create=True) for keys in (one, other)))
    sealed = made[0][CHILDREN[0]].seal("words", "I am here")
    assert made[1][CHILDREN[0]].open("words", sealed) == "I am here"
    assert one.digest("a") == other.digest("a") != one.digest("b")


async def test_an_erased_key_opens_nothing_from_the_next_use_on_though_it_was_remembered(
    key_store: asyncpg.Pool, wrapper: Wrapper
) -> None:
    keys = Keys(key_store, wrapper)
    await keys.of(CHILDREN, create=True)
    await destroy(key_store, an_erasure(CHILDREN[0]))
    assert set(await keys.of(CHILDREN)) == set(CHILDREN[1:])
    assert [keys.erased(child) for child in CHILDREN[:2]] == [True, False]


async def test_an_erased_key_is_not_made_again_nor_put_back_and_the_ledger_keeps_its_first_entry(
    key_store: asyncpg.Pool, wrapper: Wrapper
) -> None:
    keys, erasure = Keys(key_store, wrapper), an_erasure(CHILDREN[0])
    await keys.of(CHILDREN, create=True)
    row = await key_store.fetchrow("select subject, wrapped, master from subject_key where subject = $1", CHILDREN[0])
    await destroy(key_store, erasure)
    await destroy(key_store, an_erasure(CHILDREN[0]))
    await key_store.execute("insert into subject_key (subject, wrapped, master) values ($1, $2, $3)", *row)
    assert await keys.of(CHILDREN[:1], create=True) == {}
    assert [entry for _, entry in await entries(key_store)] == [erasure]


async def test_the_master_key_is_rotated_while_keys_are_used_and_interrupted_rotations_go_on(
    key_store: asyncpg.Pool, wrapper: Wrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    keys = Keys(key_store, wrapper)
    sealed = {s: key.seal("words", "mine") for s, key in (await keys.of(CHILDREN, create=True)).items()}
    hashed, before = keys.digest("a"), await wrapper.current()
    after = await wrapper.renew()
    interrupted = rotation.rewrap(key_store, wrapper)
    assert await anext(interrupted) == 2
    await interrupted.aclose()
    with pytest.raises(Refusal, match=before):
        async with key_store.acquire() as connection:
            await rotation.retire(connection, wrapper)
    assert await rewrapped(key_store, wrapper) == 5
    async with key_store.acquire() as connection:
        assert await rotation.retire(connection, wrapper) == [before]
    used = {one.name: (one.keys, one.secrets) for one in await rotation.status(key_store, wrapper) if not one.retired}
    assert used == {after: (7, 1)}
    fresh = Keys(key_store, wrapper)
    assert {key.open("words", sealed[s]) for s, key in (await fresh.of(CHILDREN)).items()} == {"mine"}
    assert fresh.digest("a") == hashed


async def test_a_damaged_key_is_named_and_keeps_no_other_from_being_wrapped_anew(
    key_store: asyncpg.Pool, wrapper: Wrapper
) -> None:
    await Keys(key_store, wrapper).of(CHILDREN, create=True)
    spoil = "update subject_key set wrapped = overlay(wrapped placing 'spoilt' from 30) where subject = $1"
    await key_store.execute(spoil, CHILDREN[3])
    newest = await wrapper.renew()
    with pytest.raises(Refusal, match=f"6 keys .* version of the master key: {CHILDREN[3]}. Put"):
        await rewrapped(key_store, wrapper)
    left = await key_store.fetch("select subject from subject_key where master <> $1", newest)
    assert [row["subject"] for row in left] == [CHILDREN[3]]


async def test_what_was_wrapped_by_a_retired_version_is_not_taken(key_store: asyncpg.Pool, wrapper: Wrapper) -> None:
    keys = Keys(key_store, wrapper)
    await keys.of(CHILDREN, create=True)
    (stale,) = await wrapper.wrap_all([(uuid4(), b"k" * 32)])
    await wrapper.renew()
    await rewrapped(key_store, wrapper)
    async with key_store.acquire() as connection:
        await rotation.retire(connection, wrapper)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="retired"):
        await key_store.execute(
            "insert into subject_key (subject, wrapped, master) values ($1, $2, $3)",
            uuid4(),
            stale.sealed,
            stale.master,
        )
    assert len(await keys.of([uuid4()], create=True)) == 1


async def test_the_roles_of_services_cannot_destroy_a_key_but_by_the_registers_one_function(system: System) -> None:
    (child,) = await system.register(f"ROLES{uuid4()}")
    call = "select erase_subject(gen_random_uuid(), gen_random_uuid(), 'a', 'r', 'o', now(), 't', now())"
    for statement in (
        "delete from subject_key", "update secret set wrapped = ''", "delete from erased",
        "insert into receipt (erasure, receipt) values (gen_random_uuid(), '')", "delete from master_key",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await system.running["placement"].keys_pool.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await system.running["journey"].keys_pool.execute(call)
    assert child in await system.running["journey"].keys.of([child])


async def test_a_running_system_reads_on_while_its_master_key_is_rotated_and_retired(system: System) -> None:
    (child,) = await system.register(f"ROTATED{uuid4()}")
    running = system.running["placement"]
    admin = system.surroundings.admin_dsn.rsplit("/", 1)[0] + "/keys"
    async with asyncpg.create_pool(admin, min_size=1, max_size=2) as pool, pool.acquire() as connection:
        administrator = system.surroundings.settings("placement").wrapper()
        newest = await administrator.renew()
        assert await rewrapped(pool, administrator) > 0
        await rotation.retire(connection, administrator)
    fresh = Keys(running.keys_pool, running.wrapper)
    assert child in await fresh.of([child])
    assert await fresh.secret(LOOK_UP) == await running.keys.secret(LOOK_UP)
    (later,) = await system.register(f"LATER{uuid4()}")
    wrapped_by = "select master from subject_key where subject = $1"
    assert await running.keys_pool.fetchval(wrapped_by, later) == newest
    assert len((system.surroundings.folder / Path("master.key")).read_text().split()) == 1
