"""What led to what: assessments and referrals in their chain, by the causation their facts name."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from carejourney.standing import Standing, standing
from services.journey.intervals import Told
from services.journey.values import Opening

TWIN: Final = ".restricted"
LINKS: Final = frozenset(
    {
        "planning.needs_assessed",
        "planning.decision_requested",
        "planning.decision_made",
        "planning.support_started",
        "health.referral_made",
        "health.developmental_concern_raised",
    }
)


def assessment_chains(facts: Iterable[Told], opening: Opening, *, withhold: bool) -> list[dict[str, Any]]:
    """Each assessment or referral with what follows from it: `{fact, type, effective, schema, value, led_to: [...]}`.

    Only links that stand are shown; what follows from one that was retracted begins a chain of its own.

    A cause may be named by its first statement or by any correction of it. A link that was raised to the restricted
    topic keeps its place.
    """
    heard = {fact.id: fact for fact in facts if not (withhold and fact.topic.endswith(TWIN))}
    known = [one for one in standing(heard.values()) if one.type in LINKS]
    moved = _moved(known, heard)
    stand = {one.id: one for one in known if not one.retracted}
    first = {said: moved.get(one.id, one.id) for one in known for said in one.facts}
    links: dict[str, dict[str, Any]] = {
        one.id: {
            "fact": one.id,
            "type": one.type,
            "effective": one.effective,
            "schema": heard[one.id].schema,
            "value": opening.value(one.type, one.data),
            "led_to": [],
        }
        for one in stand.values()
    }
    before = {later: earlier for earlier, later in moved.items()}
    beginnings: list[dict[str, Any]] = []
    for identity in sorted(links, key=lambda i: (links[i]["effective"] or "", i)):
        cause = first.get(heard[before.get(identity, identity)].causation or "")
        (links[cause]["led_to"] if cause in links else beginnings).append(links[identity])
    return beginnings


def _moved(known: Iterable[Standing], heard: Mapping[str, Told]) -> dict[str, str]:
    """What was withdrawn from an open topic to be said again in the restricted twin, by the id it has there."""
    open_once = {one.id: one for one in known if one.retracted and not one.topic.endswith(TWIN)}
    found: dict[str, str] = {}
    for one in known:
        earlier = open_once.get(heard[one.id].causation or "")
        if earlier and one.type == earlier.type and one.topic == f"{earlier.topic}{TWIN}":
            found[earlier.id] = one.id
    return found
