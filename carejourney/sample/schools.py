"""School enrolments: phases of schooling, changes that follow a placement move, and changes that do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from carejourney.sample.areas import Whereabouts
from carejourney.sample.chance import Chance
from carejourney.sample.placements import TEMPORARY, Placement
from carejourney.sample.population import Outline
from carejourney.sample.world import School, World
from carejourney.workdays import birthday

_RECEPTION_AGE, _YEARS_BEFORE_SECONDARY, _YEARS_OF_SCHOOL = 4, 7, 12
_AUTUMN = (9, 3)
_FOLLOWS_MOVE = {Whereabouts.FAR: 0.5, Whereabouts.NEAR: 0.13, Whereabouts.INSIDE: 0.04}
_PLACE_FOUND_AFTER = (2, 40)
_NEWLY_ARRIVED = (20, 60)
_OWN_CHANGE_EVERY = 6000
_OWN_REASONS = {"managed_move": 30, "exclusion": 10, "family_moved": 15, "choice": 25, "other": 20}
_SPECIAL = 0.11
_APART = timedelta(days=14)
_SATURDAY, _WEEK = 5, 7
_HOLIDAY = ((7, 20), (9, 2))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A child on the roll of a school from a day until the first day no longer so; `reason` is why it began."""

    school: School
    start: date
    end: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Change:
    day: date
    reason: str
    left: date | None = None


def first_autumn(born: date) -> date:
    """Return the day a child of that birthday starts school: the September after turning four."""
    four = birthday(born, _RECEPTION_AGE)
    autumn = date(four.year, *_AUTUMN)
    return autumn if four < date(four.year, 9, 1) else autumn.replace(year=four.year + 1)


def last_summer(born: date) -> date:
    """Return the first day after compulsory schooling."""
    return date(first_autumn(born).year + _YEARS_OF_SCHOOL, 8, 1)


def enrolments(chance: Chance, world: World, child: Outline, placements: Sequence[Placement]) -> list[Enrolment]:
    """Draw the enrolments of a child from entry into care to the last day in care, or to the end of schooling."""
    entered, left = child.stays[0].start, child.stays[-1].end
    special = chance.happens(_SPECIAL)
    over = min(left, last_summer(child.born))
    roll: list[Enrolment] = []
    for change in _spaced(sorted(_changes(chance, child, placements, entered), key=lambda change: change.day)):
        if change.day >= over or (special and roll and change.reason == "phase_transfer"):
            continue
        phase = "special" if special else _phase(child.born, change.day)
        roll = _moved(roll, change, _school(chance, world.schools[phase, _where(placements, change.day)], roll))
    if roll and last_summer(child.born) <= left:
        roll[-1] = replace(roll[-1], end=last_summer(child.born))
    return roll


def _moved(roll: list[Enrolment], change: _Change, school: School) -> list[Enrolment]:
    if roll:
        last_day = max(roll[-1].start + timedelta(days=1), min(change.left or change.day, change.day))
        roll = [*roll[:-1], replace(roll[-1], end=last_day)]
    return [*roll, Enrolment(school, change.day, None, change.reason)]


def _changes(chance: Chance, child: Outline, placements: Sequence[Placement], entered: date) -> Iterator[_Change]:
    begun = _begun(chance, child, entered)
    yield begun
    if _first_of_secondary(child.born) > begun.day:
        yield _Change(_first_of_secondary(child.born), "phase_transfer")
    for before, now in zip([None, *placements], placements, strict=False):
        if now.start > begun.day and _moves_school(chance, before, now):
            found = _in_term(now.start + timedelta(days=chance.whole(*_PLACE_FOUND_AFTER)))
            yield _Change(found, "placement_move", now.start)
    day = begun.day
    while (day := day + timedelta(days=chance.wait(_OWN_CHANGE_EVERY))) < child.stays[-1].end:
        yield _Change(_in_term(day), chance.pick(_OWN_REASONS))


def _begun(chance: Chance, child: Outline, entered: date) -> _Change:
    """Return how the school a child has on entering care, or the first one after, began."""
    autumn = first_autumn(child.born)
    if child.unaccompanied:
        return _Change(_in_term(entered + timedelta(days=chance.whole(*_NEWLY_ARRIVED))), "first_school")
    secondary = _first_of_secondary(child.born)
    return _Change(secondary, "phase_transfer") if secondary <= entered else _Change(autumn, "first_school")


def _moves_school(chance: Chance, before: Placement | None, now: Placement) -> bool:
    if before is not None and (before.carer == now.carer or now.kind in TEMPORARY):
        return False
    return chance.happens(_FOLLOWS_MOVE[now.where])


def _spaced(changes: Sequence[_Change]) -> Iterator[_Change]:
    last: _Change | None = None
    for change in changes:
        if last is None or change.day - last.day >= _APART:
            yield change
            last = change


def _in_term(day: date) -> date:
    (month, first), (until_month, until) = _HOLIDAY
    in_holiday = date(day.year, month, first) <= day <= date(day.year, until_month, until)
    day = date(day.year, *_AUTUMN) if in_holiday else day
    return day + timedelta(days=_WEEK - day.weekday()) if day.weekday() >= _SATURDAY else day


def _first_of_secondary(born: date) -> date:
    return first_autumn(born).replace(year=first_autumn(born).year + _YEARS_BEFORE_SECONDARY)


def _phase(born: date, day: date) -> str:
    return "primary" if day < _first_of_secondary(born) else "secondary"


def _where(placements: Sequence[Placement], day: date) -> Whereabouts:
    """Return where the child lives on a day: at home, inside the authority, before the first placement."""
    return next((placement.where for placement in reversed(placements) if placement.start <= day), Whereabouts.INSIDE)


def _school(chance: Chance, choices: Sequence[School], roll: Sequence[Enrolment]) -> School:
    last = roll[-1].school.urn if roll else ""
    while (school := chance.one(choices)).urn == last:
        pass
    return school
