"""Raising the sensitivity of what was recorded: withdrawn from its topic without content, and said again in the twin.

The withdrawal is made as every retraction by a person is, so that it tells nothing of why. The replacement names the
fact it replaces as its cause; so those who may read it, and nobody else, know that it is the same.
"""

from collections.abc import Iterable

from carejourney.commands import Decided, State
from carejourney.envelope import Draft
from carejourney.errors import Refusal
from carejourney.families.correcting import PLAIN, ends_of, meant, retraction
from carejourney.families.deciding import standing
from carejourney.families.recording import Recording, checked
from carejourney.raised import TWIN
from carejourney.standing import Standing


def restrict(recording: Recording, raised: str, state: State) -> Decided:
    """Move a fact, and all that names it, to the restricted twin of its topic; `stands` is the id it has there.

    Raises `Refusal` for what is there already, what was retracted, what other facts are derived from, and what names a
    fact that is not restricted itself.
    """
    fact = meant(raised, state.own)
    cls = recording.kind(fact.type)
    if fact.retracted:
        raise Refusal("this was retracted, or is restricted already")
    if fact.topic.endswith(TWIN):
        return Decided(notes={"stands": fact.id})
    if fact.type in recording.correcting:
        raise Refusal("other facts follow from this one; its sensitivity cannot be raised alone")
    if cls.link and fact.data.get(cls.link):
        raise Refusal(f"{cls.link}: raise the sensitivity of the fact that this one names; this one goes with it")
    drafts = [again(recording, fact, None, state)]
    named = _naming(recording, fact, state.own)
    drafts += [again(recording, one, str(drafts[0].id), state) for one in named]
    ends = {one.id for one in ends_of(recording, fact, state.own)}
    gone = [fact, *(one for one in named if one.id not in ends)]
    withdrawn = [retraction(recording, one, PLAIN, state) for one in gone]
    return Decided([*withdrawn, *drafts], corrections=1, notes={"stands": str(drafts[0].id)})


def again(recording: Recording, fact: Standing, link: str | None, state: State) -> Draft:
    """The same said in the twin; `link` is the new id of what it names."""
    cls = recording.catalogue[fact.type]
    content = {name: fact.data.get(name) for name in cls.model_fields if name in fact.data}
    body = checked(cls, {**content, cls.link: link} if link else content)
    return Draft(state.subject, body, fact.effective, f"{cls.topic}{TWIN}", causation=fact.id)


def _naming(recording: Recording, fact: Standing, own: Iterable[Standing]) -> list[Standing]:
    """The standing facts that name this one."""
    found = []
    for wire, cls in recording.facts.items():
        if cls.link and cls.linked is not None and cls.linked.wire == fact.type:
            found += [one for one in standing(own, wire) if one.data.get(cls.link) == fact.id]
    return found
