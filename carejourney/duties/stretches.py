"""The stretches of a subject's life that a span describes, told from the facts that open and close it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

from carejourney.duties.facts import Dated, Fact, History, day_of, known_on_or_before, matches
from carejourney.duties.policy import Match, Opening, Span


@dataclass(frozen=True, slots=True)
class Stretch:
    """One opening of a span and, once known, the fact that closed it; a fact counts in it up to its last day."""

    start: date
    opening: Fact
    end: date = date.max
    closing: Fact | None = None

    @property
    def began_earlier(self) -> bool:
        """Whether the opening gives only the latest day, so that what came before is not known."""
        return known_on_or_before(self.opening)


def stretches(history: History, span: Span, around: Span | None = None) -> list[Stretch]:
    """Every stretch of a span, oldest first. What ends on a day ends before what starts on it.

    Inside the span around it, nothing opens any more on the day that one ends.
    """
    facts = list(history.of_types(_types(span)))
    if around is None:
        return _stretches(facts, span)
    outer_stretches = _stretches(history.of_types(_types(around)), around)
    return [inner for outer in outer_stretches for inner in _inside(outer, facts, span)]


def _inside(outer: Stretch, facts: Sequence[Dated], span: Span) -> list[Stretch]:
    days = [dated for dated in facts if dated.day == outer.start or outer.start < dated.day < outer.end]
    found = _stretches(days, span)
    return [inner if inner.closing else replace(inner, end=outer.end, closing=outer.closing) for inner in found]


def _stretches(facts: Iterable[Dated], span: Span) -> list[Stretch]:
    found: list[Stretch] = []
    for day, group in groupby(facts, key=lambda dated: dated.day):
        today = [dated.fact for dated in group]
        opening, opens = _first(today, span.opens)
        closing, _ = _first(today, span.closes)
        if found and not found[-1].closing:
            ending = closing or (opening if isinstance(opens, Opening) and opens.anew else None)
            if ending is None:
                continue
            found[-1] = replace(found[-1], end=day, closing=ending)
            closing = None
        if opening:
            found.append(Stretch(day, opening, day_of(closing) if closing else date.max, closing))
    return found


def _first(today: Sequence[Fact], wanted: Sequence[Match]) -> tuple[Fact | None, Match | None]:
    hits = ((fact, match) for match in wanted for fact in today if matches(match, fact))
    return next(hits, (None, None))


def _types(span: Span) -> list[str]:
    return [match.fact for match in (*span.opens, *span.closes)]
