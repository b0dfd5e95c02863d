"""What is true now: corrections and retractions folded into what they are about."""

from collections.abc import Iterable
from typing import Final

from carejourney import standing as chassis
from carejourney.client.messages import Message
from carejourney.standing import Standing
from carejourney.versions import Versions
from events.catalogue import CATALOGUE

__all__ = ["Standing", "standing"]

_versions: Final = Versions(CATALOGUE)


def standing(messages: Iterable[Message], *, retracted: bool = False) -> list[Standing]:
    """The facts that stand, in no particular order; with `retracted` also those that no longer do, marked so.

    Give all messages you have of a subject, in any order and as often as they came: duplicates count once. `id` is the
    id of the first statement, whatever has been corrected since; `data` is in the newest version of its type.
    """
    facts = {message.id: message.record for message in messages}
    return [one for one in chassis.standing(_versions.newest(facts.values())) if retracted or not one.retracted]
