"""What health staff ask: who is in care, who was assessed when, whose registration is to be checked after a move."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from carejourney.duties import Policy, load_policy
from carejourney.duties.outlook import lasting, latest, met_on, outlook
from carejourney.duties.recorded import Looking, Said, day_in_london, with_said
from carejourney.envelope import CORRECTED, RETRACTED
from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.health.tables import HEALTH_RECORD

POLICY = load_policy(Path(__file__).parent / "policy")
FIRST_ASSESSMENT = "health.initial_health_assessment"
# Later assessments are due by the child's age, which no table may give away: they are told where they are read.
FIRST = Policy(tuple(rule for rule in POLICY.rules if rule.duty.id == FIRST_ASSESSMENT))
LOOKING = Looking(FIRST)
DETAILS = "placement.child_details_recorded"


class Reported(msgspec.Struct, frozen=True, array_like=True):
    """The health outcomes of a collection year (SSDA903 OC2)."""

    year: int
    sdq_score: int | None
    sdq_reason: str | None
    health_check: bool | None
    immunisations: bool | None
    teeth_check: bool | None
    health_assessment: bool | None


class Record(msgspec.Struct, frozen=True):
    """One child, as far as health needs to know."""

    newest: tuple[str, str] = ("", "")
    said: tuple[Said, ...] = ()
    in_care: bool = False
    entered: str | None = None
    on_or_before: bool = False
    left: tuple[str, str | None] | None = None
    moved: str | None = None
    assessed: str | None = None
    eighteen: str | None = None
    reported: Reported | None = None


def evolve(record: Record, fact: Standing) -> Record:
    said = LOOKING.said(fact)
    record = msgspec.structs.replace(
        record,
        newest=max(record.newest, (fact.known, fact.authority)),
        said=with_said(record.said, said) if said else record.said,
    )
    return EVOLVE[fact.type](record, fact)


def child_entered_care(record: Record, fact: Standing) -> Record:
    day, episode = fact.effective or "", fact.data.get("episode")
    # On one day ends are folded before starts: a period that began and ended within the day has its end already.
    over = episode is not None and record.left == (day, episode)
    return msgspec.structs.replace(
        record, in_care=not over, entered=day, on_or_before=fact.data.get("on_or_before") is True
    )


def child_left_care(record: Record, fact: Standing) -> Record:
    return msgspec.structs.replace(record, in_care=False, left=(fact.effective or "", fact.data.get("episode")))


def legal_status_changed(record: Record, _: Standing) -> Record:
    return record


def placement_moved(record: Record, fact: Standing) -> Record:
    if fact.data.get("carer_changed") is False:
        return record
    return msgspec.structs.replace(record, moved=fact.effective)


def health_assessment_held(record: Record, fact: Standing) -> Record:
    return msgspec.structs.replace(record, assessed=fact.effective)


def health_outcomes_reported(record: Record, fact: Standing) -> Record:
    said: Mapping[str, Any] = {name: fact.data.get(name) for name in Reported.__struct_fields__}
    return msgspec.structs.replace(record, reported=Reported(**said))


def turned_eighteen(record: Record, fact: Standing) -> Record:
    return msgspec.structs.replace(record, eighteen=fact.effective)


EVOLVE: Mapping[str, Callable[[Record, Standing], Record]] = {
    "placement.child_entered_care": child_entered_care,
    "placement.child_left_care": child_left_care,
    "placement.legal_status_changed": legal_status_changed,
    "placement.placement_moved": placement_moved,
    "health.health_assessment_held": health_assessment_held,
    "health.health_outcomes_reported": health_outcomes_reported,
    "leaving_care.turned_eighteen": turned_eighteen,
}


def row(record: Record, _: Secrets) -> dict[str, Any]:
    """The row; `due_on` does not depend on the day it is made: overdue is told at reading."""
    first = latest(outlook(record.said, FIRST), FIRST_ASSESSMENT)
    outcomes = msgspec.structs.asdict(record.reported) if record.reported else {}
    return {
        "authority": record.newest[1],
        "in_care": record.in_care,
        "entered_on": _day(record.entered),
        "on_or_before": record.on_or_before,
        "due_on": first.due if first else None,
        "due_on_or_before": first is not None and first.due_on_or_before,
        "met_on": met_on(first) if first else None,
        "due_state": lasting(first) if first else None,
        "registration_to_check_since": _day(record.moved),
        "last_assessed_on": _day(record.assessed),
        "turned_eighteen_on": _day(record.eighteen),
        "outcomes_year": outcomes.pop("year", None),
        **outcomes,
    }


def _day(text: str | None) -> date | None:
    return day_in_london(text) if text else None


HEALTH = Projection("health_record", 1, HEALTH_RECORD, Record, frozenset(EVOLVE), evolve, row)
PROJECTIONS = (HEALTH,)
KEEPS = frozenset(EVOLVE) | POLICY.fact_types() | {DETAILS, CORRECTED, RETRACTED}
