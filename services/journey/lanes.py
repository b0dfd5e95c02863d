"""The lanes of a history: standing facts of one subject made into intervals, as stated and never smoothed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from carejourney.projection import Order
from carejourney.standing import Standing
from events.catalogue import CATALOGUE
from events.event import Fact, Sensitivity
from services.journey.contradictions import PLACEMENT_CHANGES, STATUS_CHANGES
from services.journey.days import day_after, day_of
from services.journey.episodes import episode_intervals
from services.journey.intervals import Interval, Lanes
from services.journey.pairing import pair
from services.journey.statuses import legal_status_intervals
from services.journey.story import KINDS, Story


class Linked(NamedTuple):
    """A lane whose ends name the fact they end, in the field `link`."""

    start: str
    end: str
    link: str


def _linked_lanes() -> Mapping[str, Linked]:
    """Every lane, but that of the episodes, with an end that names its beginning."""
    return {
        cls.lane: Linked(cls.linked.wire, wire, cls.link)
        for wire, cls in CATALOGUE.items()
        if cls.edge == "end" and cls.linked and cls.link and cls.lane != "episode"
    }


LINKED: Final[Mapping[str, Linked]] = _linked_lanes()
ORDERED: Final[Mapping[str, tuple[str, str]]] = {
    "care": ("placement.child_entered_care", "placement.child_left_care"),
    "placement": ("placement.placement_started", "placement.placement_ended"),
}
AGES: Final = {
    "leaving_care.turned_sixteen": 16,
    "leaving_care.turned_eighteen": 18,
    "leaving_care.turned_twenty_one": 21,
    "leaving_care.turned_twenty_five": 25,
}
BUILT: Final = frozenset({"episode", "legal_status", "correction", *LINKED, *ORDERED})
ALONE: Final[Mapping[str, type[Fact]]] = {w: cls for w, cls in CATALOGUE.items() if cls.lane not in BUILT}
RESTRICTED: Final = tuple(sorted({cls.lane for cls in CATALOGUE.values() if cls.sensitivity is Sensitivity.RESTRICTED}))
TRANSITION: Final = "transition"
LANES: Final = (
    *dict.fromkeys(cls.lane for cls in CATALOGUE.values() if cls.lane != "correction"),
    TRANSITION,
)


def lanes_of(story: Story) -> Lanes:
    """Every lane but `transition`, each in the order of its intervals' beginnings."""
    lanes: Lanes = {lane: [] for lane in LANES}
    for wire, cls in ALONE.items():
        lanes[cls.lane].extend(_alone(story, wire, cls))
    for lane, linked in LINKED.items():
        lanes[lane] = _linked(story, lane, linked)
    lanes["episode"] = episode_intervals(story)
    began = {fact.id: fact.effective or "" for fact in story.of("placement.episode_started")}
    for lane, (start, end) in ORDERED.items():
        lanes[lane] = _ordered(story, lane, start, end, began)
    lanes["legal_status"] = legal_status_intervals(story, lanes["care"])
    _say_on_or_before(lanes)
    for intervals in lanes.values():
        intervals.sort(key=_place)
    return lanes


def _say_on_or_before(lanes: Lanes) -> None:
    """Where care began on or before a day, so did what that day's episode does not say to have changed then (RNE)."""
    unsure = {period.start for period in lanes["care"] if period.value["on_or_before"]}
    changed = {one.start: one.value["rne"]["code"] for one in lanes["episode"] if one.start in unsure}
    for lane, changes in (("care", frozenset()), ("legal_status", STATUS_CHANGES), ("placement", PLACEMENT_CHANGES)):
        for one in lanes[lane]:
            one.on_or_before = one.start in unsure and changed.get(one.start) not in changes


def _place(interval: Interval) -> Order:
    return KINDS.order(interval.parts[0])


def _alone(story: Story, wire: str, cls: type[Fact]) -> Iterable[Interval]:
    for fact in story.of(wire):
        value = story.opening.value(wire, fact.data)
        if wire in AGES:
            value["age"] = AGES[wire]
        yield Interval(fact.effective, _until(cls, fact), value, (fact,))


def _until(cls: type[Fact], fact: Standing) -> str | None:
    """A yearly outcome holds for its collection year, a fact of a day for that day, a timeless one for ever."""
    if not cls.dated or fact.effective is None:
        return None
    if isinstance(fact.data.get("year"), int):
        return f"{fact.data['year']}-04-01"
    return day_after(day_of(fact.effective))


def _linked(story: Story, lane: str, linked: Linked) -> list[Interval]:
    ends = story.ends(lane, linked.end, linked.link)
    made = [_interval(story, linked.end, start, *ends.take(start)) for start in story.of(linked.start)]
    ends.report_orphans()
    return made


def _ordered(story: Story, lane: str, start_type: str, end_type: str, began: Mapping[str, str]) -> list[Interval]:
    starts = story.of(start_type)
    pairs, orphans = pair(starts, story.of(end_type), began)
    story.orphaned(lane, orphans)
    withdrawn = story.retracted(end_type, "episode")
    return [
        _interval(story, end_type, start, pairs.get(start.id), withdrawn.get(start.data.get("episode") or "", ()))
        for start in starts
    ]


def _interval(
    story: Story, end_type: str, start: Standing, end: Standing | None, withdrawn: Sequence[Standing]
) -> Interval:
    value = story.opening.value(start.type, start.data)
    value.update(story.opening.ending(end_type, end.data if end else None))
    parts = (start, end) if end else (start, *withdrawn)
    return Interval(start.effective, end.effective if end else None, value, parts)
