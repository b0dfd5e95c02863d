"""What personal advisers ask: who is a care leaver, which birthdays have changed what is owed, how do they fare."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec

from carejourney.duties.recorded import day_in_london
from carejourney.envelope import CORRECTED, RETRACTED
from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.leaving_care.birthdays import DETAILS, DIED, ENTERED, LEFT, OUTCOMES
from services.leaving_care.tables import BIRTHDAYS


class Reported(msgspec.Struct, frozen=True, array_like=True):
    """How a care leaver fared in a collection year (SSDA903 OC3)."""

    year: int
    in_touch: str
    activity: str | None
    accommodation: str | None


class Leaver(msgspec.Struct, frozen=True):
    """One child or young person, as far as leaving care needs to know."""

    newest: tuple[str, str] = ("", "")
    in_care: bool = False
    left: tuple[str, str | None] | None = None
    died_in_care: bool = False
    died_later: bool = False
    birthdays: dict[str, str] = {}
    reported: Reported | None = None


def evolve(leaver: Leaver, fact: Standing) -> Leaver:
    leaver = msgspec.structs.replace(leaver, newest=max(leaver.newest, (fact.known, fact.authority)))
    return EVOLVE[fact.type](leaver, fact)


def child_entered_care(leaver: Leaver, fact: Standing) -> Leaver:
    episode = fact.data.get("episode")
    # On one day ends are folded before starts: a period that began and ended within the day has its end already.
    over = episode is not None and leaver.left == (fact.effective, episode)
    return msgspec.structs.replace(leaver, in_care=not over)


def child_left_care(leaver: Leaver, fact: Standing) -> Leaver:
    return msgspec.structs.replace(
        leaver,
        in_care=False,
        left=(fact.effective or "", fact.data.get("episode")),
        died_in_care=leaver.died_in_care or fact.data.get("reason") in DIED,
    )


def turned(leaver: Leaver, fact: Standing) -> Leaver:
    return msgspec.structs.replace(leaver, birthdays={**leaver.birthdays, fact.type: fact.effective or ""})


def care_leaver_outcomes_reported(leaver: Leaver, fact: Standing) -> Leaver:
    data = fact.data
    reported = Reported(data["year"], data["in_touch"], data.get("activity"), data.get("accommodation"))
    return msgspec.structs.replace(leaver, reported=reported, died_later=leaver.died_later or data["in_touch"] in DIED)


EVOLVE: Mapping[str, Callable[[Leaver, Standing], Leaver]] = {
    ENTERED: child_entered_care,
    LEFT: child_left_care,
    "leaving_care.turned_sixteen": turned,
    "leaving_care.turned_eighteen": turned,
    "leaving_care.turned_twenty_one": turned,
    "leaving_care.turned_twenty_five": turned,
    OUTCOMES: care_leaver_outcomes_reported,
}


def row(leaver: Leaver, _: Secrets) -> dict[str, Any]:
    """The row: only birthdays that were recorded; one that is to come would give the date of birth away."""
    sixteen, eighteen = (_day(leaver.birthdays.get(f"leaving_care.turned_{age}")) for age in ("sixteen", "eighteen"))
    reported = leaver.reported
    return {
        "authority": leaver.newest[1],
        "in_care": leaver.in_care,
        "left_on": _day(leaver.left[0]) if leaver.left and not leaver.in_care else None,
        "died": leaver.died_in_care or leaver.died_later,
        "in_care_at_sixteen_or_after": sixteen is not None,
        "care_leaver": sixteen is not None and (eighteen is not None or not leaver.in_care),
        "turned_sixteen_on": sixteen,
        "turned_eighteen_on": eighteen,
        "turned_twenty_one_on": _day(leaver.birthdays.get("leaving_care.turned_twenty_one")),
        "turned_twenty_five_on": _day(leaver.birthdays.get("leaving_care.turned_twenty_five")),
        "outcomes_year": reported.year if reported else None,
        "in_touch": reported.in_touch if reported else None,
        "activity": reported.activity if reported else None,
        "accommodation": reported.accommodation if reported else None,
    }


def _day(text: str | None) -> date | None:
    return day_in_london(text) if text else None


LEAVERS = Projection("birthdays", 1, BIRTHDAYS, Leaver, frozenset(EVOLVE), evolve, row)
PROJECTIONS = (LEAVERS,)
KEEPS = frozenset(EVOLVE) | {DETAILS, CORRECTED, RETRACTED}
