"""Whom else a fact names by pseudonym: the person of a tie, and those whom it touches.

What is said of a child in the record of another is sealed with the other's key. So it is looked at here whether the
child named was erased, or the child's record sealed, before it is shown.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol
from uuid import UUID

from carejourney.envelope import CORRECTIONS, Said
from carejourney.ids import parsed_id
from carejourney.keys import PREFIX

PERSON: Final = "person"


class Naming(Said, Protocol):
    """A fact that also says whom it touches, by pseudonyms with commas between them."""

    @property
    def concerns(self) -> str: ...


def persons_in(fact: Said) -> set[UUID]:
    """With whom the fact, or what a correction puts in the place of one, says that there is a tie."""
    if fact.type not in CORRECTIONS and PERSON not in fact.data:
        return set()
    told = (one.get(PERSON) for one in _contents(fact))
    return {person for text in told if isinstance(text, str) and (person := _pseudonym(text)) is not None}


def touched_by(fact: Naming) -> set[UUID]:
    """Those whom the fact names as touched by it."""
    named = fact.concerns
    return {one for text in named.split(",") if (one := _pseudonym(text)) is not None} if named else set()


def named_in(facts: Iterable[Naming]) -> set[UUID]:
    """Everybody else whom these facts name."""
    return {one for fact in facts for one in persons_in(fact) | touched_by(fact)}


def naming(facts: Iterable[Naming], subjects: Collection[UUID]) -> set[str]:
    """Ids of the facts that name one of these subjects, and of corrections that name nobody else instead."""
    known = list(facts)
    found = {fact.id for fact in known if not (persons_in(fact) | touched_by(fact)).isdisjoint(subjects)}
    return _with_corrections(known, found)


def ties_with(facts: Iterable[Naming], subjects: Collection[UUID]) -> set[str]:
    """Ids of the facts of ties with one of these subjects, of their corrections, and of what refers to such a tie."""
    known = list(facts)
    found = {fact.id for fact in known if not persons_in(fact).isdisjoint(subjects)}
    found = _with_corrections(known, found)
    ties = {str(fact.data["corrects"]) if fact.type in CORRECTIONS else fact.id for fact in known if fact.id in found}
    return found | {f.id for f in known if any(one.get("relationship") in ties for one in _contents(f))}


def forgotten(value: Any) -> Any:
    """The same with an envelope that nobody opens in place of every sealed field, however deep it lies."""
    if isinstance(value, Mapping):
        return {name: forgotten(one) for name, one in value.items()}
    if isinstance(value, list):
        return [forgotten(one) for one in value]
    return PREFIX if isinstance(value, str) and value.startswith(PREFIX) else value


def _with_corrections(known: Collection[Said], found: set[str]) -> set[str]:
    while True:
        more = {
            fact.id for fact in known
            if fact.type in CORRECTIONS and fact.data["corrects"] in found and not persons_in(fact)
        } - found  # fmt: skip
        if not more:
            return found
        found = found | more


def _contents(fact: Said) -> Iterator[Mapping[str, Any]]:
    yield fact.data
    if fact.type in CORRECTIONS:
        for one in (fact.data, *fact.data.get("consequences", ())):
            yield one.get("replacement") or {}


def _pseudonym(text: str) -> UUID | None:
    try:
        return parsed_id(text)
    except ValueError:
        return None
