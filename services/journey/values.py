"""What a fact says, as a reader is told it: codes with their meanings, sealed fields opened."""

from collections.abc import Mapping
from typing import Any, Final

from carejourney.keys import FORGOTTEN, PREFIX, SubjectKey
from events.catalogue import CATALOGUE
from events.codes import UPN_UNKNOWN, CodeSet, describe
from events.event import Fact

Value = dict[str, Any]

LINKS: Final = frozenset({"episode", "incident", "order", "decision", "assignment", "enrolment"})
_KEPT_LINKS: Final = {"missing.return_interview_held": frozenset({"incident"})}
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
    dropped = LINKS - _KEPT_LINKS.get(cls.wire, frozenset())
    codes = {**cls.coded_fields(), **_CODED_ELSEWHERE.get(cls.wire, {})}
    return tuple((name, codes.get(name)) for name in cls.model_fields if name not in dropped)


_PLANS: Final = {wire: _plan(cls) for wire, cls in CATALOGUE.items()}
_REASONS: Final = {wire: cls.coded_fields().get("reason") for wire, cls in CATALOGUE.items() if cls.edge == "end"}


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
        """What the end of an interval adds to its value: the reason, where such a fact has one."""
        codes = _REASONS.get(wire)
        return {"reason_ended": coded(codes, data.get("reason") if data else None)} if codes else {}
