"""Which end belongs to which start, where the ends do not name the start itself."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from carejourney.standing import Standing

Pairs = dict[str, Standing]


def pair(
    starts: Sequence[Standing], ends: Sequence[Standing], episode_began: Mapping[str, str]
) -> tuple[Pairs, list[Standing]]:
    """The end of each start by the start's id, and the ends that end nothing. Both come in the order of their lane.

    An end belongs to the start of its own episode; else to the last start on or before the day its episode began;
    else to the last start before it that has no end yet; else to one of the same day.
    """
    pairs, others = _of_one_episode(starts, ends)
    waiting = [start for start in starts if start.id not in pairs]
    orphans: list[Standing] = []
    for end in others:
        place = _place(waiting, end, episode_began.get(_episode(end) or ""))
        if place is None:
            orphans.append(end)
        else:
            pairs[waiting.pop(place).id] = end
    return pairs, orphans


def _of_one_episode(starts: Sequence[Standing], ends: Sequence[Standing]) -> tuple[Pairs, list[Standing]]:
    by_episode: dict[str | None, list[Standing]] = {}
    for start in reversed(starts):
        by_episode.setdefault(_episode(start), []).append(start)
    by_episode.pop(None, None)
    pairs: Pairs = {}
    others: list[Standing] = []
    for end in ends:
        same = by_episode.get(_episode(end))
        if same:
            pairs[same.pop().id] = end
        else:
            others.append(end)
    return pairs, others


def _place(waiting: Sequence[Standing], end: Standing, began: str | None) -> int | None:
    """Where among the waiting starts, in the order of their days, is the one that an end belongs to."""
    until = end.effective or ""
    within = bisect_right(waiting, min(began, until), key=_day) if began is not None else 0
    before = bisect_left(waiting, until, key=_day)
    same_day = bisect_right(waiting, until, key=_day)
    return next((n - 1 for n in (within, before, same_day) if n), None)


def _day(fact: Standing) -> str:
    return fact.effective or ""


def _episode(fact: Standing) -> str | None:
    return fact.data.get("episode")
