"""Fair comparison on a machine that others use too: short rounds in turn, and medians of the ratios."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

ROUNDS: Final = 5

Round = Callable[[], Awaitable[float]]


@dataclass(slots=True)
class Rates:
    """Rates of each contender, round by round."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return statistics.median(self.of[name])

    def ratio(self, name: str, other: str) -> float:
        """The median over rounds of one contender's rate over another's in the same round."""
        return statistics.median(self._ratios(name, other))

    def spread(self, name: str, other: str) -> tuple[float, float]:
        """The least and the greatest of these ratios."""
        ratios = self._ratios(name, other)
        return min(ratios), max(ratios)

    def _ratios(self, name: str, other: str) -> list[float]:
        return [a / b for a, b in zip(self.of[name], self.of[other], strict=True)]


async def in_turn(contenders: Mapping[str, Round], rounds: int = ROUNDS) -> Rates:
    """Let each contender run once unmeasured, then in turn; the order turns round from one round to the next."""
    for warm in contenders.values():
        await warm()
    rates = Rates({name: [] for name in contenders})
    for number in range(rounds):
        names = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in names:
            rates.of[name].append(await contenders[name]())
    return rates


async def rate_of(work: Callable[[], Awaitable[int]]) -> float:
    """How many a second some work does; it says how many it did."""
    begun = time.perf_counter()
    done = await work()
    return done / (time.perf_counter() - begun)


def percentile(values: Sequence[float], percent: int) -> float:
    """The least value that so many in a hundred do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


async def until(done: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Wait for a condition, with a deadline that names it."""
    deadline = time.monotonic() + seconds
    while not await done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:.0f} s still waiting until {what}")
        await asyncio.sleep(0.01)
