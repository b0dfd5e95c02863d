"""Why a duty is due when it is, in plain words."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date

from carejourney import workdays
from carejourney.duties.facts import Fact, day_of, known_on_or_before
from carejourney.duties.policy import Due, Rule
from carejourney.duties.terms import Term


@dataclass(frozen=True, slots=True)
class Explanation:
    """One sentence for each question: which fact, which rule, which calendar, which override, what came of it."""

    fact: str
    rule: str
    calendar: str
    override: str
    outcome: str

    def __str__(self) -> str:
        return " ".join(astuple(self))


def explain(rule: Rule, root: Fact, term: Term, outcome: str) -> Explanation:
    """Put the making of a due date into words; `outcome` is the sentence on what came of it."""
    return Explanation(
        fact=_fact(rule, root),
        rule=_rule(rule, root, term),
        calendar=_calendar(term, day_of(root)),
        override=_override(rule, term),
        outcome=outcome,
    )


def in_words(day: date) -> str:
    """Write a day out, such as 3 March 2026."""
    return f"{day.day} {day:%B %Y}"


def cited(fact: Fact) -> str:
    """Name a fact by its type and id."""
    return f"{fact.type} (fact {fact.id})"


def _fact(rule: Rule, root: Fact) -> str:
    when = f"{'on or before' if known_on_or_before(root) else 'on'} {in_words(day_of(root))}"
    why = f": {rule.span.title} began" if rule.duty.arises.at_opening else ""
    return f"{rule.duty.title}: arose {when} from {cited(root)}{why}."


def _rule(rule: Rule, root: Fact, term: Term) -> str:
    bound = "on or before" if known_on_or_before(root) else "by"
    source = f"{rule.duty.regulation}; {_PROVENANCE[rule.duty.provenance]}"
    instead = f", where the rule says {_terms(rule.duty.due)}" if term.override else ""
    return f"Due {bound} {in_words(term.due)}: {_terms(term.applied)}{instead} ({source})."


_PROVENANCE = {"law": "law", "guidance": "statutory guidance", "default": "this system's default, not law"}


def _terms(terms: Sequence[Due]) -> str:
    return _listed([_term(due) for due in terms]) + (", whichever comes first" if len(terms) > 1 else "")


def _term(due: Due) -> str:
    said = {
        "working day": due.working_days,
        "day": due.days,
        "month": due.months,
    }
    counted = [f"within {count} {unit}{'s' if count > 1 else ''}" for unit, count in said.items() if count is not None]
    words = counted[0] if counted else f"by birthday number {due.birthday}"
    return f"{words} (while under {due.under_age})" if due.under_age is not None else words


def _calendar(term: Term, arose: date) -> str:
    unjudged = " A term that depends on the date of birth could not be judged." if term.unjudged else ""
    if term.chosen.working_days is not None:
        return f"Calendar: England's working days, {_left_out(arose, term.due)}.{unjudged}"
    if term.chosen.months is not None:
        return f"Calendar: whole months, to the last day of the month where it is shorter.{unjudged}"
    if term.chosen.birthday is not None:
        return f"Calendar: birthdays, 29 February counting on 1 March in other years.{unjudged}"
    return f"Calendar: every day counts.{unjudged}"


def _left_out(start: date, end: date) -> str:
    years = range(start.year, end.year + 1)
    closed = sorted(day for year in years for day in workdays.bank_holidays(year) if start < day <= end)
    if not closed:
        return "no bank holiday on the way"
    return (
        f"leaving out the bank holiday{'s' if len(closed) > 1 else ''} of {_listed([in_words(day) for day in closed])}"
    )


def _override(rule: Rule, term: Term) -> str:
    if term.override:
        return f"Override: the term is {rule.authority}'s own: {term.override.because}."
    if not rule.duty.override.allowed:
        return f"Override: none is allowed: {rule.duty.override.because}."
    return f"Override: none of {rule.authority}'s applies." if rule.authority else "Override: none."


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
