"""Which versions of the published language this program knows, and old facts read as the newest version says them.

Facts keep the bytes and the version they were recorded with. What decides, folds or shows reads them through `newest`.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from carejourney.envelope import CORRECTIONS, Said

if TYPE_CHECKING:
    from carejourney.standing import Standing

F = TypeVar("F", bound=Said)

_PREFIX = "urn:carejourney:"


class Versions:
    """The versions of a catalogue's types, and the way from an old one to the newest."""

    def __init__(self, catalogue: Mapping[str, Any]) -> None:
        self._newest = {wire: cls.version for wire, cls in catalogue.items()}
        self._schemas = {
            f"{_PREFIX}{wire}:{version}": version
            for wire, newest in self._newest.items()
            for version in range(1, newest + 1)
        }
        self._classes = {wire: cls for wire, cls in catalogue.items() if cls.version > 1 or wire in CORRECTIONS}

    def knows(self, fact: Said) -> bool:
        """Whether a fact is of a type and version of the published language as this program has it.

        Of a correction so must be what it replaces: that may be written in a version of its own.
        """
        if fact.schema not in self._schemas:
            return False
        if fact.type not in CORRECTIONS:
            return True
        data = fact.data
        return all(self._replaceable(change) for change in (data, *(data.get("consequences") or ())))

    def newest(self, facts: Iterable[F]) -> list[F]:
        """The same facts, each with its data as the newest version says it; unknown types and versions as they are."""
        classes = self._classes
        return [self._read(fact) if fact.type in classes else fact for fact in facts]

    def _replaceable(self, change: Mapping[str, Any]) -> bool:
        version = change.get("of_version", 1)
        return bool(version <= self._newest.get(change["type"], version))

    def _read(self, fact: F) -> F:
        version = self._schemas.get(fact.schema or "")
        if version is None:
            return fact
        said = fact.data
        data = self._classes[fact.type].newest(said, version)
        return fact if data is said else cast("F", _Newer(fact, data))


def version_told(one: "Standing", facts: Mapping[str, Said]) -> int | None:
    """In which version a standing fact's content is written by the correction that gave it; None where none did.

    `facts` are those that made it stand, by their ids.
    """
    for name in reversed(one.facts):
        data = facts[name].data
        for change in (data, *(data.get("consequences") or ())) if facts[name].type in CORRECTIONS else ():
            if change.get("replacement") == one.data:
                return int(change.get("of_version", 1))
    return None


class _Newer:
    """A fact of an old version: all as it was recorded, its data in the newest version."""

    __slots__ = ("_fact", "data")

    def __init__(self, fact: Said, data: Mapping[str, Any]) -> None:
        self._fact = fact
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fact, name)
