"""Live projection: the projector's own batches into own copy and one projection, in order and with late facts.

Records are as they come out of the consumer; the peer is a FastStream handler that stores and upserts one by one.
Late facts and corrections come at the end of their child's record, batches after what they go before: it is folded
again, and the runs count how many children were. In order too, a child is folded from zero once, at its first batch.
"""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import ConsumerRecord

from carejourney.batching import partition_of, record_headers
from carejourney.envelope import Draft
from carejourney.ids import new_id
from carejourney.projecting import Projecting
from carejourney.projection import Projection, Secrets
from carejourney.projector import Projector
from carejourney.service import assemble, stop
from events.correction import FactCorrected
from services.journey.app import PARTS
from tests.bench.corpus import Child, children_with, grown, median_facts
from tests.bench.eventsourcing_peer import rate_of_projection
from tests.bench.ground import PARTITIONS, Ground, Kit, emptied, kit, settings_of
from tests.bench.handler_peer import rate_of_handler
from tests.bench.measuring import in_turn
from tests.bench.rebuilding import RECEIVED, received_rows
from tests.bench.result import Result, verdict

FACTS: Final = 20_000
BATCH: Final = 2_000
LATE: Final = 0.05
LONG: Final = 2_000
GOAL: Final = 20_000
HANDLER_RATIO: Final = 20
LIBRARY_RATIO: Final = 15
HALF: Final = 0.5
_UPSERT: Final = """
insert into children (subject, state, authority, in_care, on_or_before, last_event_on)
select s, 'x', 'E08000025', true, true, '2026-01-01' from unnest($1::uuid[]) s
on conflict (subject) do update set last_event_on = excluded.last_event_on
"""


async def measure(ground: Ground) -> list[Result]:
    """Twenty thousand facts each time, a child's own in order of days, in batches as they are polled."""
    async with kit(ground, PARTS) as one:
        ordered = await _records(one, children_with(FACTS))
        mixed = await _records(one, [_untidy(child) for child in children_with(FACTS)])
        long = await _records(one, [grown(child, LONG) for child in children_with(400)[:2]])
        long_mixed = await _records(one, [_untidy(grown(child, LONG)) for child in children_with(400)[:2]])
        again = {"ours": 0, "late": 0, "long_late": 0}
        rates = await in_turn(
            {
                "ours": lambda: _projected(ground, ordered, again, "ours"),
                "bare": lambda: _bare(ground, ordered),
                "late": lambda: _projected(ground, mixed, again, "late"),
                "long": lambda: _projected(ground, long),
                "long_late": lambda: _projected(ground, long_mixed, again, "long_late"),
                "handler": lambda: rate_of_handler(ground, ordered),
                "eventsourcing": lambda: asyncio.to_thread(rate_of_projection, ground, ordered),
            },
            rounds=3,
        )
        await emptied(ground, "journey")
    met = verdict(rates, "ours", at_least=GOAL)
    return [
        Result.of(
            "projection.live", "facts/s, own copy and one projection", rates, raw="bare", peer="handler",
            goal=f"{GOAL:,} facts/s one process, {HANDLER_RATIO} x plain handler",
            goal_met=met and rates.ratio("ours", "handler") >= HANDLER_RATIO,
        ),
        Result.of(
            "projection.eventsourcing", "facts/s; the peer keeps its events, and writes a row and its mark", rates,
            peer="eventsourcing", goal=f"{LIBRARY_RATIO} x eventsourcing",
            goal_met=rates.ratio("ours", "eventsourcing") >= LIBRARY_RATIO,
        ),
        Result.of(
            "projection.late", f"facts/s, {LATE:.0%} late or corrected, {median_facts():.0f} facts a child;"
            f" {again['late']:,} folds from zero, {again['ours']:,} in order; raw: in order", rates, ours="late",
            raw="ours", goal="half of the in-order rate", goal_met=rates.ratio("late", "ours") >= HALF,
        ),
        Result.of(
            "projection.long_child", f"facts/s, children with {LONG:,} facts; raw: in order", rates, ours="long",
            raw="ours",
        ),
        Result.of(
            "projection.long_child_late", f"facts/s, children with {LONG:,} facts, {LATE:.0%} late or corrected;"
            f" {again['long_late']:,} folds from zero; raw: the same in order", rates, ours="long_late", raw="long",
        ),
    ]  # fmt: skip


def _untidy(child: Child) -> Child:
    """Some facts come long after later ones of their lane, some are corrected when all else was said."""
    chance = random.Random(child.subject.int)
    before = [n for n, draft in enumerate(child.drafts) if _goes_before(draft, child.drafts[n + 1 :])]
    late = {n for n in before if chance.random() < LATE / 2 * len(child.drafts) / len(before)}
    corrected = [draft for draft in child.drafts if chance.random() < LATE / 2]
    said = [draft for n, draft in enumerate(child.drafts) if n not in late]
    held_back = [*(child.drafts[n] for n in sorted(late)), *map(_corrected, corrected)]
    return Child(child.subject, (*said, *held_back))


