"""What a service records by its families' commands, and what somebody states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError

from carejourney.commands import Decided, State
from carejourney.envelope import effective_text
from carejourney.errors import Malformed, Refusal
from carejourney.reconcile import Because
from carejourney.restating import year_bounds
from carejourney.standing import Standing

_DAY_LENGTH = 10
# Records of care are kept for 75 years after a birth and more; collection years end with 2100.
EARLIEST, LATEST = 1900, 2100


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says was so: a fact of the published language, and since when as an ISO day or instant in UTC."""

    body: Any
    effective: str | None
    concerns: tuple[str, ...] = ()
    causation: str | None = None


Decide = Callable[[Statement, State], Decided]
Guard = Callable[[Statement, State], None]
Correct = Callable[[Standing, Statement | None, Because, State], Decided]


@dataclass(frozen=True)
class Recording:
    """The facts of one service and who may record them.

    `own` decides types that more follows from, `guards` refuse what only this service can know to be wrong, and
    `correcting` corrects (or, without a statement, retracts for a reason) what more follows from. `also` are further
    roles that may record one type, and correct nothing. `sample` gives the sample of a type; `corrected` and
    `retracted` make the correcting facts.
    """

    service: str
    catalogue: Mapping[str, Any]
    roles: tuple[str, ...]
    sample: Callable[[Any], Any]
    corrected: Callable[..., Any]
    retracted: Callable[..., Any]
    own: Mapping[str, Decide] = field(default_factory=dict)
    guards: Mapping[str, Guard] = field(default_factory=dict)
    correcting: Mapping[str, Correct] = field(default_factory=dict)
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """The types that the families' commands of this service take, by wire name."""
        mine = {w: c for w, c in self.catalogue.items() if w.partition(".")[0] != "correction"}
        return {w: c for w, c in mine.items() if c.owner() == self.service and c.remedy() is None}

    def kind(self, wire: str) -> Any:
        """The class of a type that may be recorded here. Raises `Refusal` with the remedy for any other."""
        cls = self.catalogue.get(wire)
        if cls is None:
            raise malformed("type", "it must be the wire name of a fact of the catalogue")
        if cls.remedy() is not None:
            raise Refusal(f"{wire} is not recorded or corrected by hand: {cls.remedy()}")
        if cls.owner() != self.service:
            raise Refusal(f"{wire} is recorded by {cls.owner()}, not here")
        return cls


def malformed(name: str, reason: str) -> Malformed:
    """A refusal that names one field."""
    return Malformed(f"{name}: {reason}", fields=[{"field": name, "reason": reason}])


def checked(cls: Any, content: Any) -> Any:
    """The fact of a content. Raises `Malformed` naming each wrong field with what it may be."""
    try:
        return cls.model_validate(content)
    except ValidationError as error:
        raise _naming(error) from error


def fitting(decide: Callable[[State], Decided]) -> Callable[[State], Decided]:
    """The same decision; what a service's own rules cannot read is refused by the name of its field."""

    def decided(state: State) -> Decided:
        try:
            return decide(state)
        except ValidationError as error:
            raise _naming(error) from error

    return decided


def _naming(error: ValidationError) -> Malformed:
    places = [
        {"field": ".".join(str(part) for part in e["loc"]), "reason": e["msg"]}
        for e in error.errors(include_input=False, include_context=False, include_url=False)
    ]
    detail = "; ".join(f"{place['field'] or 'content'}: {place['reason']}" for place in places)
    return Malformed(detail, fields=places)


def effective_of(text: str) -> str:
    """An ISO day as it is; an instant with its offset, in UTC.

    Raises ValueError for anything else, and for a year in which nothing of a child or a plan of theirs can be.
    """
    if len(text) == _DAY_LENGTH:
        day = date.fromisoformat(text)
        _refuse_implausible(day.year)
        return day.isoformat()
    moment = datetime.fromisoformat(text)
    _refuse_implausible(moment.year)
    if moment.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC, such as 2026-05-03T21:15:00+01:00")
    return effective_text(moment.astimezone(UTC)) or ""


def _refuse_implausible(year: int) -> None:
    if not EARLIEST <= year <= LATEST:
        raise ValueError(f"its year must be one from {EARLIEST} to {LATEST}")


def dated(cls: Any, body: Any, effective: str | None) -> str | None:
    """When a fact was so: as stated, or the first day of its collection year.

    Raises `Malformed` where a day is missing, or stated for what holds for the whole life.
    """
    if not cls.dated:
        if effective is not None:
            raise malformed("effective", "this holds for the whole life and has no day")
        return None
    year = getattr(body, "year", None)
    first = year_bounds(year)[0] if isinstance(year, int) else None
    if effective is None and first is None:
        raise malformed("effective", "the day or instant is needed on which it was so")
    try:
        stated = first if effective is None else effective_of(effective)
    except ValueError as error:
        reason = f"it must be an ISO day, or an instant with its offset, from {EARLIEST} to {LATEST}"
        raise malformed("effective", reason) from error
    if first is not None and stated != first:
        raise malformed("effective", f"what is reported of a collection year is so from its first day, {first}")
    return stated
