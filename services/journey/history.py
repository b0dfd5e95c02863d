"""A child's journey: what was so on any day, as known at any moment, out of the facts alone.

`history` is a pure function of one subject's facts. It does not depend on the order in which they arrived.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from carejourney.keys import SubjectKey
from carejourney.raised import TWIN, raised_in
from carejourney.standing import standing
from events.catalogue import CATALOGUE
from services.journey.contradictions import Contradiction, contradictions
from services.journey.days import last_instant, shown_on, text_of
from services.journey.intervals import Evidence, Told
from services.journey.lanes import LANES, RESTRICTED, TRANSITION, lanes_of
from services.journey.story import KINDS, Story
from services.journey.transitions import transitions
from services.journey.values import Opening


def history(
    facts: Sequence[Told],
    *,
    key: SubjectKey | None,
    child: str,
    local_id: str | None,
    true_on: date | None = None,
    known_on: date | datetime | None = None,
    withhold: bool = False,
) -> dict[str, Any]:
    """The history of one child as `docs/schemas/history.schema.json` describes it.

    `facts` are all that is held of the child, personal fields sealed with `key` (None: forgotten). With `true_on` only
    what held on that day is shown; a fact of one day holds for that day, a yearly outcome for its collection year.
    With `known_on` only what was known by the end of that day in England, or at that instant. `withhold` leaves out
    the restricted lanes and names them.
    """
    known = KINDS.versions.newest(_known(facts, known_on, withhold=withhold))
    opening = Opening(key)
    story = Story(standing(known), opening)
    lanes = lanes_of(story)
    found = [*story.wrong, *contradictions(lanes)]
    for one in found:
        for interval in one.intervals:
            interval.against.append(one.rule)
    lanes[TRANSITION] = transitions(story)
    evidence = Evidence(known, opening)
    day = true_on.isoformat() if true_on else None
    return {
        "child": child,
        "local_id": local_id,
        "true_on": day,
        "known_on": text_of(known_on),
        "lanes": {
            lane: [evidence.shown(i) for i in lanes[lane] if day is None or shown_on(i.start, i.until, day)]
            for lane in LANES
            if not (withhold and lane in RESTRICTED)
        },
        "contradictions": [one.shown() for one in _in_order(found, day)],
        "withheld": list(RESTRICTED) if withhold else [],
    }


def _known(facts: Iterable[Told], known_on: date | datetime | None, *, withhold: bool) -> list[Told]:
    limit = last_instant(known_on) if known_on else None
    heard = list(facts)
    raised = raised_in(heard, CATALOGUE) if withhold else frozenset()
    shown = (fact for fact in heard if limit is None or fact.known <= limit)
    return [fact for fact in shown if not (withhold and (fact.topic.endswith(TWIN) or fact.id in raised))]


def _in_order(found: Iterable[Contradiction], day: str | None) -> list[Contradiction]:
    """By day, lane and rule; what these leave equal stays in the order of its lane."""
    shown = (one for one in found if day is None or shown_on(one.start, one.until, day))
    return sorted(shown, key=lambda c: (c.start or "", c.lane, c.rule))
