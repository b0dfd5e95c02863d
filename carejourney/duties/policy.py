"""The entries of a policy file, each checked where it is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, Self

import msgspec

Scalar = bool | int | str


class PolicyError(Exception):
    """A policy file or a local override that cannot be used; the message names file, entry and field."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Match(_Entry, frozen=True):
    """A fact type, with conditions on its fields: dotted path -> the values that count, or that do not."""

    fact: str
    where: dict[str, tuple[Scalar, ...]] = {}
    unless: dict[str, tuple[Scalar, ...]] = {}

    def __post_init__(self) -> None:
        _require("." in self.fact, "fact must be a wire name such as placement.child_entered_care")
        _require(all({**self.where, **self.unless}.values()), "a condition needs at least one value")


class Opening(Match, frozen=True):
    """A fact that opens a span; `anew` opens a new one even when the end of the last was never said."""

    anew: bool = False


class Span(_Entry, frozen=True):
    """A stretch of a child's life in which duties can stand; its end, or that of the span it lies within, ends them."""

    id: str
    title: str
    opens: tuple[Opening, ...]
    closes: tuple[Match, ...]
    within: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.opens), "opens must name at least one fact")
        _require(bool(self.closes), "closes must name at least one fact")


class Arising(_Entry, frozen=True):
    """What makes a duty arise: the opening of its span, or the first to last of some facts within it.

    Facts of one day count once. `months_before` takes in facts from before the opening.
    """

    at_opening: bool = False
    each: Match | None = None
    first: int = 1
    last: int | None = None
    months_before: int = 0

    def __post_init__(self) -> None:
        _require(self.at_opening != (self.each is not None), "exactly one of at_opening and each must be given")
        last = self.first if self.last is None else self.last
        _require(1 <= self.first <= last, "first and last must be 1 or more and in order")
        _require(self.months_before >= 0, "months_before cannot be negative")


class Due(_Entry, frozen=True):
    """One way to say when: a count from the day the duty arose, or a birthday.

    `under_age` restricts it to children younger than that on the day the duty arose.
    """

    working_days: int | None = None
    days: int | None = None
    months: int | None = None
    birthday: int | None = None
    under_age: int | None = None

    def __post_init__(self) -> None:
        given = [count for count in (self.working_days, self.days, self.months, self.birthday) if count is not None]
        _require(len(given) == 1, "exactly one of working_days, days, months and birthday must be given")
        _require(given[0] > 0, "the count must be positive")

    @property
    def needs_birth_date(self) -> bool:
        """Whether it can be told only with the date of birth."""
        return self.birthday is not None or self.under_age is not None


class Meeting(Match, frozen=True):
    """A fact that meets a duty (or is evidence for it), and when it counts, measured from the day the duty arose."""

    held: Literal["from", "after", "before"] = "from"
    months_before: int | None = None
    months_after: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        before = self.held == "before"
        _require(before == (self.months_before is not None), "months_before belongs to held = 'before', and only there")
        _require(not (before and self.months_after), "months_after cannot go with held = 'before'")


class Overriding(_Entry, frozen=True):
    """Whether an authority may put a value of its own in the place of a parameter, and why or why not."""

    allowed: bool
    because: str
    parameter: Literal["due"] = "due"


class ExampleFact(_Entry, frozen=True):
    """An invented fact; its id is given where the example speaks of it."""

    type: str
    effective: date
    data: dict[str, object] = {}
    id: str = ""


class Expected(_Entry, frozen=True):
    """One duty state that must come out."""

    state: Literal["pending", "met", "overdue", "met_late", "ended"]
    due: date
    on_or_before: bool = False
    root: str | None = None


class Override(_Entry, frozen=True):
    """An authority's own terms for a duty that arises within these dates (`until` exclusive), and where they stand."""

    due: tuple[Due, ...]
    because: str
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        _require(bool(self.due), "due must name at least one term")
        _require(bool(self.because.strip()), "because must say where the local terms stand")

    def covers(self, day: date) -> bool:
        """Whether a duty that arises on that day falls under it."""
        return (self.since or date.min) <= day < (self.until or date.max)


class Example(_Entry, frozen=True):
    """Facts in, states out: every entry proves itself with some, run as tests."""

    title: str
    on: date
    facts: tuple[ExampleFact, ...]
    expect: tuple[Expected, ...]
    born: date | None = None
    override: Override | None = None

    def numbered_facts(self) -> list[ExampleFact]:
        """Return the facts, those without an id named after their place."""
        return [fact if fact.id else msgspec.structs.replace(fact, id=f"fact-{n}") for n, fact in enumerate(self.facts)]


