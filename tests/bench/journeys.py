"""The journey of one child: what a service takes to answer a random day just after a new fact arrived."""

import random
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from carejourney.service import assemble, stop
from services.journey.app import PARTS
from services.journey.asking import Asked, history_of
from tests.bench.corpus import Child, children_with, grown
from tests.bench.ground import Ground, emptied, kit, settings_of
from tests.bench.measuring import percentile
from tests.bench.rebuilding import RECEIVED, received_rows
from tests.bench.result import Result

GOALS: Final = {200: 0.005, 2_000: 0.030}
CHILDREN: Final = 10
ASKED: Final = 20
_DAYS: Final = 3_650
_LANES: Final = """
insert into lane select subject, topic, max(topic_version), min(authority) from received group by 1, 2
"""
_READ: Final = "select headers, payload from received where subject = $1"


async def measure(ground: Ground) -> list[Result]:
    """Children of two sizes; each answer is on a day and a knowledge of its own, so none could be kept."""
    results = []
    for size, goal in GOALS.items():
        ours, bare = await _answers(ground, [grown(child, size) for child in _long_lives()])
        seconds = percentile(ours, 99)
        results.append(
            Result(
                f"journey.{size}_facts",
                f"answers/s at the 99th percentile ({seconds * 1000:.1f} ms; the median"
                f" {percentile(ours, 50) * 1000:.1f} ms); raw: reading the rows",
                1 / seconds,
                1 / percentile(bare, 99),
                goal=f"p99 {goal * 1000:.0f} ms",
                goal_met=seconds <= goal,
            )
        )
    await emptied(ground, "journey")
    return results


def _long_lives() -> Sequence[Child]:
    return sorted(children_with(2_000), key=lambda child: -len(child.drafts))[:CHILDREN]


async def _answers(ground: Ground, children: Sequence[Child]) -> tuple[list[float], list[float]]:
    await emptied(ground, "journey")
    running = await assemble(PARTS, settings_of(ground, "journey"))
    try:
        async with kit(ground, PARTS) as one:
            await one.make_keys(child.subject for child in children)
            rows = await received_rows(one, children)
            owner = await asyncpg.connect(ground.owner("journey"))
            await owner.copy_records_to_table("received", records=rows, columns=RECEIVED)
            await owner.execute(_LANES)
            await owner.execute("analyze received, lane")
            await owner.close()
        return await _timed(running, [child.subject for child in children])
    finally:
        await stop(running)


async def _timed(running: Any, children: Sequence[UUID]) -> tuple[list[float], list[float]]:
    chance = random.Random(1)
    ours, bare = [], []
    for turn in range(ASKED + 2):
        for child in children:
            day = date(2017, 1, 1) + timedelta(days=chance.randrange(_DAYS))
            question = Asked(day, date(2026, 11, 1) + timedelta(days=chance.randrange(_DAYS)), withhold=False)
            begun = time.perf_counter()
            await history_of(running, child, question)
            between = time.perf_counter()
            await running.pool.fetch(_READ, child)
            if turn > 1:
                ours.append(between - begun)
                bare.append(time.perf_counter() - between)
    return ours, bare
