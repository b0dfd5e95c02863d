"""One subject's standing facts, sorted for making intervals of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carejourney.projection import Kinds
from carejourney.standing import Standing
from events.catalogue import CATALOGUE
from services.journey.contradictions import Contradiction
from services.journey.values import Opening

KINDS: Final = Kinds(CATALOGUE)


class Story:
    """Facts by type in the order of their lanes, retracted ones apart; `wrong` is what making intervals found."""

    def __init__(self, facts: Iterable[Standing], opening: Opening) -> None:
        self.opening = opening
        self.wrong: list[Contradiction] = []
        self._standing: dict[str, list[Standing]] = {}
        self._retracted: dict[str, list[Standing]] = {}
        for fact in sorted(facts, key=KINDS.order):
            among = self._retracted if fact.retracted else self._standing
            among.setdefault(fact.type, []).append(fact)

    def of(self, wire: str) -> Sequence[Standing]:
        """The standing facts of a type."""
        return self._standing.get(wire, ())

    def retracted(self, wire: str, link: str) -> dict[str, list[Standing]]:
        """The retracted facts of a type, by the fact they name in `link`."""
        return _by_link(self._retracted.get(wire, ()), link)

    def ends(self, lane: str, wire: str, link: str) -> "Ends":
        """The ends of a lane, each to be taken by the start it names."""
        return Ends(self, lane, _by_link(self.of(wire), link), self.retracted(wire, link))

    def orphaned(self, lane: str, ends: Iterable[Standing]) -> None:
        """Say that these ends belong to no start."""
        for end in ends:
            reason = "an end is stated, and no beginning that it belongs to"
            self.wrong.append(Contradiction(lane, end.effective, end.effective, "end-without-start", reason, end.facts))


def _by_link(facts: Iterable[Standing], link: str) -> dict[str, list[Standing]]:
    found: dict[str, list[Standing]] = {}
    for fact in facts:
        found.setdefault(fact.data.get(link) or "", []).append(fact)
    return found


@dataclass(slots=True)
class Ends:
    """Ends that name their start; what nobody takes is an orphan."""

    story: Story
    lane: str
    stated: dict[str, list[Standing]]
    withdrawn: Mapping[str, list[Standing]]

    def take(self, start: Standing) -> tuple[Standing | None, Sequence[Standing]]:
        """The end of a start, or None and the ends that were stated once and are retracted."""
        ends = self.stated.pop(start.id, ())
        if not ends:
            return None, self.withdrawn.get(start.id, ())
        if len(ends) > 1:
            facts = tuple(i for end in ends for i in end.facts)
            reason = "more than one end is stated; the earliest is shown"
            wrong = Contradiction(self.lane, ends[0].effective, ends[-1].effective, "ended-twice", reason, facts)
            self.story.wrong.append(wrong)
        return ends[0], ()

    def report_orphans(self) -> None:
        for ends in self.stated.values():
            self.story.orphaned(self.lane, ends)
