"""Facts that went to the restricted twin of their topic after they were said: not to be seen without the right.

For them such a fact is as if it had never been said, on whatever day it is asked and whatever was known then.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from carejourney.envelope import CORRECTIONS, Said

TWIN: Final = ".restricted"


class Caused(Said, Protocol):
    """A fact that also says because of which other one it is."""

    @property
    def causation(self) -> str | None: ...


def raised_in(facts: Iterable[Caused], catalogue: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the facts that a twin replaces, and of all corrections of them."""
    known = list(facts)
    hidden = {cause for fact in known if (cause := replaces(fact, catalogue)) is not None}
    changed = True
    while changed:
        more = {f.id for f in known if f.type in CORRECTIONS and f.id not in hidden and f.data["corrects"] in hidden}
        hidden |= more
        changed = bool(more)
    return frozenset(hidden)


def replaces(fact: Caused, catalogue: Mapping[str, Any]) -> str | None:
    """The id of the fact that this one replaces in a twin."""
    kind = catalogue.get(fact.type)
    if kind is None or not fact.topic.endswith(TWIN) or kind.destination() == fact.topic:
        return None
    return fact.causation
