"""What has been seen of each subject on each topic: duplicates are told apart, gaps are known until they are filled."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID


class Gap(NamedTuple):
    """Facts of one subject on one topic that have not come, though later ones have."""

    topic: str
    subject: UUID
    versions: tuple[int, ...]


@dataclass(slots=True)
class _Lane:
    highest: int
    missing: set[int] = field(default_factory=set)


class Recent:
    """The ids of the last facts given: a feed, which reads a store, gives a fact again only soon after it did."""

    def __init__(self, many: int = 20_000) -> None:
        self._many = many
        self._ids: dict[str, None] = {}

    def take(self, fact: str) -> bool:
        """Whether it was not among them."""
        if fact in self._ids:
            return False
        self._ids[fact] = None
        if len(self._ids) > self._many:
            del self._ids[next(iter(self._ids))]
        return True


class Seen:
    """Remembers the versions seen, some 200 bytes a subject and topic.

    `whole`: the iteration begins with the first record of the topic, so that a subject's first version must be 1.
    Without it the first version that comes of a subject says where its numbers begin.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._lanes: dict[tuple[str, UUID], _Lane] = {}

    def take(self, topic: str, subject: UUID, version: int) -> bool:
        """Whether this version is new; a late one that fills a gap is."""
        lane = self._lanes.get((topic, subject))
        if lane is None:
            lane = self._lanes[topic, subject] = _Lane(0 if self._whole else version - 1)
        if version <= lane.highest:
            new = version in lane.missing
            lane.missing.discard(version)
            return new
        lane.missing.update(range(lane.highest + 1, version))
        lane.highest = version
        return True

    def gaps(self) -> list[Gap]:
        """What is still missing."""
        return [
            Gap(topic, who, tuple(sorted(lane.missing))) for (topic, who), lane in self._lanes.items() if lane.missing
        ]
