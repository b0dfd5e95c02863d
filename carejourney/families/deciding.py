"""The rules all families share. Pure: a statement and the standing record in, facts or a refusal out."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from carejourney.commands import Decided, State
from carejourney.envelope import Draft, effective_text
from carejourney.errors import NotFound, Refusal
from carejourney.families.recording import Recording, Statement
from carejourney.restating import LONDON, day_of
from carejourney.standing import Standing

_DAY_LENGTH = 10
# A plan for a child of 16 may hold from the eighteenth birthday on; what lies well beyond is a slip of the pen.
FURTHEST_AHEAD: Final = timedelta(days=3 * 366)


def record(recording: Recording, statement: Statement, state: State) -> Decided:
    """Record what is stated; `stands` in the notes is the id of the fact that now says so.

    Already so: the same content on the same day. Refused: what lies ahead and is no plan, an end that names no
    beginning that stands and lies before it, a second statement of what is stated once.
    """
    refuse_ahead(statement, state)
    decide = recording.own.get(statement.body.wire)
    if decide is not None:
        return _noted(decide(statement, state), statement, state)
    fact = already(statement, state.own)
    if fact is not None:
        return Decided(notes={"stands": fact.id})
    refuse_second(statement, state.own)
    refuse_link(statement, state.own)
    if guard := recording.guards.get(statement.body.wire):
        guard(statement, state)
    draft = _draft(statement, state)
    return Decided([draft], notes={"stands": str(draft.id)})


def already(statement: Statement, own: Iterable[Standing]) -> Standing | None:
    """The standing fact that says the same."""
    return next((f for f in standing(own, statement.body.wire) if says(f, statement)), None)


def earlier(one: str, other: str) -> bool:
    """Whether a day or instant lies before another; a day and an instant are compared by days in England."""
    if (len(one) == _DAY_LENGTH) == (len(other) == _DAY_LENGTH):
        return one < other
    return day_of(one) < day_of(other)


def says(fact: Standing, statement: Statement) -> bool:
    """Whether a fact says what is stated, effective on the same day."""
    content = statement.body.model_dump(mode="json")
    return fact.effective == statement.effective and {k: fact.data.get(k) for k in content} == content


def standing(own: Iterable[Standing], wire: str) -> list[Standing]:
    """The facts of a type that stand."""
    return [f for f in own if f.type == wire and not f.retracted]


def _noted(decided: Decided, statement: Statement, state: State) -> Decided:
    drafted = next((str(d.id) for d in decided.drafts if d.body.wire == statement.body.wire), None)
    fact = already(statement, state.own)
    decided.notes.setdefault("stands", drafted or (fact.id if fact else None))
    return decided


def _draft(statement: Statement, state: State) -> Draft:
    body = statement.body
    return Draft(
        state.subject, body, statement.effective, body.destination(), concerns=statement.concerns,
        causation=statement.causation,
    )  # fmt: skip


def refuse_ahead(statement: Statement, state: State) -> None:
    """Only what is planned may be effective in the future, and not far."""
    day = statement.effective
    if day is None:
        return
    today = state.now.astimezone(LONDON).date()
    if statement.body.ahead:
        if date.fromisoformat(day_of(day)) > today + FURTHEST_AHEAD:
            raise Refusal("this lies more than three years ahead; correct the date", fields=[_field("effective")])
        return
    now = today.isoformat() if len(day) == _DAY_LENGTH else effective_text(state.now) or ""
    if day > now:
        raise Refusal("this lies in the future; record it when it has happened", fields=[_field("effective")])


def refuse_second(statement: Statement, own: Iterable[Standing]) -> None:
    """What is stated once, or once for a year, is corrected and not stated again."""
    body = statement.body
    for fact in standing(own, body.wire):
        if body.once or ("year" in body.__class__.model_fields and fact.data.get("year") == body.year):
            raise Refusal(f"this is stated already and says something else; correct the fact {fact.id} instead")


def refuse_link(statement: Statement, own: Iterable[Standing]) -> None:
    """A link names a fact that stands; an end comes after the beginning it names, and is the only one."""
    body = statement.body
    identity = getattr(body, body.link) if body.link else None
    if identity is None:
        return
    facts = list(own)
    start = next((f for f in standing(facts, body.linked.wire) if f.id == identity), None)
    if start is None:
        raise NotFound(
            f"{body.link}: no {body.linked.wire} of that id stands for this child", fields=[_field(body.link)]
        )
    if body.edge != "end":
        return
    if earlier(statement.effective or "", start.effective or ""):
        raise Refusal(f"this began on {start.effective}; it cannot have ended before", fields=[_field("effective")])
    for end in standing(facts, body.wire):
        if end.data.get(body.link) == identity:
            raise Refusal(f"this ended already, on {end.effective}; correct the fact {end.id} instead")


def _field(name: str) -> dict[str, str]:
    return {"field": name, "reason": "it does not fit the record"}
