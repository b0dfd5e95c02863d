"""What duties ask of a fact: an id, a type, a day and its data."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from heapq import merge
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from carejourney.duties.policy import Match

UNCERTAIN = "on_or_before"

_LONDON = ZoneInfo("Europe/London")


class Fact(Protocol):
    """A standing fact of one subject: corrections are applied already, what was retracted is gone."""

    @property
    def id(self) -> str: ...

    @property
    def type(self) -> str:
        """The wire name, such as `placement.child_entered_care`."""

    @property
    def effective(self) -> date:
        """The day since which it is so; an instant counts on its day in London."""

    @property
    def data(self) -> Mapping[str, object]: ...


def day_of(fact: Fact) -> date:
    """Return the day on which a fact takes effect."""
    moment = fact.effective
    if not isinstance(moment, datetime):
        return moment
    return moment.astimezone(_LONDON).date() if moment.tzinfo else moment.date()


def known_on_or_before(fact: Fact) -> bool:
    """Whether the fact gives only the latest day on which it can have happened."""
    return fact.data.get(UNCERTAIN) is True


class Dated(NamedTuple):
    """A fact and the day on which it takes effect."""

    day: date
    fact: Fact


class History:
    """The facts of one subject in effect by the end of a day, in one order whatever the order they came in."""

    def __init__(self, facts: Iterable[Fact], on: date) -> None:
        self._by_type: dict[str, list[Dated]] = {}
        for dated in sorted((Dated(day_of(fact), fact) for fact in facts), key=_order):
            if dated.day <= on:
                self._by_type.setdefault(dated.fact.type, []).append(dated)

    def of_types(self, types: Iterable[str]) -> Iterator[Dated]:
        """Facts of some types, oldest first."""
        return merge(*(self._by_type.get(name, []) for name in set(types)), key=_order)

    def matching(self, *wanted: tuple[Match, date, date]) -> Iterator[Dated]:
        """Facts that match, each within a first and a last day of its own, oldest first; read no further than asked."""
        return merge(*(self._matching(match, first, last) for match, first, last in wanted), key=_order)

    def _matching(self, match: Match, first: date, last: date) -> Iterator[Dated]:
        dated = self._by_type.get(match.fact, [])
        for place in range(bisect_left(dated, first, key=lambda one: one.day), len(dated)):
            if dated[place].day > last:
                return
            if matches(match, dated[place].fact):
                yield dated[place]


def _order(dated: Dated) -> tuple[date, str]:
    return dated.day, dated.fact.id


def matches(match: Match, fact: Fact) -> bool:
    """Whether a fact is of the type and has the values that a policy entry names."""
    return (
        fact.type == match.fact
        and all(_value(fact.data, path) in values for path, values in match.where.items())
        and not any(_value(fact.data, path) in values for path, values in match.unless.items())
    )


def _value(data: Mapping[str, object], path: str) -> object:
    found: object = data
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
