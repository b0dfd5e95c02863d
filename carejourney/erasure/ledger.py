"""The ledger of destroyed ids: append-only, in the key store's database, and as a file of JSON lines outside it.

The file is what survives when the key store itself is restored from before an erasure: applied to it, the keys that
came back are destroyed again.
"""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

_ENTRIES: Final = """
select number, subject, erasure, authority, reason, asked_by, asked_at, confirmed_by, erased_at from erased
where number > $1 order by number
"""


class Entry(msgspec.Struct, frozen=True):
    """One erased child: the pseudonym, why, who asked when, who confirmed, and when the key was destroyed."""

    subject: UUID
    erasure: UUID
    authority: str
    reason: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str
    erased_at: datetime


async def destroy(connection: asyncpg.Connection | asyncpg.Pool, entry: Entry) -> None:
    """Destroy a child's key and enter it in the ledger, in one transaction; doing it again changes nothing."""
    await connection.execute(
        "select erase_subject($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.erasure, entry.subject, entry.authority, entry.reason, entry.asked_by, entry.asked_at,
        entry.confirmed_by, entry.erased_at,
    )  # fmt: skip


async def entries(connection: asyncpg.Connection | asyncpg.Pool, after: int = 0) -> list[tuple[int, Entry]]:
    """The ledger in its order, each entry with its number there."""
    rows = await connection.fetch(_ENTRIES, after)
    return [(row["number"], Entry(**{k: v for k, v in row.items() if k != "number"})) for row in rows]


def read_ledger(path: Path) -> list[Entry]:
    """The entries of a file. Raises `OSError`, and `ValueError` naming the line that cannot be read."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            if line.strip():
                found.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return found


def append_to_ledger(path: Path, news: Iterable[Entry]) -> int:
    """Add the entries a file lacks, and have them on the disk before this returns; how many there were."""
    known = {entry.subject for entry in read_ledger(path)} if path.exists() else set()
    lacking = [entry for entry in news if entry.subject not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.writelines(msgspec.json.encode(entry).decode() + "\n" for entry in lacking)
        file.flush()
        os.fsync(file.fileno())
    return len(lacking)
