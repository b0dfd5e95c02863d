"""Intervals of a lane: from when until when something was so, and the facts that say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from carejourney.envelope import CORRECTED
from carejourney.raised import Caused
from carejourney.standing import Standing
from services.journey.values import Opening, Value


@dataclass(slots=True, eq=False)
class Interval:
    """`until` is exclusive; None while it lasts. `parts` are the facts that make it, the one that began it first.

    With `on_or_before` no more is known than that it held from `start`, and may have held before.
    """

    start: str | None
    until: str | None
    value: Value
    parts: tuple[Standing, ...]
    on_or_before: bool = False
    against: list[str] = field(default_factory=list)

    @property
    def facts(self) -> list[str]:
        """Ids of every fact that made it so, corrections included."""
        return list(dict.fromkeys(i for part in self.parts for i in part.facts))


Lanes = dict[str, list[Interval]]


class Told(Caused, Protocol):
    """A fact that also says whether it came with a historic load, and of which day."""

    @property
    def known_from(self) -> str | None: ...


class Evidence:
    """The facts as recorded, by id: where an interval comes from, since when it is known, what was stated before."""

    def __init__(self, facts: Sequence[Told], opening: Opening) -> None:
        self._facts = {fact.id: fact for fact in facts}
        self._historic = {fact.id for fact in facts if fact.known_from is not None}
        self._opening = opening

    def shown(self, interval: Interval) -> dict[str, Any]:
        """An interval as a reader is told it."""
        parts, facts = interval.parts, interval.facts
        corrected = any(part.corrected for part in parts)
        shown: dict[str, Any] = {
            "from": interval.start,
            "until": interval.until,
            "type": parts[0].type,
            "value": interval.value,
            "facts": facts,
            "recorded": self._known(facts) if corrected else max(part.known for part in parts),
            "source": ", ".join(dict.fromkeys(part.source for part in parts)),
            "stated_in": list(dict.fromkeys(part.stated_in for part in parts if part.stated_in)),
            "origin": parts[0].origin,
            "historic": not self._historic.isdisjoint(facts),
            "corrected": corrected,
            "contradictions": sorted(set(interval.against)),
        }
        if interval.on_or_before:
            shown["on_or_before"] = True
        if corrected:
            shown["was"] = [form for part in parts if part.corrected for form in self._before(part)]
        return shown

    def _known(self, facts: Sequence[str]) -> str:
        return max(self._facts[i].known for i in facts)

    def _before(self, part: Standing) -> list[dict[str, Any]]:
        """The forms a fact had before its last correction, oldest first; `value` is null where it was retracted."""
        first = self._facts[part.id]
        forms: list[tuple[str | None, Mapping[str, Any] | None, str]] = [(first.effective, first.data, first.known)]
        ids = set(part.facts)
        for change in (self._facts[i] for i in part.facts[1:]):
            data = change.data
            one = next(c for c in (data, *data.get("consequences", ())) if c["corrects"] in ids)
            content = one.get("replacement") if one is not data or change.type == CORRECTED else None
            forms.append((one.get("effective"), content, change.known))
        return [
            {
                "type": part.type,
                "effective": effective,
                "value": self._opening.value(part.type, content) if content is not None else None,
                "recorded": known,
            }
            for effective, content, known in forms[:-1]
        ]
