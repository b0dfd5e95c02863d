"""A plan of adoption: the decision, the placement order, the match, the placement, and how it ends."""

from dataclasses import dataclass
from datetime import date, timedelta

from carejourney.sample.chance import Chance

_WITH_FOSTER_CARER = 0.2
_DECISION_AFTER = (195, 330)
_ORDER_AFTER = (7, 56)
_PLACED_AFTER = (10, 45)
_REVERSED_AFTER = (250, 700)
_MATCH_MEDIAN, _MATCH_SPREAD = 255, 0.5
_ADOPTED_MEDIAN, _ADOPTED_SPREAD = 200, 0.35
_REVERSAL_REASONS = {"RD1": 35.0, "RD2": 5.0, "RD3": 45.0, "RD4": 15.0}


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """The days of one plan of adoption.

    Either `matched`, `placed` and `adopted` are set (the child is adopted), or `reversed` with its reason is.
    """

    decided: date
    ordered: date
    with_foster_carer: bool = False
    matched: date | None = None
    placed: date | None = None
    adopted: date | None = None
    reversed: date | None = None
    reversal_reason: str = ""


def plan_of_adoption(chance: Chance, entered: date) -> AdoptionPlan:
    """Draw a plan that ends in adoption for a child who entered care that day."""
    decided, ordered = _decision_and_order(chance, entered)
    with_foster_carer = chance.happens(_WITH_FOSTER_CARER)
    matched = ordered + timedelta(days=chance.spell(_MATCH_MEDIAN, _MATCH_SPREAD))
    placed = matched + timedelta(days=chance.whole(*_PLACED_AFTER))
    adopted = placed + timedelta(days=70 + chance.spell(_ADOPTED_MEDIAN - 70, _ADOPTED_SPREAD))
    return AdoptionPlan(decided, ordered, with_foster_carer, matched, placed, adopted)


def reversed_plan(chance: Chance, entered: date) -> AdoptionPlan:
    """Draw a plan that is given up, so that the child stays in care."""
    decided, ordered = _decision_and_order(chance, entered)
    reversed_on = ordered + timedelta(days=chance.whole(*_REVERSED_AFTER))
    return AdoptionPlan(decided, ordered, reversed=reversed_on, reversal_reason=chance.pick(_REVERSAL_REASONS))


def _decision_and_order(chance: Chance, entered: date) -> tuple[date, date]:
    decided = entered + timedelta(days=chance.whole(*_DECISION_AFTER))
    return decided, decided + timedelta(days=chance.whole(*_ORDER_AFTER))
