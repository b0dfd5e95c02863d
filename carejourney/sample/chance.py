"""Chance: the draws a sample is made of, each from a seed of its own so that children do not disturb each other."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import log
from random import Random
from typing import TypeVar

T = TypeVar("T")
Weights = Mapping[str, float]


class Chance:
    """A reproducible stream of draws: the same name gives the same draws on every machine."""

    def __init__(self, *name: object) -> None:
        self._random = Random("/".join(map(str, name)))

    def happens(self, probability: float) -> bool:
        """Whether something of that probability (0 to 1) happens."""
        return self._random.random() < probability

    def pick(self, weights: Mapping[T, float]) -> T:
        """Draw one of the keys, by their relative weights."""
        return self._random.choices(list(weights), list(weights.values()))[0]

    def one(self, choices: Sequence[T]) -> T:
        """Draw one of the choices, each as likely."""
        return choices[int(self._random.random() * len(choices))]

    def whole(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def spell(self, median: float, spread: float) -> int:
        """Draw a length of time in days, at least 1: log-normal, the spread on the logarithmic scale."""
        return max(1, round(self._random.lognormvariate(log(median), spread)))

    def wait(self, mean: float) -> int:
        """Days until something that can happen on any day, at least 1: exponential."""
        return max(1, round(self._random.expovariate(1 / mean)))

    def bell(self, mean: float, spread: float) -> float:
        """Draw from the normal distribution."""
        return self._random.gauss(mean, spread)

    def skewed(self, shape: float) -> float:
        """Draw from the gamma distribution with mean 1: the smaller the shape, the more uneven."""
        return self._random.gammavariate(shape, 1 / shape)

    def day(self, first: date, last: date) -> date:
        """Draw a day from first to last, both included."""
        return first + timedelta(days=self.whole(0, (last - first).days))
