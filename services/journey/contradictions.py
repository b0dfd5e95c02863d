"""Where what is stated does not fit together. Nothing is put right: it is recorded as stated, and said plainly.

The rules on episodes follow those by which the SSDA903 return is questioned (RNE against what changed: 434 to 436;
continuation: 388, 431, 433, 501; missing episodes: 574 to 581).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.journey.days import day_of
from services.journey.intervals import Interval, Lanes

OVERLAPPING: Final = (
    "care", "episode", "placement", "school", "missing", "social_worker", "deprivation_of_liberty", "adoption_plan",
)  # fmt: skip
ONE_STATEMENT: Final = ("details", "identity", "unaccompanied", "previous_permanence", "upn")
CONTINUES: Final = "X1"
BEGINS: Final = "S"
STATUS_CHANGES: Final = frozenset("LBU")
PLACEMENT_CHANGES: Final = frozenset("PTBU")
PLACEMENT_COLUMNS: Final = ("place", "place_provider", "pl_post", "urn")
_ISO_DAY: Final = 10


@dataclass(frozen=True, slots=True)
class Contradiction:
    """`start` and `until` bound the days it concerns; `facts` are those that do not fit; `intervals` show it."""

    lane: str
    start: str | None
    until: str | None
    rule: str
    reason: str
    facts: tuple[str, ...]
    intervals: tuple[Interval, ...] = ()

    def shown(self) -> dict[str, Any]:
        """The contradiction as a reader is told it."""
        return {
            "lane": self.lane,
            "from": self.start,
            "until": self.until,
            "rule": self.rule,
            "reason": self.reason,
            "facts": list(self.facts),
        }


def contradictions(lanes: Lanes) -> list[Contradiction]:
    """Everything in these lanes that does not fit together: rule by rule, each in the order of its lanes."""
    return [found for rule in RULES for found in rule(lanes)]


def _between(
    lane: str, rule: str, reason: str, intervals: Sequence[Interval], days: tuple[str | None, str | None] | None = None
) -> Contradiction:
    start, until = days or (intervals[-1].start, intervals[-1].until)
    facts = tuple(dict.fromkeys(i for interval in intervals for i in interval.facts))
    return Contradiction(lane, start, until, rule, reason, facts, tuple(intervals))


def _ended_before_start(lanes: Lanes) -> Iterator[Contradiction]:
    for lane in OVERLAPPING:
        for one in lanes[lane]:
            if one.start and one.until and one.until < one.start:
                reason = "the end that is stated lies before the beginning"
                yield _between(lane, "ended-before-start", reason, [one], (one.until, one.start))


def _proper(intervals: Iterable[Interval]) -> list[Interval]:
    """Those that cover time: begun, and not ended at or before their beginning."""
    return [i for i in intervals if i.start is not None and (i.until is None or i.until > i.start)]


def _overlaps(lanes: Lanes) -> Iterator[Contradiction]:
    for lane in OVERLAPPING:
        furthest: Interval | None = None
        for one in _proper(lanes[lane]):
            if furthest is None:
                furthest = one
                continue
            if furthest.until is None or (one.start or "") < furthest.until:
                yield _overlap(lane, furthest, one)
            if furthest.until is not None and (one.until is None or one.until > furthest.until):
                furthest = one


def _overlap(lane: str, earlier: Interval, later: Interval) -> Contradiction:
    ends = [e for e in (earlier.until, later.until) if e is not None]
    days = (later.start, min(ends, default=None))
    if earlier.until is not None:
        return _between(lane, "overlap", "two are stated for the same days", [earlier, later], days)
    if lane == "care":
        reason = "the child entered care again without having been said to leave it"
        return _between(lane, "entered-again", reason, [earlier, later], days)
    if later.until is None:
        return _between(lane, "several-open", "more than one is stated without an end", [earlier, later], days)
    return _between(lane, "no-end-stated", "another begins, and no end is stated", [earlier, later], days)


def _reason_without_end(lanes: Lanes) -> Iterator[Contradiction]:
    for one in lanes["episode"]:
        if one.until is None and (one.value["rec"] or one.value["reason_place_change"]):
            yield _between("episode", "reason-without-end", "a reason of ceasing is stated for an open episode", [one])


def _continuity(lanes: Lanes) -> Iterator[Contradiction]:
    """Gaps between episodes, and reasons that do not fit what changed from one to the next."""
    episodes = _proper(lanes["episode"])
    by_end: dict[str, list[Interval]] = {}
    for one in episodes:
        if one.until is not None:
            by_end.setdefault(one.until, []).append(one)
    furthest: Interval | None = None
    for one in episodes:
        before = by_end.get(one.start or "", [])
        if before:
            yield from _reasons(before[-1], one)
        elif furthest is not None and furthest.until is not None and furthest.until < (one.start or ""):
            yield from _gap(furthest, one)
        if furthest is None or (furthest.until is not None and (one.until is None or one.until > furthest.until)):
            furthest = one
    if furthest is not None and furthest.until is not None and _code(furthest, "rec") == CONTINUES:
        reason = "the episode ended because another began that day, and none is stated"
        yield _between("episode", "nothing-follows", reason, [furthest], (furthest.until, None))


def _code(episode: Interval, column: str) -> str | None:
    cell = episode.value[column]
    return cell["code"] if cell else None


def _gap(before: Interval, after: Interval) -> Iterator[Contradiction]:
    if _code(before, "rec") == CONTINUES or _code(after, "rne") != BEGINS:
        reason = "no episode is stated for these days, although care is said to have gone on"
        yield _between("episode", "gap", reason, [before, after], (before.until, after.start))


def _reasons(before: Interval, after: Interval) -> Iterator[Contradiction]:
    days = (after.start, after.until)
    began = _code(after, "rne")
    continued = _code(before, "rec") == CONTINUES
    if began == BEGINS:
        reason = "care is said to have begun on the day the episode before it ended"
        yield _between("episode", "rne-does-not-fit", reason, [before, after], days)
        return
    if not continued:
        reason = "the episode before it is said to have ended care, and this one goes on from it"
        yield _between("episode", "continued-after-ceasing", reason, [before, after], days)
    said = (began in STATUS_CHANGES, began in PLACEMENT_CHANGES)
    changed = (
        _code(before, "ls") != _code(after, "ls"),
        any(before.value[c] != after.value[c] for c in PLACEMENT_COLUMNS),
    )
    if said != changed:
        yield _between("episode", "rne-does-not-fit", _misfit(said, changed), [before, after], days)


def _misfit(said: tuple[bool, bool], changed: tuple[bool, bool]) -> str:
    words = {
        (True, True): "legal status and placement",
        (True, False): "legal status only",
        (False, True): "placement only",
        (False, False): "nothing",
    }
    return f"the reason for the new episode says that {words[said]} changed; what is stated changed {words[changed]}"


def _outside_care(lanes: Lanes) -> Iterator[Contradiction]:
    care = lanes["care"]
    if not care:
        return
    for one in lanes["review"]:
        if not _within(care, one.start, one.start):
            yield _between("review", "outside-care", "a review is stated for a day outside every period of care", [one])
    for lane in ("missing", "deprivation_of_liberty"):
        for one in lanes[lane]:
            if not _within(care, one.start, one.until):
                reason = "it is stated, in whole or in part, outside every period of care"
                yield _between(lane, "outside-care", reason, [one])


def _within(care: Iterable[Interval], start: str | None, until: str | None) -> bool:
    began = day_of(start) if start else ""
    ended = day_of(until) if until else None
    return any(
        (period.value["on_or_before"] or (period.start or "") <= began)
        and (period.until is None or (ended is not None and ended <= period.until))
        for period in care
    )


def _open_after_care(lanes: Lanes) -> Iterator[Contradiction]:
    care = lanes["care"]
    if not care or any(period.until is None for period in care):
        return
    left = max(period.until or "" for period in care)
    for one in lanes["placement"]:
        if one.until is None and (one.start or "") < left:
            reason = "the child has left care, and no end of the placement is stated"
            yield _between("placement", "open-after-care", reason, [one], (left, None))


def _before_birth(lanes: Lanes) -> Iterator[Contradiction]:
    for born in (one.value["date_of_birth"] for one in lanes["details"]):
        for period in lanes["care"]:
            if isinstance(born, str) and len(born) == _ISO_DAY and (period.start or born) < born:
                yield _between("care", "before-birth", "care is said to have begun before the child was born", [period])


def _stated_differently(lanes: Lanes) -> Iterator[Contradiction]:
    for lane in ONE_STATEMENT:
        if any(one.value != lanes[lane][0].value for one in lanes[lane]):
            reason = "more than one statement stands, and they differ"
            yield _between(lane, "stated-differently", reason, lanes[lane], (None, None))


def _interview_without_incident(lanes: Lanes) -> Iterator[Contradiction]:
    incidents = {one.parts[0].id for one in lanes["missing"]}
    for one in lanes["return_interview"]:
        if one.value["incident"] not in incidents:
            reason = "an interview is stated after a missing episode that is not stated"
            yield _between("return_interview", "no-such-incident", reason, [one])


RULES: Final[tuple[Callable[[Lanes], Iterator[Contradiction]], ...]] = (
    _ended_before_start,
    _overlaps,
    _reason_without_end,
    _continuity,
    _outside_care,
    _open_after_care,
    _before_birth,
    _stated_differently,
    _interview_without_incident,
)
