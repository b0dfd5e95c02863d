"""Changing the master key while the system serves: a new version, every key wrapped anew, the old one retired.

Each batch is read, wrapped anew and written back where nothing changed meanwhile, so an interrupted rotation is
simply run again, two at once harm nothing, and no transaction waits for a key management service.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag

from carejourney.errors import Refusal
from carejourney.ids import derived_id
from carejourney.keys.store import note_masters
from carejourney.keys.wrapping import Wrapped, Wrapper

BATCH: Final = 500

_LEFT: Final = """
select subject, wrapped from subject_key
where master is distinct from $1 and wrapped is not null and subject > $2 order by subject limit $3
"""
_WRITE: Final = """
update subject_key k set wrapped = n.wrapped, master = n.master
from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[]) as n(subject, old, wrapped, master)
where k.subject = n.subject and k.wrapped = n.old
"""
_USED: Final = """
select m.name, m.known_since, m.retired_at,
  (select count(*) from subject_key k where k.master = m.name and k.wrapped is not null) as keys,
  (select count(*) from secret s where s.master = m.name) as secrets
from master_key m order by m.known_since, m.name
"""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the master key: how many keys and secrets it wraps, and whether it wraps new ones."""

    name: str
    keys: int
    secrets: int
    current: bool
    retired: bool


async def status(connection: asyncpg.Connection, wrapper: Wrapper) -> list[Version]:
    """The versions, oldest first; keys from before versions had names stand under `unnamed`."""
    newest = await wrapper.current()
    rows = await connection.fetch(_USED)
    found = [
        Version(r["name"], r["keys"], r["secrets"], r["name"] == newest, r["retired_at"] is not None) for r in rows
    ]
    if newest not in {one.name for one in found}:
        found.append(Version(newest, 0, 0, current=True, retired=False))
    unnamed = await connection.fetchval("select count(*) from subject_key where master is null and wrapped is not null")
    return [Version("unnamed", unnamed, 0, current=False, retired=False), *found] if unnamed else found


async def rewrap(connection: asyncpg.Connection, wrapper: Wrapper) -> AsyncGenerator[int]:
    """Wrap by the newest version whatever an older one wraps; how many keys so far, after each batch.

    A damaged key keeps nobody else's from being wrapped anew: when all are done, `Refusal` names whose it is.
    """
    newest = await wrapper.current()
    await note_masters(connection, [newest])
    await _rewrap_secrets(connection, wrapper, newest)
    done, last, damaged = 0, UUID(int=0), list[UUID]()
    while rows := await connection.fetch(_LEFT, newest, last, BATCH):
        last = rows[-1]["subject"]
        fresh = await _rewrapped(wrapper, {row["subject"]: row["wrapped"] for row in rows})
        damaged += [row["subject"] for row in rows if row["subject"] not in fresh]
        old = [row["wrapped"] for row in rows if row["subject"] in fresh]
        new = fresh.values()
        await connection.execute(_WRITE, list(fresh), old, [one.sealed for one in new], [one.master for one in new])
        done += len(fresh)
        yield done
    if damaged:
        raise Refusal(
            f"{done} keys were wrapped anew; these opened with no version of the master key: "
            f"{', '.join(map(str, damaged))}. Put their rows of subject_key back from a backup of the key store, then"
            " run `carejourney keys rotate --resume`"
        )


async def _rewrapped(wrapper: Wrapper, keys: dict[UUID, bytes]) -> dict[UUID, Wrapped]:
    """By subject, what wraps its key now; without those that are damaged."""
    try:
        return dict(zip(keys, await wrapper.rewrap_all(list(keys.items())), strict=True))
    except (InvalidTag, ValueError):
        if len(keys) == 1:
            return {}
    alone = [await _rewrapped(wrapper, {subject: wrapped}) for subject, wrapped in keys.items()]
    return {subject: fresh for one in alone for subject, fresh in one.items()}


async def _rewrap_secrets(connection: asyncpg.Connection, wrapper: Wrapper, newest: str) -> None:
    for row in await connection.fetch("select name, wrapped from secret where master <> $1", newest):
        (fresh,) = await wrapper.rewrap_all([(derived_id("secret", row["name"]), row["wrapped"])])
        await connection.execute(
            "update secret set wrapped = $3, master = $4 where name = $1 and wrapped = $2",
            row["name"], row["wrapped"], fresh.sealed, fresh.master,
        )  # fmt: skip


async def retire(connection: asyncpg.Connection, wrapper: Wrapper) -> list[str]:
    """Give up every older version; raises `Refusal` while one of them still wraps a key."""
    newest = await wrapper.current()
    async with connection.transaction():
        await connection.execute("select from master_key where name <> $1 for update", newest)
        used = [one for one in await status(connection, wrapper) if not one.current and one.keys + one.secrets]
        if used:
            left = ", ".join(f"{one.name}: {one.keys + one.secrets}" for one in used)
            raise Refusal(f"older versions still wrap keys ({left}); run `carejourney keys rotate --resume` first")
        rows = await connection.fetch(
            "update master_key set retired_at = now() where name <> $1 and retired_at is null returning name", newest
        )
    names = [row["name"] for row in rows]
    await wrapper.retire(names)
    return names
