"""The product's own `carejourney verify`, run as an operator runs it: the program, in a process of its own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from uuid import UUID

from carejourney.cli.main import app
from tests.faults.waiting import ended
from tests.faults.world import ALL_SERVICES, World

SECONDS: Final = 120
SHOWN: Final = 3
# A session of a verification rests while its facts are folded: the limit of production, not that of these cases.
PATIENCE: Final = "idle_in_transaction_session_timeout=60s"
_numbers = count(1)

Place = tuple[str, int, int]


@dataclass(frozen=True)
class Verdict:
    """The exit status of the program, and what it printed with `--json`."""

    status: int
    told: Mapping[str, Any]

    def places(self) -> set[Place]:
        """The records that it names, by topic, partition and offset."""
        named = (one for one in self.told["differences"] if one["offset"] is not None)
        return {(one["topic"], one["partition"], one["offset"]) for one in named}

    def differences(self) -> list[dict[str, Any]]:
        """Each difference, without what it leaves open."""
        return [{n: v for n, v in one.items() if v is not None} for one in self.told["differences"]]


async def verify(world: World) -> Verdict:
    """Run `carejourney verify --json` over the whole installation."""
    printed = world.folder / f"verify-{next(_numbers)}.json"
    process = world.nursery.fork("verify", environment(world), printed, f"{__name__}:as_an_operator")
    await ended("the end of the verification", SECONDS, lambda: process.poll() is None)
    status = process.poll()
    said = printed.read_text()
    assert status in {0, 1}, f"the verification ended with {status}: {said[-200:]}"
    # A client's word of warning, of a broker that is away, is not part of the answer.
    answers = [line for line in said.splitlines() if line.startswith("{")]
    assert answers, f"the verification came to no end: {said[-200:]}"
    return Verdict(status, json.loads(answers[0]))


def environment(world: World) -> dict[str, str]:
    """Where everything is, past every proxy but the broker's own."""
    databases = {
        f"CAREJOURNEY_{service.upper()}_DATABASE_URL": f"{world.dsn(service, service)}?{PATIENCE}"
        for service in ALL_SERVICES
    }
    return world.environment("placement", 0, world.postgres.port) | databases


def as_an_operator(_: str) -> None:
    """What the console script does with `verify --json`."""
    app(["verify", "--json"])


def judged(
    world: World, verdict: Verdict, parked: frozenset[tuple[str, str, UUID]], forged: set[Place], facts: int
) -> Iterator[str]:
    """How a verdict is other than it must be: equal, but for the lanes and records that a case leaves odd on purpose.

    `forged` are the planted records that are no repetition of a fact: each must be named. `facts` are in the stores.
    """
    told = verdict.told
    odd = [one for one in verdict.differences() if not _of_what_was_planted(world, one)]
    if odd:
        yield f"verify tells of {len(odd)} differences: {odd[:SHOWN]}"
    if unnamed := forged - verdict.places():
        yield f"verify does not name {len(unnamed)} forged records: {sorted(unnamed)[:SHOWN]}"
    if told["equal"] != (verdict.status == 0) or told["equal"] != (not told["differences"]):
        yield f"verify ends with {verdict.status}, and equal is {told['equal']}"
    if {(one["service"], one["projection"], UUID(one["subject"])) for one in told["parked"]} != parked:
        yield "verify tells of other lanes than those parked on purpose"
    if told["unpublished"] or told["unapplied"] or told["facts"] != facts:
        counted = {name: told[name] for name in ("facts", "unpublished", "unapplied")}
        yield f"verify counts {counted} where all is quiet and the stores hold {facts}"


def _of_what_was_planted(world: World, one: Mapping[str, Any]) -> bool:
    """A record put there past every store, the checkpoint behind it, and the lane of somebody no store knows."""
    if one["check"] == "copy":
        return UUID(one["subject"]) in world.strangers
    place = (one.get("topic"), one.get("partition"), one.get("offset"))
    return one["check"] in {"kafka", "checkpoint"} and place in world.planted
