"""Correcting and retracting what was recorded, also what was corrected before. Pure, like the recording itself."""

from collections.abc import Iterable
from typing import Any, Final, Literal

from carejourney.commands import Decided, State
from carejourney.envelope import Draft
from carejourney.errors import NotFound, Refusal
from carejourney.families.deciding import earlier, refuse_ahead, refuse_link, refuse_second, says
from carejourney.families.recording import Recording, Statement, checked, dated
from carejourney.standing import Standing

Reason = Literal["error", "wrong_child", "twice", "did_not_happen"]
# What is said where nobody gives a reason, so that it tells nothing.
PLAIN: Final = "error"


def correct(
    recording: Recording, corrects: str, effective: str | None, replacement: dict[str, Any], state: State
) -> Decided:
    """Say what was so instead: the whole new content, and another day where one is given."""
    fact = meant(corrects, state.own)
    cls = recording.kind(fact.type)
    body = checked(cls, replacement)
    stated = fact.effective if effective is None and not hasattr(body, "year") else effective
    statement = Statement(body, dated(cls, body, stated))
    refuse_ahead(statement, state)
    if not fact.retracted and says(fact, statement):
        return Decided(notes={"stands": fact.id})
    others = [one for one in state.own if one.id != fact.id]
    refuse_second(statement, others)
    refuse_link(statement, others)
    _refuse_before(recording, fact, statement, others)
    if change := recording.correcting.get(fact.type):
        decided = change(fact, statement, PLAIN, state)
    else:
        decided = Decided([_correction(recording, fact, statement, state)], corrections=1)
    decided.notes["stands"] = fact.id
    return decided


def retract(recording: Recording, corrects: str, reason: Reason, state: State) -> Decided:
    """Say that something never was so; what ended it is retracted with it."""
    fact = meant(corrects, state.own)
    recording.kind(fact.type)
    if fact.retracted:
        return Decided(notes={"stands": fact.id})
    if change := recording.correcting.get(fact.type):
        decided = change(fact, None, reason, state)
    else:
        decided = Decided([retraction(recording, fact, reason, state)], corrections=1)
    decided.notes["stands"] = fact.id
    return decided


def meant(corrects: str, own: Iterable[Standing]) -> Standing:
    """The fact of an id, or the fact that the correction of that id is about."""
    facts = list(own)
    found = [f for f in facts if f.id == corrects] or [f for f in facts if corrects in f.facts]
    if not found:
        raise NotFound("no fact of that id was recorded here of this child")
    if len(found) > 1:
        raise Refusal("that correction changed more than one fact; give the id of the fact itself")
    return found[0]


def _correction(recording: Recording, fact: Standing, statement: Statement, state: State) -> Draft:
    body = recording.corrected(
        corrects=fact.id,
        type=fact.type,
        effective=statement.effective,
        replacement=statement.body.model_dump(mode="json"),
    )
    return Draft(state.subject, body, statement.effective, fact.topic, causation=fact.id)


def retraction(recording: Recording, fact: Standing, reason: Reason, state: State) -> Draft:
    """That a fact never was so, nor what ended it."""
    consequences = [
        {"corrects": end.id, "type": end.type, "effective": end.effective, "replacement": None}
        for end in ends_of(recording, fact, state.own)
    ]
    body = recording.retracted(corrects=fact.id, type=fact.type, reason=reason, consequences=consequences)
    return Draft(state.subject, body, fact.effective, fact.topic, causation=fact.id)


def ends_of(recording: Recording, start: Standing, own: Iterable[Standing]) -> list[Standing]:
    """The standing ends of what a fact began."""
    found = []
    for fact in own:
        cls = recording.catalogue[fact.type]
        if cls.edge == "end" and cls.link and not fact.retracted and fact.data.get(cls.link) == start.id:
            found.append(fact)
    return found


def _refuse_before(recording: Recording, fact: Standing, statement: Statement, own: Iterable[Standing]) -> None:
    """A beginning cannot be corrected to a day after its end."""
    for end in ends_of(recording, fact, own):
        if earlier(end.effective or "", statement.effective or ""):
            raise Refusal(f"this ended on {end.effective}, before that day; correct the end first")
