"""The probe as a served process with faults all over, each quoting the canary: `python -m ... NAME`."""

import asyncio
import sys
import warnings
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter

from carejourney.logs import set_up_logs
from carejourney.projection import Projection
from carejourney.reactions import Outcome, Reaction, Situation
from carejourney.service import build, serve
from carejourney.settings import Settings
from carejourney.standing import Standing
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from tests.integration.chassis.probe import HANDLES, TALLY, Probe, Tally, row

CANARY: Final = "canary-of-a-child"
router = APIRouter()
broken: set[str] = set()


@router.get("/request")
async def in_a_request() -> None:
    raise ValueError(CANARY)


@router.get("/task")
async def in_a_task() -> None:
    async def fails() -> None:
        raise LookupError(CANARY)

    # Kept by nobody: what it raises goes to the loop's own handler.
    asyncio.get_running_loop().call_soon(asyncio.ensure_future, fails())


@router.get("/callback")
async def in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(int, CANARY)


@router.get("/warning")
async def in_a_warning() -> None:
    warnings.warn(CANARY, RuntimeWarning, stacklevel=1)


@router.get("/clock")
async def in_the_clock() -> None:
    broken.add("clock")


def clock() -> datetime:
    if broken:
        raise ArithmeticError(CANARY)
    return datetime.now(UTC)


def evolve(_: Tally, fact: Standing) -> Tally:
    raise KeyError(f"{CANARY}-{fact.id}")


def decide(_: Situation) -> Outcome:
    raise TypeError(CANARY)


def main(name: str) -> None:
    """Serve until a fault of the background work ends the process."""
    set_up_logs(name)
    settings = Settings()
    reaction = Reaction(
        "looks", HANDLES - {HealthOutcomesReported.wire}, frozenset({HealthOutcomesReported.wire}), decide
    )
    projection = Projection("tally", 1, TALLY, Tally, frozenset({HealthAssessmentHeld.wire}), evolve, row)
    parts = Probe(name, settings, "", "").parts(
        routers=(router,), clock=clock, reactions=(reaction,), projections=(projection,)
    )
    serve(build(parts, settings), settings)


if __name__ == "__main__":
    main(sys.argv[1])
