"""What a subscriber may see: the facts of its authorities that one of its roles may read, and which of them in full.

Which role may read a fact the published language says (`Fact.subscribers`). A fact that went to the restricted twin of
its topic is for those who may read the whole of a child's record, whatever its type.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from carejourney.access import EVERY_AUTHORITY, Caller
from carejourney.envelope import CORRECTIONS, Recorded
from carejourney.errors import Forbidden

TWIN: Final = ".restricted"
WHOLE_RECORD: Final = frozenset({"social-work", "review"})
# In whose care the personal fields of a topic are; the other readers of a fact get it without them.
IN_FULL: Final[Mapping[str, frozenset[str]]] = {
    "virtual-school": frozenset({"care.education"}),
    "health": frozenset({"care.health"}),
    "leaving-care": frozenset({"care.leaving-care"}),
}


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one token, or one subscription made with it, may see; `authorities` may be `*`."""

    roles: frozenset[str]
    authorities: frozenset[str]

    def may_see(self, fact: Recorded, catalogue: Mapping[str, Any]) -> bool:
        """Whether the fact is of an authority and a type, and on a topic, that this may read.

        The authority is the one responsible when the fact was recorded. A correction is seen by whoever sees what it
        corrects. A type that the catalogue does not know is seen by nobody.
        """
        if not (EVERY_AUTHORITY in self.authorities or fact.authority in self.authorities):
            return False
        wire = str(fact.data.get("type")) if fact.type in CORRECTIONS else fact.type
        return self.may_see_type(wire, fact.topic, catalogue)

    def may_see_type(self, wire: str, topic: str, catalogue: Mapping[str, Any]) -> bool:
        """Whether facts of this type may be read on this topic."""
        kind = catalogue.get(wire)
        if kind is None:
            return False
        readers = self.roles.intersection(kind.subscribers())
        return bool(readers & WHOLE_RECORD if topic.endswith(TWIN) and kind.destination() != topic else readers)

    def sees_everything(self) -> bool:
        """Whether nothing is kept back, of any authority and from any topic."""
        return EVERY_AUTHORITY in self.authorities and bool(self.roles & WHOLE_RECORD)

    def in_full(self, topic: str) -> bool:
        """Whether the personal fields of facts on this topic are opened."""
        base = topic.removesuffix(TWIN)
        return bool(self.roles & WHOLE_RECORD) or any(base in IN_FULL.get(role, ()) for role in self.roles)

    def topics(self, offered: Iterable[str], catalogue: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of the topics offered on which there can be anything to see."""
        return tuple(topic for topic in offered if self._any_of(topic, catalogue))

    def check(self, topic: str, catalogue: Mapping[str, Any]) -> None:
        """Raise `Forbidden`, with the roles that would do, where nothing on the topic may be seen."""
        if not self.authorities:
            raise Forbidden("the token covers no authority: ask for one with the authorities you work for")
        if not self._any_of(topic, catalogue):
            readers = {role for kind in _of(topic, catalogue) for role in kind.subscribers()} or WHOLE_RECORD
            raise Forbidden(f"to subscribe to {topic} a token needs one of the roles: {', '.join(sorted(readers))}")

    def packed(self) -> dict[str, list[str]]:
        """As JSON can hold it."""
        return {"roles": sorted(self.roles), "authorities": sorted(self.authorities)}

    @classmethod
    def unpacked(cls, kept: Mapping[str, Iterable[str]]) -> Self:
        return cls(frozenset(kept["roles"]), frozenset(kept["authorities"]))

    def _any_of(self, topic: str, catalogue: Mapping[str, Any]) -> bool:
        if not self.authorities:
            return False
        if topic.endswith(TWIN) and self.roles & WHOLE_RECORD:
            return True
        return any(self.roles & set(kind.subscribers()) for kind in _of(topic, catalogue))


def entitlement_of(caller: Caller) -> Entitlement:
    """What a checked token may see."""
    return Entitlement(caller.roles, caller.authorities)


def _of(topic: str, catalogue: Mapping[str, Any]) -> list[Any]:
    return [kind for kind in catalogue.values() if kind.destination() == topic]
