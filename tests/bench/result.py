"""One line of `carejourney bench --json`, and the table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console

from carejourney.cli.printing import show_rows
from tests.bench.measuring import Rates

HEADINGS: Final = ("path", "rate", "raw", "of raw", "of peer", "goal met")
A_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True)
class Result:
    """A measured path. `rate` is in `unit`; `raw_rate` is the same work with nothing of ours in the way.

    `ratio` is rate over raw_rate, `peer` the rate of what a user would pick instead (named in `peer_name`) and
    `peer_ratio` rate over that; None where there is none. Ratios that were measured in turn are medians over rounds,
    and `spread` has the least and the greatest ratio to raw. `goal` says what is wanted and `goal_met` whether it was
    so (None: no goal).
    """

    path: str
    unit: str
    rate: float
    raw_rate: float | None = None
    peer: float | None = None
    goal: str | None = None
    goal_met: bool | None = None
    peer_name: str | None = None
    ratio: float | None = None
    peer_ratio: float | None = None
    spread: tuple[float, float] | None = None

    @classmethod
    def of(
        cls, path: str, unit: str, rates: Rates, *, ours: str = "ours", raw: str | None = None, peer: str | None = None,
        goal: str | None = None, goal_met: bool | None = None,
    ) -> "Result":  # fmt: skip
        """The medians of contenders that ran in turn."""
        return cls(
            path, unit, rates.median(ours), rates.median(raw) if raw else None, rates.median(peer) if peer else None,
            goal, goal_met, peer,
            rates.ratio(ours, raw) if raw else None,
            rates.ratio(ours, peer) if peer else None,
            rates.spread(ours, raw) if raw else None,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The published form."""
        ratios = {
            "ratio": self.ratio or _over(self.rate, self.raw_rate),
            "peer_ratio": self.peer_ratio or _over(self.rate, self.peer),
        }
        return {name: _short(value) for name, value in (asdict(self) | ratios).items()}


def verdict(rates: Rates, ours: str, *, at_least: float = 0, ratio: float = 0, raw: str | None = None) -> bool:
    """Whether the median reached a rate, and a ratio to the raw rate."""
    return rates.median(ours) >= at_least and (raw is None or rates.ratio(ours, raw) >= ratio)


def _over(rate: float, other: float | None) -> float | None:
    return rate / other if other else None


def _short(value: object) -> object:
    if isinstance(value, tuple):
        return [_short(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def show(results: Sequence[Result], console: Console) -> None:
    """Print the figures in rows that fit a narrow terminal, and below them what each path measures and was to reach."""
    show_rows(console, "Measured in this run", HEADINGS, [_cells(result) for result in results])
    for result in results:
        goal = f"; to reach: {result.goal}" if result.goal else ""
        console.print(f"{result.path}: {result.unit}{goal}", markup=False, highlight=False)


def _cells(result: Result) -> tuple[str, ...]:
    line = result.as_json()
    peer = f"{line['peer_ratio']:.1f} x" if line["peer_ratio"] else ""
    ratio = f"{line['ratio']:.2f}" if line["ratio"] else ""
    met = "" if result.goal_met is None else "yes" if result.goal_met else "no"
    return result.path, _figure(result.rate), _figure(result.raw_rate), ratio, peer, met


def _figure(rate: float | None) -> str:
    return "" if rate is None else f"{rate:,.0f}" if rate >= A_HUNDRED else f"{rate:.3g}"
