"""The key store as one service sees it."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carejourney.ids import derived_id
from carejourney.keys.sealing import SubjectKey
from carejourney.keys.wrapping import KEY_BYTES, Wrapped, Wrapper, keyed_hash

REMEMBERED_SECONDS: Final = 60
LOOK_UP: Final = "look-up"
RECEIPTS: Final = "receipts"

_ADD: Final = """
insert into subject_key (subject, wrapped, master) select * from unnest($1::uuid[], $2::bytea[], $3::text[])
on conflict do nothing
"""
_SINCE: Final = "select number, subject from erased where number > $1 order by number"


class Keys:
    """Reads keys in bulk, makes missing ones, remembers them for a minute, and asks for erasures at each use.

    A key that was erased opens nothing from the next use on, in every process: what is remembered is checked against
    the ledger each time.
    """

    def __init__(self, pool: asyncpg.Pool, wrapper: Wrapper, remember: int = 20_000) -> None:
        self._pool = pool
        self._wrapper = wrapper
        self._remember = remember
        self._known: dict[UUID, SubjectKey] = {}
        self._since = time.monotonic()
        self._erased: set[UUID] = set()
        self._ledger = 0
        self._look_up: bytes | None = None

    async def load(self) -> None:
        """Read the secret of the keyed hashes; an installation without one gets it."""
        if self._look_up is None:
            self._look_up = await self.secret(LOOK_UP, self._wrapper.first_look_up())

    def digest(self, text: str) -> str:
        """A keyed hash for exact search by a personal identifier; the same under every master key."""
        if self._look_up is None:
            raise RuntimeError("the key store was not loaded")
        return keyed_hash(self._look_up, text)

    async def ledger(self) -> tuple[int, frozenset[UUID]]:
        """The number of the newest entry in the ledger of erasures, and everybody in it."""
        await self._forget()
        return self._ledger, frozenset(self._erased)

    def erased(self, subject: UUID) -> bool:
        """Whether the subject's key was erased, as of the last use."""
        return subject in self._erased

    async def of(self, subjects: Iterable[UUID], *, create: bool = False) -> dict[UUID, SubjectKey]:
        """Keys of these subjects; a destroyed key is absent. With `create`, subjects never seen get one."""
        await self.load()
        wanted = set(subjects)
        await self._forget()
        found = {s: self._known[s] for s in wanted if s in self._known}
        missing = sorted(wanted - found.keys())
        if missing and create:
            await self._create(missing)
        if missing:
            fresh = await self._read(missing)
            # Another use may have learned of an erasure while these were read.
            fresh = {s: key for s, key in fresh.items() if s not in self._erased}
            self._keep(fresh)
            found |= fresh
        return found

    async def _forget(self) -> None:
        """Drop what was remembered for long enough, and what was erased since."""
        if time.monotonic() - self._since > REMEMBERED_SECONDS:
            self._known.clear()
            self._since = time.monotonic()
        for number, subject in await self._pool.fetch(_SINCE, self._ledger):
            self._ledger = number
            self._erased.add(subject)
            self._known.pop(subject, None)

    async def _read(self, subjects: Sequence[UUID]) -> dict[UUID, SubjectKey]:
        rows = await self._pool.fetch(
            "select subject, wrapped from subject_key where subject = any($1) and wrapped is not null", subjects
        )
        plain = await self._wrapper.unwrap_all([(row["subject"], row["wrapped"]) for row in rows])
        return {row["subject"]: SubjectKey(row["subject"], key) for row, key in zip(rows, plain, strict=True)}

    async def _create(self, subjects: Sequence[UUID]) -> None:
        made = [(subject, AESGCM.generate_key(256)) for subject in subjects]
        wrapped = await self._wrapped(made)
        rows = (list(subjects), [one.sealed for one in wrapped], [one.master for one in wrapped])
        try:
            await self._pool.execute(_ADD, *rows)
        except asyncpg.ForeignKeyViolationError:
            # The version was retired between the wrapping and the writing: the newest one takes its place.
            wrapped = await self._wrapped(made)
            rows = (list(subjects), [one.sealed for one in wrapped], [one.master for one in wrapped])
            await self._pool.execute(_ADD, *rows)

    async def _wrapped(self, keys: Sequence[tuple[UUID, bytes]]) -> list[Wrapped]:
        wrapped = await self._wrapper.wrap_all(keys)
        await note_masters(self._pool, {one.master for one in wrapped})
        return wrapped

    def _keep(self, found: Mapping[UUID, SubjectKey]) -> None:
        if len(self._known) + len(found) > self._remember:
            self._known.clear()
        self._known.update(found)

    async def secret(self, name: str, first: bytes | None = None) -> bytes:
        """A secret of the installation, 32 bytes, kept wrapped like a subject's key; made when first asked for."""
        owner = derived_id("secret", name)
        for made in (False, True):
            row = await self._pool.fetchrow("select wrapped from secret where name = $1", name)
            if row is not None:
                (plain,) = await self._wrapper.unwrap_all([(owner, row["wrapped"])])
                return plain
            if not made:
                (wrapped,) = await self._wrapped([(owner, first or os.urandom(KEY_BYTES))])
                await self._pool.execute(
                    "insert into secret (name, wrapped, master) values ($1, $2, $3) on conflict do nothing",
                    name, wrapped.sealed, wrapped.master,
                )  # fmt: skip
        raise RuntimeError(f"the secret {name} vanished from the key store")


async def note_masters(connection: asyncpg.Pool | asyncpg.Connection, names: Iterable[str]) -> None:
    """Know these versions by name, so that none can be retired while a row needs it."""
    await connection.execute(
        "insert into master_key (name) select unnest($1::text[]) on conflict do nothing", sorted(names)
    )
