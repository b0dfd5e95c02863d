"""An erasure from asking to receipt, as the administrator of an installation carries it out."""

import asyncio
import importlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from carejourney.cli.connecting import SERVICES, ConnectionProblem, installation, told
from carejourney.cli.reaching import Reach
from carejourney.erasure.ledger import append_to_ledger, destroy, entries, read_ledger
from carejourney.erasure.receipt import STAYS, Receipt, make_receipt, sign
from carejourney.erasure.scan import scan
from carejourney.erasure.structure import Examiner, Found, Language
from carejourney.keys import RECEIPTS, Keys
from carejourney.service import Parts
from events.catalogue import CATALOGUE

PATIENCE: Final = 120.0


async def erase_child(
    place: Reach, data: Path, child: str, authority: str, reason: str, agreed: Callable[[Mapping[str, Any]], bool]
) -> Receipt:
    """Ask, confirm where `agreed` says so of the draft, write the ledger's file, and give the receipt."""
    there = installation(data)
    async with there.client("placement") as client:
        subject = await _subject(client, child, authority)
        asked = await _post(client, "/erasures", {"child": str(subject), "reason": reason})
        if asked["authority"] != authority:
            raise ConnectionProblem(f"the child is one of {asked['authority']}; nothing was erased")
        if not agreed(asked["draft"]):
            raise ConnectionProblem("nothing was erased")
        await _post(client, f"/erasures/{asked['erasure']}/confirmation", {"draft": asked["draft_digest"]})
    await export(place, place.ledger)
    return await issue(place, UUID(asked["erasure"]))


async def _subject(client: httpx.AsyncClient, child: str, authority: str) -> UUID:
    try:
        return UUID(child)
    except ValueError:
        body = {"authority": authority, "kind": "child", "local_ids": [child.removeprefix(f"{authority}:")]}
        told_of = await _post(client, "/subjects/resolve", body)
    found = told_of["subjects"]
    if told_of["sealed"]:
        raise ConnectionProblem("the record of the child is sealed: name it by the pseudonym, which its keepers know")
    if not found:
        raise ConnectionProblem("no child of that local id is registered")
    return UUID(next(iter(found.values())))


async def _post(client: httpx.AsyncClient, path: str, body: object) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = (await client.post(path, json=body)).raise_for_status().json()
    except httpx.HTTPError as error:
        raise told(error) from error
    return answer


async def issue(place: Reach, erasure: UUID) -> Receipt:
    """Look until nothing is left and every service has heard, sign the receipt, and keep it.

    Raises `ConnectionProblem` for an erasure nobody confirmed, and, naming each place, where something is left when
    patience ends.
    """
    async with place.key_store() as (pool, wrapper):
        number, entry = next(((n, e) for n, e in await entries(pool) if e.erasure == erasure), (0, None))
        if entry is None:
            raise ConnectionProblem("no erasure of that id was confirmed here")
        found = await _until_nothing_is_left(place, entry.subject)
        secret = await Keys(pool, wrapper).secret(RECEIPTS)
        receipt = sign(make_receipt(entry, number, found, STAYS, datetime.now(UTC)), secret)
        await pool.execute(
            "insert into receipt (erasure, receipt) values ($1, $2)"
            " on conflict (erasure) do update set receipt = excluded.receipt, issued_at = now()",
            erasure, json.dumps(receipt),
        )  # fmt: skip
        return receipt


async def _until_nothing_is_left(place: Reach, subject: UUID) -> list[Found]:
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await look(place, subject)
        left = [f"{one.place}: {fault}" for one in found for fault in sorted(set(one.faults))]
        if not left:
            return found
        if time.monotonic() > deadline:
            raise ConnectionProblem(f"the key is destroyed, but something is left: {'; '.join(left)}")
        await asyncio.sleep(0.5)


async def look(place: Reach, subject: UUID) -> list[Found]:
    """What an independent reader finds of a child in every store and topic."""
    try:
        return await scan(place.admin_dsn, SERVICES, place.kafka, subject, Examiner(subject, language()))
    except (OSError, asyncpg.PostgresError, KafkaError) as error:
        raise ConnectionProblem(f"a database or Kafka cannot be read: {type(error).__name__}") from error


def language() -> Language:
    """What is personal in the published language."""
    fields = {wire: frozenset(cls.personal_fields()) for wire, cls in CATALOGUE.items()}
    personal = frozenset().union(*fields.values())
    elsewhere = {name for cls in CATALOGUE.values() for name in cls.model_fields if name not in cls.personal_fields()}
    return Language(fields, personal - elsewhere, _sealed())


def _sealed() -> dict[str, frozenset[str]]:
    """What each service says is personal in its tables, those of its projections and others."""
    tables: dict[str, frozenset[str]] = {}
    for name in SERVICES:
        parts: Parts = importlib.import_module(f"services.{name}.app").PARTS
        by_name = {one.table.name: one.sealed for one in parts.projections} | dict(parts.sealed)
        tables |= {f"{name}.{table}": paths for table, paths in by_name.items()}
    return tables


async def receipt_of(place: Reach, erasure: UUID) -> Receipt:
    """The receipt of an erasure; one that was never given is made now."""
    async with place.key_store() as (pool, _):
        text = await pool.fetchval("select receipt from receipt where erasure = $1", erasure)
    if text is None:
        return await issue(place, erasure)
    receipt: Receipt = json.loads(text)
    return receipt


async def apply_ledger(place: Reach, data: Path, path: Path) -> dict[str, Any]:
    """Destroy again, forget again, and look whether anything is left of anybody in the file."""
    try:
        ledger = read_ledger(path)
    except (OSError, ValueError) as error:
        raise ConnectionProblem(str(error)) from error
    async with place.key_store() as (pool, _):
        for entry in ledger:
            await destroy(pool, entry)
    there = installation(data)
    async with there.client("placement") as client:
        forgotten = (await _post(client, "/erasures/ledger", {}))["forgotten"]
    for entry in ledger:
        await _until_nothing_is_left(place, entry.subject)
    return {"entries": len(ledger), "forgotten": forgotten}


async def export(place: Reach, path: Path) -> int:
    """Add to a file what it lacks of the ledger."""
    async with place.key_store() as (pool, _):
        return append_to_ledger(path, [entry for _, entry in await entries(pool)])
