"""One child's life in full: everything the returns of any year may ask about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from carejourney.sample.areas import Whereabouts
from carejourney.sample.chance import Chance
from carejourney.sample.episodes import Episode, episodes, with_temporary_moves
from carejourney.sample.health import difficulties
from carejourney.sample.missing import Habit, Incident, habit_of, incidents
from carejourney.sample.placements import Placement, Settling
from carejourney.sample.population import Outline, Stay
from carejourney.sample.reviews import reviews
from carejourney.sample.schools import Enrolment, enrolments, first_autumn, last_summer
from carejourney.sample.statuses import statuses
from carejourney.sample.workers import Allocation, allocations
from carejourney.sample.world import World
from carejourney.workdays import age_on, birthday

_UNSETTLED_SHAPE = 0.65
_MOTHER, _MOTHER_FROM = 0.04, 15
_NEW_UPN_AFTER = timedelta(days=70)
_SCHOOL_AGE_ON_ARRIVAL = 15
_NEEDS = {"N1": 73, "N2": 2.2, "N3": 2.5, "N4": 8.6, "N5": 12, "N6": 1, "N7": 0.1, "N8": 0.6}
_NEEDS_OLDER = {"N1": 62, "N2": 2.5, "N3": 2.5, "N4": 12, "N5": 14, "N6": 6, "N7": 0.2, "N8": 0.8}
_NEEDS_UNACCOMPANIED = {"N8": 96, "N1": 3, "N5": 1}
_OLDER_FROM = 12
_ETHNICITIES = {
    "WBRI": 69, "WIRI": 0.7, "WOTH": 4.5, "WIRT": 0.8, "WROM": 1, "MWBC": 4.3, "MWBA": 1.6, "MWAS": 2.1, "MOTH": 3.6,
    "AIND": 0.5, "APKN": 1.6, "ABAN": 0.7, "AOTH": 1, "BCRB": 2, "BAFR": 2.6, "BOTH": 1.3, "CHNE": 0.2, "OOTH": 1.3,
    "REFU": 0.1, "NOBT": 0.7,
}  # fmt: skip
_ETHNICITIES_UNACCOMPANIED = {"OOTH": 34, "AOTH": 18, "BAFR": 34, "BOTH": 2, "WOTH": 8, "ABAN": 2, "APKN": 1, "NOBT": 1}
_PERMANENCE = {"Z1": 94.8, "P1": 1.2, "P2": 2.4, "P3": 1.2, "P4": 0.4}
_PERMANENCE_AUTHORITY = "999"
_ADOPTERS = {
    ("1", "F1", "L0"): 14, ("1", "M1", "L0"): 2, ("2", "MF", "L11"): 58, ("2", "MF", "L3"): 10,
    ("2", "MM", "L12"): 8, ("2", "FF", "L12"): 4, ("2", "MM", "L2"): 1, ("2", "FF", "L4"): 2, ("2", "MM", "L4"): 1,
}  # fmt: skip
_RESTRICTED_UNDER = frozenset({"K2", "Z12", "Z13"})
_RESTRICTED = {"K2": 0.03, "Z12": 0.45, "Z13": 0.45}
_RESTRICTED_FOR = (28, 120)


@dataclass(frozen=True, slots=True)
class Period:
    """One period of care with everything that happens in it."""

    stay: Stay
    need: str
    episodes: Sequence[Episode]
    reviews: Sequence[tuple[date, str]]
    missing: Sequence[Incident]
    allocations: Sequence[Allocation]
    restricted: Sequence[tuple[date, date]]
    permanence: tuple[str, str, date | None]


@dataclass(frozen=True, slots=True)
class Life:
    """A child, as one local authority comes to know the child over the years."""

    outline: Outline
    local_id: str
    ethnicity: str
    home: str
    upn: str
    upn_known: date
    mother_of: date | None
    difficulty: float
    adopters: tuple[str, str, str]
    periods: Sequence[Period]
    enrolments: Sequence[Enrolment]


def life(world: World, outline: Outline, number: int) -> Life:
    """Draw the whole life of a child of the authority; `number` becomes the local id."""
    chance = Chance(world.marks.draws, outline.number, "life")
    unaccompanied = outline.unaccompanied
    home = "" if unaccompanied else world.areas.postcode(chance, Whereabouts.INSIDE, world.home_postcodes)
    settling = Settling(chance, world, outline, home, 0.25 + 0.75 * chance.skewed(_UNSETTLED_SHAPE))
    habit = habit_of(chance, unaccompanied=unaccompanied)
    drawn = [_period(settling, stay, habit) for stay in outline.stays]
    placements = [placement for _, placed in drawn for placement in placed]
    return Life(
        outline=outline,
        local_id=world.marks.local_id(number),
        ethnicity=chance.pick(_ETHNICITIES_UNACCOMPANIED if unaccompanied else _ETHNICITIES),
        home=home,
        upn=world.marks.upn(number, first_autumn(outline.born).year),
        upn_known=_upn_known(outline),
        mother_of=_mother_of(chance, outline),
        difficulty=difficulties(chance),
        adopters=chance.pick(_ADOPTERS),
        periods=[period for period, _ in drawn],
        enrolments=_enrolled(chance, world, outline, placements),
    )


def _period(settling: Settling, stay: Stay, habit: Habit) -> tuple[Period, list[Placement]]:
    chance, child, world = settling.chance, settling.child, settling.world
    under = statuses(chance, child, stay)
    placed = settling.placements(stay, under)
    stays_at = list(with_temporary_moves(chance, world, placed, under, stay.end))
    cut = episodes(chance, stay, stays_at, under)
    period = Period(
        stay=stay,
        need=_need(chance, child, stay),
        episodes=cut,
        reviews=list(reviews(chance, child, stay)),
        missing=list(incidents(chance, child, stay, habit, {episode.start for episode in cut})),
        allocations=list(allocations(chance, world, stay)),
        restricted=_restricted(chance, placed, stay),
        permanence=_permanence(chance, child, stay),
    )
    return period, placed


def _need(chance: Chance, child: Outline, stay: Stay) -> str:
    if child.unaccompanied:
        return chance.pick(_NEEDS_UNACCOMPANIED)
    return chance.pick(_NEEDS_OLDER if age_on(child.born, stay.start) >= _OLDER_FROM else _NEEDS)


def _restricted(chance: Chance, placed: Sequence[Placement], stay: Stay) -> list[tuple[date, date]]:
    """Draw deprivation of liberty orders: made for a placement that cannot keep the child safe without."""
    orders: list[tuple[date, date]] = []
    ends = [*(placement.start for placement in placed[1:]), stay.end]
    for placement, end in zip(placed, ends, strict=True):
        if placement.kind in _RESTRICTED_UNDER and chance.happens(_RESTRICTED[placement.kind]):
            orders.append((placement.start, min(end, placement.start + timedelta(days=chance.whole(*_RESTRICTED_FOR)))))
    return orders


def _permanence(chance: Chance, child: Outline, stay: Stay) -> tuple[str, str, date | None]:
    kind = chance.pick(_PERMANENCE)
    old_enough = (stay.start - child.born).days > 800  # noqa: PLR2004
    if kind == "Z1" or child.unaccompanied or not old_enough or stay != child.stays[0]:
        return "Z1", "", None
    ordered = chance.day(child.born + timedelta(days=400), stay.start - timedelta(days=200))
    return kind, _PERMANENCE_AUTHORITY, ordered


def _mother_of(chance: Chance, child: Outline) -> date | None:
    """Return the birthday of a girl's first child, within her last period of care."""
    first, last = max(child.stays[-1].start, birthday(child.born, _MOTHER_FROM)), child.stays[-1].end
    wanted = child.sex == "F" and chance.happens(_MOTHER)
    return chance.day(first, last - timedelta(days=1)) if wanted and first < last else None


def _upn_known(child: Outline) -> date:
    """Return the day from which a child has a UPN: the start of school, or some weeks after arriving from abroad."""
    if not child.unaccompanied:
        return first_autumn(child.born).replace(day=1)
    arrived = child.stays[0].start
    return arrived + _NEW_UPN_AFTER if age_on(child.born, arrived) <= _SCHOOL_AGE_ON_ARRIVAL else date.max


def _enrolled(chance: Chance, world: World, child: Outline, placements: Sequence[Placement]) -> list[Enrolment]:
    if child.stays[0].start >= last_summer(child.born) or _upn_known(child) == date.max:
        return []
    return [
        enrolment
        for enrolment in enrolments(chance, world, child, placements)
        if enrolment.end is None or enrolment.end > child.stays[0].start
    ]
