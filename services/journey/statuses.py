"""Lane `legal_status`: a status holds until the next one, or until the child leaves care."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

from carejourney.standing import Standing
from events.codes import LEGAL_STATUS
from services.journey.intervals import Interval
from services.journey.story import KINDS, Story
from services.journey.values import coded

CHANGED: Final = "placement.legal_status_changed"
ENTERED: Final = "placement.child_entered_care"
LEFT: Final = "placement.child_left_care"


class _Rank(IntEnum):
    """The order of what is stated of one day."""

    LEFT = 0
    ENTERED = 1
    CHANGED = 2
    LEFT_THE_SAME_DAY = 3


def legal_status_intervals(story: Story, care: Sequence[Interval]) -> list[Interval]:
    """Statuses as stated at entry and by every change; an entry and a change that say the same are one interval."""
    made: list[Interval] = []
    current: Interval | None = None
    for rank, fact in _in_order(story, care):
        if rank in {_Rank.LEFT, _Rank.LEFT_THE_SAME_DAY}:
            _close(current, fact)
            current = None
        elif current is not None and _says_the_same(current, fact):
            current.parts = (*current.parts, fact)
        else:
            _close(current, fact)
            current = Interval(fact.effective, None, _value(fact), (fact,))
            made.append(current)
    return made


def _in_order(story: Story, care: Sequence[Interval]) -> Iterable[tuple[_Rank, Standing]]:
    brief = {i.parts[-1].id for i in care if i.until is not None and i.until == i.start}
    ranked = [(_Rank.LEFT_THE_SAME_DAY if f.id in brief else _Rank.LEFT, f) for f in story.of(LEFT)]
    ranked += [(_Rank.ENTERED, f) for f in story.of(ENTERED)]
    ranked += [(_Rank.CHANGED, f) for f in story.of(CHANGED)]
    return sorted(ranked, key=lambda one: (one[1].effective or "", one[0], KINDS.order(one[1])))


def _says_the_same(current: Interval, fact: Standing) -> bool:
    entered = current.parts[0].type == ENTERED and fact.type == CHANGED
    return entered and current.start == fact.effective and current.value["code"] == fact.data.get("legal_status")


def _value(fact: Standing) -> dict[str, str]:
    return dict(coded(LEGAL_STATUS, fact.data.get("legal_status")) or {"code": "", "meaning": "not stated"})


def _close(current: Interval | None, fact: Standing) -> None:
    if current is not None:
        current.until = fact.effective
        current.parts = (*current.parts, fact)
