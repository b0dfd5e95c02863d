"""What one year's return says of one child: every table's rows as they stood known on 31 March."""

from collections.abc import Iterator, Sequence
from datetime import date

from carejourney.sample import health, leavers
from carejourney.sample.chance import Chance
from carejourney.sample.episodes import Episode
from carejourney.sample.lives import Life, Period
from carejourney.sample.population import Ending, Outline
from carejourney.sample.tables import Row
from carejourney.sample.years import CollectionYear, written
from carejourney.workdays import birthday

_NOT_OF_SCHOOL_AGE, _EDUCATED_ABROAD = "UN1", "UN3"


def rows_of(life: Life, year: CollectionYear, draws: str) -> Iterator[tuple[str, Row]]:
    """Yield (table, row) for everything the year's return contains of a child; nothing if it contains nothing."""
    periods = [period for period in life.periods if year.touches(period.stay.start, period.stay.end)]
    told = list(_care_leaver(life, year, draws))
    if not periods and not told:
        return
    yield "Header", _header(life, year, in_care=bool(periods))
    for period in periods:
        yield from _period_rows(life, period, year)
    if periods:
        yield from _once_a_year(life, periods, year, draws)
        yield from _social_workers(life, year)
    yield from told


def enrolment_rows(life: Life, first: date, last: date) -> Iterator[Row]:
    """Yield the child's school enrolments that have a day from the first to the last, as known on the last."""
    for enrolment in life.enrolments:
        if (
            enrolment.start > last
            or (enrolment.end and enrolment.end < first)
            or not _in_care_within(life, first, last)
        ):
            continue
        known = enrolment.end if enrolment.end and enrolment.end <= last else None
        school = enrolment.school
        yield (
            life.local_id,
            life.upn,
            school.urn,
            school.name,
            written(enrolment.start),
            written(known),
            enrolment.reason,
        )


def looked_after_twelve_months(child: Outline, year: CollectionYear) -> bool:
    """Whether the child was looked after on every day of the year, entering on its first day included."""
    return any(stay.start <= year.first and stay.end > year.last for stay in child.stays)


def _in_care_within(life: Life, first: date, last: date) -> bool:
    return any(stay.start <= last and stay.end >= first for stay in life.outline.stays)


def _care_leaver(life: Life, year: CollectionYear, draws: str) -> Iterator[tuple[str, Row]]:
    for age in leavers.birthdays_told(life.outline, year):
        *earlier, now = [
            leavers.outcomes(Chance(draws, life.outline.number, "leaver", reached), reached)
            for reached in range(leavers.AGES.start, age + 1)
        ]
        if all(contact != "DIED" for contact, _, _ in earlier):
            yield "OC3", (life.local_id, written(life.outline.born), *now)


def _header(life: Life, year: CollectionYear, *, in_care: bool) -> Row:
    mother_of = year.known(life.mother_of)
    mother = ("1" if mother_of else "0") if life.outline.sex == "F" and in_care else ""
    return (
        life.local_id,
        year.sex(life.outline.sex),
        written(life.outline.born),
        life.ethnicity,
        life.upn if year.last >= life.upn_known else _no_upn(life),
        mother,
        written(mother_of) if mother else "",
    )


def _no_upn(life: Life) -> str:
    return _EDUCATED_ABROAD if life.outline.unaccompanied else _NOT_OF_SCHOOL_AGE


def _period_rows(life: Life, period: Period, year: CollectionYear) -> Iterator[tuple[str, Row]]:
    child = (life.local_id, written(life.outline.born))
    for episode in period.episodes:
        if year.touches(episode.start, episode.end):
            yield "Episodes", _episode(life, period, episode, year)
    for held, code in period.reviews:
        if year.holds(held):
            yield "Reviews", (*child, written(held), code)
    for incident in period.missing:
        if year.touches(incident.start, incident.end):
            yield "Missing", (*child, incident.kind, written(incident.start), written(year.known(incident.end)))
    yield from _adoption_rows(life, period, year)
    if year.has_deprivation_of_liberty:
        for start, end in period.restricted:
            if year.touches(start, end):
                yield "DoLo", (*child, written(start), written(year.known(end)))


def _social_workers(life: Life, year: CollectionYear) -> Iterator[tuple[str, Row]]:
    """Yield every allocation of the year, also one that outlasts a period of care which ended in the year before."""
    if not year.has_social_workers:
        return
    for one in (one for period in life.periods for one in period.allocations):
        if year.touches(one.start, one.end):
            told = (one.worker, written(one.start), written(year.known(one.end)), one.reason)
            yield "SWEpisodes", (life.local_id, written(life.outline.born), *told)


def _episode(life: Life, period: Period, episode: Episode, year: CollectionYear) -> Row:
    placement, ended = episode.placement, episode.end <= year.last
    return (
        life.local_id,
        written(episode.start),
        episode.cause,
        episode.status,
        period.need,
        year.place(placement.kind),
        placement.provider,
        written(year.known(episode.end)),
        episode.ceased if ended else "",
        episode.reason if ended else "",
        life.home,
        placement.postcode,
        year.registration(placement.kind, placement.urn),
    )


def _adoption_rows(life: Life, period: Period, year: CollectionYear) -> Iterator[tuple[str, Row]]:
    plan, stay = period.stay.adoption, period.stay
    if plan is None:
        return
    child = (life.local_id, written(life.outline.born))
    if year.touches(plan.decided, plan.reversed or stay.end):
        given_up = year.known(plan.reversed)
        yield (
            "PlacedAdoption",
            (*child, written(plan.decided), written(given_up), plan.reversal_reason if given_up else ""),
        )
    if stay.ending is Ending.ADOPTION and year.holds(stay.end):
        by_carer = "1" if plan.with_foster_carer else "0"
        yield "AD1", (*child, written(plan.decided), written(plan.matched), by_carer, *life.adopters)


def _once_a_year(life: Life, periods: Sequence[Period], year: CollectionYear, draws: str) -> Iterator[tuple[str, Row]]:
    outline, born = life.outline, written(life.outline.born)
    entered = [period for period in periods if year.holds(period.stay.start)]
    if entered:
        kind, authority, ordered = entered[0].permanence
        yield "PrevPerm", (life.local_id, born, kind, authority, written(ordered))
    if outline.unaccompanied:
        ceases = written(birthday(outline.born, 18))
        yield "UASC", (life.local_id, year.sex(outline.sex), born, ceases)
    if looked_after_twelve_months(outline, year):
        chance = Chance(draws, outline.number, "health", year.name)
        yield "OC2", (life.local_id, born, *health.outcomes(chance, outline.born, life.difficulty, year))
