"""What a fact says, as a reader is told it: codes with their meanings, sealed fields opened."""

from collections.abc import Mapping
from typing import Any, Final

from carejourney.keys import FORGOTTEN, PREFIX, SubjectKey
from events.catalogue import CATALOGUE
from events.codes import UPN_UNKNOWN, CodeSet, describe
from events.event import Fact

Value = dict[str, Any]

EPISODE: Final = "episode"
_CODED_ELSEWHERE: Final[dict[str, dict[str, CodeSet]]] = {"education.upn_recorded": {"unknown_because": UPN_UNKNOWN}}

_described: dict[tuple[str, str], dict[str, str]] = {}


def coded(codes: CodeSet, code: str | None) -> dict[str, str] | None:
    """`{"code", "meaning"}`, or None where nothing is stated."""
    if code is None:
        return None
    found = _described.get((codes.name, code))
    if found is None:
        found = _described[codes.name, code] = describe(codes, code)
    return found


def _plan(cls: type[Fact]) -> tuple[tuple[str, CodeSet | None], ...]:
    dropped = {EPISODE, cls.link if cls.edge == "end" else None}
    codes = {**cls.coded_fields(), **_CODED_ELSEWHERE.get(cls.wire, {})}
    return tuple((name, codes.get(name)) for name in cls.model_fields if name not in dropped)


_PLANS: Final = {wire: _plan(cls) for wire, cls in CATALOGUE.items()}
REASON_ENDED: Final = "reason_ended"


def _endings() -> dict[str, tuple[tuple[str, str, CodeSet | None], ...]]:
    """What each end says, under the name it has in the value of its interval."""
    found = {}
    for wire, cls in CATALOGUE.items():
        begun = cls.linked.model_fields if cls.linked else {}
        if cls.edge == "end":
            found[wire] = tuple((name, _named(name, name in begun), codes) for name, codes in _PLANS[wire])
    return found


def _named(name: str, taken: bool) -> str:
    return REASON_ENDED if name == "reason" else f"{name}_ended" if taken else name


_ENDINGS: Final = _endings()


class Opening:
    """Reads the values of one subject's facts with that subject's key; without it they read as forgotten."""

    __slots__ = ("_key",)

    def __init__(self, key: SubjectKey | None) -> None:
        self._key = key

    def plain(self, field: str, value: Any) -> Any:
        """A field as it was stated."""
        if isinstance(value, str) and value.startswith(PREFIX):
            return self._key.open(field, value) if self._key else FORGOTTEN
        return value

    def value(self, wire: str, data: Mapping[str, Any]) -> Value:
        """Every field of a fact but the links to other facts."""
        return {
            name: coded(codes, data.get(name)) if codes else self.plain(name, data.get(name))
            for name, codes in _PLANS[wire]
        }

    def ending(self, wire: str, data: Mapping[str, Any] | None) -> Value:
        """What the end of an interval adds to its value: its reason, and what else such a fact says."""
        said = data or {}
        return {
            told: coded(codes, said.get(name)) if codes else self.plain(name, said.get(name))
            for name, told, codes in _ENDINGS.get(wire, ())
        }