class Duty(_Entry, frozen=True):
    """One duty as a policy file states it; `in_force_until` is exclusive and judged on the day the duty arises."""

    id: str
    title: str
    span: str
    arises: Arising
    due: tuple[Due, ...]
    met_by: tuple[Meeting, ...]
    owner: str
    escalates_to: str
    sources: tuple[str, ...]
    regulation: str
    provenance: Literal["law", "guidance", "default"]
    jurisdiction: str
    in_force_from: date
    override: Overriding
    examples: tuple[Example, ...]
    version: int = 1
    in_force_until: date | None = None
    evidence: tuple[Meeting, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("due", "met_by", "sources", "examples"):
            _require(bool(getattr(self, name)), f"{name} must not be empty")
        for name in ("title", "owner", "escalates_to", "regulation", "jurisdiction"):
            _require(bool(getattr(self, name).strip()), f"{name} must not be blank")
        _require(self.in_force_from < (self.in_force_until or date.max), "in_force_until must be after in_force_from")

    def in_force(self, day: date) -> bool:
        """Whether a duty can arise under this entry on that day."""
        return self.in_force_from <= day < (self.in_force_until or date.max)


@dataclass(frozen=True, slots=True)
class Rule:
    """A duty with its span, the span around that, and the override of the authority it is asked for."""

    duty: Duty
    span: Span
    around: Span | None = None
    authority: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All duties of one or more policy files, perhaps as one authority applies them."""

    rules: tuple[Rule, ...]

    def fact_types(self) -> frozenset[str]:
        """Wire names of every fact that can change a duty state, so that a service knows what to listen to."""
        return frozenset(match.fact for rule in self.rules for match in _matches_of(rule))

    def fields(self) -> Mapping[str, frozenset[str]]:
        """Top-level fields that conditions name, by the wire name of every fact that can change a duty state."""
        found: dict[str, set[str]] = {}
        for match in (match for rule in self.rules for match in _matches_of(rule)):
            named = {path.partition(".")[0] for path in (*match.where, *match.unless)}
            found.setdefault(match.fact, set()).update(named)
        return {fact: frozenset(fields) for fact, fields in found.items()}

    def for_authority(self, authority: str, overrides: Mapping[str, object]) -> Self:
        """Apply an authority's overrides, duty id -> the fields of an `Override`.

        Raises PolicyError when a duty is unknown, forbids overrides, or the values do not fit.
        """
        adopted = {duty: self._adopt(authority, duty, given) for duty, given in overrides.items()}
        return replace(
            self,
            rules=tuple(
                replace(rule, authority=authority, override=adopted.get(rule.duty.id, rule.override))
                for rule in self.rules
            ),
        )

    def _adopt(self, authority: str, duty_id: str, given: object) -> Override:
        place = f"override of {authority}: duty '{duty_id}'"
        duty = next((rule.duty for rule in self.rules if rule.duty.id == duty_id), None)
        if duty is None:
            raise PolicyError(f"{place}: id: no policy has such a duty")
        if not duty.override.allowed:
            raise PolicyError(f"{place}: {duty.override.parameter}: no local value is allowed: {duty.override.because}")
        try:
            return msgspec.convert(given, Override)
        except msgspec.ValidationError as refused:
            raise PolicyError(f"{place}: {field_and_reason(refused)}") from refused


def field_and_reason(refused: msgspec.ValidationError) -> str:
    """Turn a validation error into `field: reason`."""
    reason, _, path = str(refused).partition(" - at `$")
    named = re.search(r"(?:unknown|required) field `(.+)`", reason)
    parts = [part for part in (path.rstrip("`").lstrip("."), named and named[1]) if part]
    return f"{'.'.join(parts) or 'entry'}: {reason}"


def _matches_of(rule: Rule) -> tuple[Match, ...]:
    arising = (rule.duty.arises.each,) if rule.duty.arises.each else ()
    spans = [rule.span, rule.around] if rule.around else [rule.span]
    openings_and_closings = [match for span in spans for match in (*span.opens, *span.closes)]
    return (*openings_and_closings, *arising, *rule.duty.met_by, *rule.duty.evidence)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
