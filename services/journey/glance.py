"""A history at a glance: where the bars and marks of each lane lie, in percent of the time shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from services.journey.days import day_of
from services.journey.wording import WORDINGS, period

SHOWN: Final = (
    ("care", ("care",)), ("legal_status", ("legal_status",)), ("placement", ("placement",)), ("school", ("school",)),
    ("health", ("health", "health_assessment")), ("missing", ("missing",)), ("review", ("review",)),
    ("birthday", ("birthday",)),
)  # fmt: skip
MARKS: Final = frozenset({"review", "birthday", "health_assessment"})
MOST_TICKS: Final = 5
STEPS: Final = (1, 2, 3, 5, 10)
ROOM_FOR_CODE: Final = 9.0
LEAST_WIDTH: Final = 0.4
_TICKS_WITHIN: Final = (2.0, 88.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval as a bar, or a mark where it lasts a day: `x` and `width` in percent."""

    x: float
    width: float
    text: str
    title: str
    mark: bool
    odd: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One lane at a glance."""

    lane: str
    title: str
    summary: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    year: int


@dataclass(frozen=True, slots=True)
class Glance:
    ticks: Sequence[Tick]
    rows: Sequence[Row]


class _Scale:
    """Days to percent."""

    def __init__(self, first: date, last: date) -> None:
        self._first = first.toordinal()
        self._days = max(1, last.toordinal() - self._first)

    def at(self, day: date) -> float:
        return round(100 * min(1.0, max(0.0, (day.toordinal() - self._first) / self._days)), 2)


def glance(lanes: Mapping[str, Sequence[Mapping[str, Any]]], today: date) -> Glance | None:
    """The picture of these lanes up to today, or to the last day stated; None where there is nothing to draw."""
    stated = [i for _, names in SHOWN for name in names for i in lanes.get(name, ())]
    days = [_day(edge) for i in stated for edge in (i["from"], i["until"]) if edge is not None]
    if not days:
        return None
    first, last = min(days), max(*days, today)
    scale = _Scale(first, last)
    rows = [_row(lane, names, lanes, scale, last) for lane, names in SHOWN]
    return Glance(_ticks(first, last, scale), rows)


def _day(edge: str) -> date:
    return date.fromisoformat(day_of(edge))


def _row(
    lane: str, names: Iterable[str], lanes: Mapping[str, Sequence[Mapping[str, Any]]], scale: _Scale, last: date
) -> Row:
    bars = [
        _bar(name, interval, scale, last, odd=bool(n % 2))
        for name in names
        for n, interval in enumerate(lanes.get(name, ()))
        if interval["from"] is not None
    ]
    wording = WORDINGS[lane]
    title = "Health" if lane == "health" else wording.title
    count = f"{len(bars)} shown; the table below says the same" if bars else wording.empty
    return Row(lane, title, f"{title}: {count}", bars)


def _bar(name: str, interval: Mapping[str, Any], scale: _Scale, last: date, *, odd: bool) -> Bar:
    x = scale.at(_day(interval["from"]))
    end = scale.at(_day(interval["until"]) if interval["until"] else last)
    width = round(max(LEAST_WIDTH, end - x), 2)
    headline = WORDINGS[name].headline(interval["value"])
    text = _code(interval["value"]) if width >= ROOM_FOR_CODE and name not in MARKS else ""
    title = f"{headline}: {period(name, interval)}"
    return Bar(x, width, text, title, name in MARKS, odd, bool(interval["contradictions"]))


def _code(value: Mapping[str, Any]) -> str:
    coded = value.get("placement_type") or value
    return str(coded.get("code", ""))


def _ticks(first: date, last: date, scale: _Scale) -> list[Tick]:
    years = range(first.year + 1, last.year + 1)
    step = next((s for s in STEPS if len(years) / s <= MOST_TICKS), STEPS[-1])
    ticks = (Tick(scale.at(date(year, 1, 1)), year) for year in years if year % step == 0)
    return [tick for tick in ticks if _TICKS_WITHIN[0] <= tick.x <= _TICKS_WITHIN[1]]
