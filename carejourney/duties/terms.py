"""When a duty is due: the terms of an entry, or of an authority's override, counted from the day it arose."""

from dataclasses import dataclass
from datetime import date, timedelta

from carejourney import workdays
from carejourney.duties.policy import Due, Override, Rule


@dataclass(frozen=True, slots=True)
class Term:
    """The earliest of the terms that apply, the ones it was chosen from, and those that could not be judged."""

    due: date
    chosen: Due
    applied: tuple[Due, ...]
    unjudged: tuple[Due, ...]
    override: Override | None


def term(rule: Rule, arose: date, born: date | None) -> Term | None:
    """Return the term of a duty that arose on a day; None when nothing can be said without the date of birth."""
    override = rule.override if rule.override and rule.override.covers(arose) else None
    said = override.due if override else rule.duty.due
    unjudged = tuple(due for due in said if due.needs_birth_date and born is None)
    applied = tuple(due for due in said if due not in unjudged and _applies(due, arose, born))
    dated = [(_due_date(due, arose, born), place, due) for place, due in enumerate(applied)]
    if not dated:
        return None
    day, _, chosen = min(dated, key=lambda one: one[:2])
    return Term(day, chosen, applied, unjudged, override)


def _applies(due: Due, arose: date, born: date | None) -> bool:
    return due.under_age is None or born is None or workdays.age_on(born, arose) < due.under_age


def _due_date(due: Due, arose: date, born: date | None) -> date:
    if due.working_days is not None:
        return workdays.add_working_days(arose, due.working_days)
    if due.months is not None:
        return workdays.add_months(arose, due.months)
    if due.birthday is not None and born is not None:
        return workdays.birthday(born, due.birthday)
    return arose + timedelta(days=due.days or 0)
