"""What is true now: corrections and retractions folded into what they are about."""

from collections.abc import Iterable, Mapping
from typing import Final

from carejourney import standing as chassis
from carejourney.client.messages import Message
from carejourney.standing import Standing
from carejourney.versions import Versions, version_told
from events.catalogue import CATALOGUE

__all__ = ["Standing", "standing", "written_in"]

_versions: Final = Versions(CATALOGUE)


def standing(messages: Iterable[Message], *, retracted: bool = False) -> list[Standing]:
    """The facts that stand, in no particular order; with `retracted` also those that no longer do, marked so.

    Give all messages you have of a subject, in any order and as often as they came: duplicates count once. `id` is the
    id of the first statement, whatever has been corrected since; `data` is in the newest version of its type.
    """
    facts = {message.id: message.record for message in messages}
    return [one for one in chassis.standing(_versions.newest(facts.values())) if retracted or not one.retracted]


def written_in(one: Standing, messages: Mapping[str, Message]) -> int:
    """The version of its type in which the `data` of a standing fact is written; `messages` are all, by their ids.

    It is the newest that this client knows, unless the fact, or a correction of it, was written in a later one.
    """
    facts = {name: fact for name in one.facts for fact in _versions.newest([messages[name].record])}
    return version_told(one, facts) or messages[one.id].fact.version
