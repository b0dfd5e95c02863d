"""The birthdays that change what is owed to a young person: recorded on the day, or in bulk when already past.

They count only for the living who were in care on or after the 16th birthday. What should stand is compared with what
stands, so each is recorded once, however often the question is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from carejourney.duties.recorded import day_in_london, today_in_london
from carejourney.envelope import Draft
from carejourney.keys import FORGOTTEN
from carejourney.reactions import Outcome, Reaction, Situation
from carejourney.reconcile import Reconciliation, Wanted
from carejourney.restating import year_bounds
from carejourney.standing import Standing
from carejourney.workdays import birthday
from events.correction import FactCorrected, FactRetracted
from events.leaving_care import TurnedEighteen, TurnedSixteen, TurnedTwentyFive, TurnedTwentyOne

Birthday = type[TurnedSixteen] | type[TurnedEighteen] | type[TurnedTwentyOne] | type[TurnedTwentyFive]

BIRTHDAYS: Final[Mapping[int, Birthday]] = {
    16: TurnedSixteen,
    18: TurnedEighteen,
    21: TurnedTwentyOne,
    25: TurnedTwentyFive,
}
WIRES: Final = frozenset(turned.wire for turned in BIRTHDAYS.values())
COUNTS_FROM: Final = 16
DIED: Final = frozenset({"E2", "DIED"})

DETAILS: Final = "placement.child_details_recorded"
ENTERED: Final = "placement.child_entered_care"
LEFT: Final = "placement.child_left_care"
OUTCOMES: Final = "leaving_care.care_leaver_outcomes_reported"
LISTENS: Final = frozenset({DETAILS, ENTERED, LEFT, OUTCOMES})

_LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Period:
    """A time in care; `until` is the first day no longer in care, None while it lasts."""

    since: date
    until: date | None


def decide(situation: Situation) -> Outcome:
    """Which birthdays are to be recorded, corrected or retracted now, and when the next one is.

    Nothing is done, and nothing waited for, where the date of birth can no longer be read.
    """
    born = _born(situation.heard)
    if born == FORGOTTEN:
        return Outcome((), None)
    own = [fact for fact in situation.own if fact.type in WIRES]
    # What this service says itself of a death may not have come back to it yet.
    known = [*situation.heard, *(fact for fact in situation.own if fact.type == OUTCOMES and not fact.retracted)]
    owed = owed_birthdays(date.fromisoformat(born), known) if born else {}
    today = today_in_london(situation.now)
    record = Reconciliation(situation.subject, own, _key_of, corrected=FactCorrected, retracted=FactRetracted)
    for day, turned in owed.items():
        key = (turned.wire, day.isoformat())
        # A clock that was set back does not undo a birthday.
        if day <= today or record.standing(key):
            record.want(key, Wanted(turned(), day.isoformat(), stated=False))
    record.drop_unwanted(lambda _: True, "does_not_follow")
    coming = min((day for day in owed if day > today), default=None)
    return Outcome(_computed(record.settle().drafts), _start_of(coming) if coming else None)


def owed_birthdays(born: date, heard: Iterable[Standing]) -> dict[date, Birthday]:
    """Each birthday that counts by what is known, past or to come, by its day; none on or after a death."""
    facts = list(heard)
    sixteen = birthday(born, COUNTS_FROM)
    if not any(period.until is None or period.until > sixteen for period in periods(facts)):
        return {}
    died = _died(facts)
    days = {birthday(born, age): turned for age, turned in BIRTHDAYS.items()}
    return {day: turned for day, turned in days.items() if died is None or day < died}


def periods(heard: Iterable[Standing]) -> list[Period]:
    """The times in care, from the standing facts in effective order (ends before starts on one day)."""
    found: list[Period] = []
    ended: tuple[str | None, str | None] = (None, None)
    for fact in (f for f in heard if f.effective and f.type in {ENTERED, LEFT}):
        day, place = day_in_london(fact.effective or ""), (fact.effective, fact.data.get("episode"))
        if fact.type == ENTERED:
            within_a_day = place[1] is not None and place == ended
            found.append(Period(day, day if within_a_day else None))
        else:
            ended = place
            if found and found[-1].until is None:
                found[-1] = replace(found[-1], until=day)
    return found


def _born(heard: Sequence[Standing]) -> str | None:
    return next((str(f.data["date_of_birth"]) for f in reversed(heard) if f.type == DETAILS), None)


def _died(heard: Iterable[Standing]) -> date | None:
    """The day of death, or the earliest it can have been: a return says only in which year."""
    days = [_day_of_death(fact) for fact in heard]
    return min((day for day in days if day), default=None)


def _day_of_death(fact: Standing) -> date | None:
    if fact.type == LEFT and fact.data.get("reason") in DIED and fact.effective:
        return day_in_london(fact.effective)
    if fact.type == OUTCOMES and fact.data["in_touch"] in DIED:
        return date.fromisoformat(year_bounds(fact.data["year"])[0])
    return None


def _key_of(fact: Standing) -> tuple[str, str | None]:
    return (fact.type, fact.effective)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), _LONDON).astimezone(UTC)


def _computed(drafts: Iterable[Draft]) -> list[Draft]:
    """What is no longer so first; all in the stream of computed facts, which makes nobody's ETag stale."""
    ordered = sorted(drafts, key=lambda draft: not isinstance(draft.body, FactRetracted))
    return [replace(draft, stream="computed", origin="computed") for draft in ordered]


BIRTHDAY_REACTION = Reaction(name="birthdays", listens=LISTENS, emits=WIRES, decide=decide)
