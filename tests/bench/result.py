"""One line of `carejourney bench --json`, and the table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Result:
    """A measured path. `rate` is in `unit`; `raw_rate` is the same work with nothing of ours in the way.

    `ratio` is rate over raw_rate, `peer` the rate of what a user would pick instead and `peer_ratio` rate over that;
    None where there is none. `goal` says what is wanted and `goal_met` whether it was so (None: no goal).
    """

    path: str
    unit: str
    rate: float
    raw_rate: float | None = None
    peer: float | None = None
    goal: str | None = None
    goal_met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """The published form."""
        ratios = {"ratio": _over(self.rate, self.raw_rate), "peer_ratio": _over(self.rate, self.peer)}
        return {name: _short(value) for name, value in (asdict(self) | ratios).items()}


def _over(rate: float, other: float | None) -> float | None:
    return rate / other if other else None


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def show(results: Sequence[Result], console: Console) -> None:
    """Print the table."""
    table = Table()
    names = ("path", "rate", "unit", "raw_rate", "ratio", "peer", "peer_ratio", "goal", "goal_met")
    for name in names:
        table.add_column(name.replace("_", " "))
    for result in results:
        line = result.as_json()
        table.add_row(*("" if line[name] is None else str(line[name]) for name in names))
    console.print(table)
