"""What led to what: assessments and referrals in their chain, by the causation their facts name."""

from collections.abc import Iterable
from typing import Any, Final

from carejourney.envelope import Recorded
from carejourney.standing import standing
from services.journey.values import Opening

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


def assessment_chains(facts: Iterable[Recorded], opening: Opening, *, withhold: bool) -> list[dict[str, Any]]:
    """Each assessment or referral with what follows from it: `{fact, type, effective, schema, value, led_to: [...]}`.

    Only links that stand are shown; what follows from one that was retracted begins a chain of its own.
    """
    heard = {fact.id: fact for fact in facts if not (withhold and fact.topic.endswith(".restricted"))}
    links: dict[str, dict[str, Any]] = {
        one.id: {
            "fact": one.id,
            "type": one.type,
            "effective": one.effective,
            "schema": heard[one.id].headers.get("ce_dataschema"),
            "value": opening.value(one.type, one.data),
            "led_to": [],
        }
        for one in standing(heard.values())
        if one.type in LINKS and not one.retracted
    }
    beginnings: list[dict[str, Any]] = []
    for identity in sorted(links, key=lambda i: (links[i]["effective"] or "", i)):
        cause = heard[identity].causation
        (links[cause]["led_to"] if cause in links else beginnings).append(links[identity])
    return beginnings
