"""The table and the chart of `docs/performance.md`, made by the run they show."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.bench.result import Result

DOCS: Final = Path(__file__).parents[2] / "docs"
BEGIN: Final = "<!-- measured: made by `carejourney bench --publish` -->"
END: Final = "<!-- end of measured -->"
LIBRARIES: Final = (
    "aiokafka", "asyncpg", "eventsourcing", "faststream", "msgspec", "pydantic", "sqlalchemy", "uvloop",
)  # fmt: skip
_NAMES: Final = ("path", "unit", "rate", "raw_rate", "ratio", "spread", "peer", "peer_ratio", "goal", "goal_met")
_BAR, _LEFT, _WIDTH, _LINE = 420, 190, 760, 26


def publish(results: Sequence[Result], docs: Path = DOCS) -> None:
    """Put the results into the page and draw the chart beside it."""
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{surroundings()}\n\n{_table(results)}\n\n{END}{after}")
    (docs / "performance.svg").write_text(chart(results))


def surroundings() -> str:
    """When, on what and how busy it was."""
    used = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = os.getloadavg()[2]
    return (
        f"{datetime.now(UTC):%d %B %Y}. {os.cpu_count()} cores, {platform.system()} on {platform.machine()},"
        f" Python {platform.python_version()}, {used}. Load average over fifteen minutes: {load:.1f}."
    )


def _table(results: Sequence[Result]) -> str:
    head = [f"| {' | '.join(name.replace('_', ' ') for name in _NAMES)} |", f"|{'---|' * len(_NAMES)}"]
    return "\n".join(head + [_row(result) for result in results])


def _row(result: Result) -> str:
    line = result.as_json()
    cells = [line[name] for name in _NAMES]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(f"{part:.2f}" for part in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if value > 100 else f"{value:.2f}"
    return "" if value is None else str(value)


def chart(results: Sequence[Result]) -> str:
    """Bars of each path's ratio to its raw rate, as SVG that says the same to those who cannot see it."""
    shown = [(r.path, ratio) for r in results if isinstance(ratio := r.as_json()["ratio"], float)]
    height = _LINE * (len(shown) + 1)
    bars = "".join(_bar(n, path, ratio) for n, (path, ratio) in enumerate(shown))
    said = "; ".join(f"{path} {ratio:.2f}" for path, ratio in shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' font-family="sans-serif" font-size="13"><title>Rate over the raw rate of the same run</title>'
        f"<desc>{escape(said)}</desc>{bars}</svg>\n"
    )


def _bar(number: int, path: str, ratio: float) -> str:
    top = _LINE * number + 8
    width = max(1.0, _BAR * min(ratio, 1.2))
    return (
        f'<text x="0" y="{top + 13}">{escape(path)}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="18" fill="#1d70b8"/>'
        f'<text x="{_LEFT + width + 6:.0f}" y="{top + 13}">{ratio:.2f}</text>'
    )