def _goes_before(draft: Draft, others: Iterable[Draft]) -> bool:
    """Whether another fact of its lane is of a later day."""
    lane, on = draft.body.lane, draft.effective
    return on is not None and any(d.body.lane == lane and (d.effective or "") > on for d in others)


def _corrected(draft: Draft) -> Draft:
    content = draft.body.model_dump(mode="json")
    body = FactCorrected(corrects=str(draft.id), type=draft.body.wire, effective=draft.effective, replacement=content)
    return replace(draft, body=body, id=new_id())


async def _records(one: Kit, children: Sequence[Child]) -> list[list[ConsumerRecord]]:
    """Batches of records, the children's facts among each other as time brings them, offsets by partition."""
    await one.make_keys(child.subject for child in children)
    rows = await received_rows(one, children)
    places = sorted(range(len(rows)), key=lambda n: (rows[n][2], n))
    offsets: dict[tuple[str, int], itertools.count[int]] = {}
    records = [_record(rows[n], offsets) for n in places]
    return [records[at : at + BATCH] for at in range(0, len(records), BATCH)]


def _record(row: tuple[Any, ...], offsets: dict[tuple[str, int], "itertools.count[int]"]) -> ConsumerRecord:
    values = dict(zip(RECEIVED, row, strict=True))
    key = str(values["subject"]).encode()
    place = (values["topic"], partition_of(key, PARTITIONS))
    offset = next(offsets.setdefault(place, itertools.count()))
    payload = values["payload"]
    return ConsumerRecord(
        *place, offset, 0, 0, key, payload, None, len(key), len(payload), tuple(record_headers(values["headers"]))
    )  # fmt: skip


@asynccontextmanager
async def projector(ground: Ground, batches: Sequence[Sequence[ConsumerRecord]]) -> AsyncIterator[Projector]:
    """Journey's projector with all partitions of these batches its own, at their beginning."""
    await emptied(ground, "journey")
    running = await assemble(replace(PARTS, projections=PARTS.projections[:1]), settings_of(ground, "journey"))
    places = sorted({(record.topic, record.partition) for batch in batches for record in batch})
    await running.projector.checkpoints.own(places)
    for place in places:
        running.projector.checkpoints.owned[place].checked = True
    try:
        yield running.projector
    finally:
        await stop(running)


async def _projected(
    ground: Ground, batches: Sequence[Sequence[ConsumerRecord]], again: dict[str, int] | None = None, name: str = ""
) -> float:
    """Facts a second; how many children were folded from zero is left in `again`."""
    async with projector(ground, batches) as one:
        refolds = _counted(one.applying.projecting)
        begun = time.perf_counter()
        for batch in batches:
            await one.handle(batch)
        seconds = time.perf_counter() - begun
        applied = sum(owned.next_offset for owned in one.checkpoints.owned.values())
        if applied != sum(map(len, batches)):
            raise AssertionError(f"{applied} records were applied of {sum(map(len, batches))}")
    if again is not None:
        again[name] = sum(refolds)
    return applied / seconds


def _counted(projecting: Projecting) -> list[int]:
    """How many children each call folds from zero."""
    counts: list[int] = []
    refold = projecting.refold

    async def counted(
        connection: asyncpg.Connection,
        projection: Projection[Any],
        subjects: Iterable[UUID],
        secrets: Mapping[UUID, Secrets],
    ) -> set[UUID]:
        wanted = list(subjects)
        counts.append(len(wanted))
        return await refold(connection, projection, wanted, secrets)

    projecting.refold = counted  # type: ignore[method-assign]
    return counts


async def _bare(ground: Ground, batches: Sequence[Sequence[ConsumerRecord]]) -> float:
    """Decode, COPY and one upsert a batch: no order, no duplicates, no meaning."""
    await emptied(ground, "journey")
    connection = await asyncpg.connect(ground.dsn("journey", "journey"))
    begun = time.perf_counter()
    try:
        for batch in batches:
            async with connection.transaction():
                subjects = await _copied(connection, batch)
                await connection.execute(_UPSERT, list(subjects))
        return sum(map(len, batches)) / (time.perf_counter() - begun)
    finally:
        await connection.close()


async def _copied(connection: asyncpg.Connection, batch: Sequence[ConsumerRecord]) -> set[str]:
    rows, subjects = [], set()
    for record in batch:
        headers = {name: value.decode() for name, value in record.headers}
        msgspec.json.decode(record.value)
        subjects.add(headers["ce_subject"])
        rows.append(
            (
                headers["ce_subject"], record.topic, int(headers["ce_streamversion"]), headers["ce_id"],
                headers["ce_type"], headers["ce_authority"], msgspec.json.encode(headers), record.value,
            )
        )  # fmt: skip
    await connection.copy_records_to_table("received", records=rows, columns=RECEIVED)
    return subjects
