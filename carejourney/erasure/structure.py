"""What may be left of an erased child, judged by its structure alone and without any key.

A personal field is nothing, or an envelope of the child's own key. A keyed hash tells who a child was to whoever has
a guess, so none may be left in a table; but for the one made with the child's own key, which nobody can make any more.
Of a fact its type says what is personal: a plain field may hold whatever its type lets pass, digests of files too.
Of a row a projection says it, path by path; of any other row, names that are personal wherever they stand.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from carejourney.envelope import CORRECTED, RETRACTED
from carejourney.keys.sealing import NONCE, PREFIX

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SHORTEST: Final = NONCE + 16
OWN_KEYED: Final = "asked"
CONCERNS: Final = "ce_concerns"
STATE: Final = "state"


@dataclass(frozen=True)
class Language:
    """What is personal: by type of fact, by names that are personal wherever they stand, and by path in a table.

    Tables of projections are named as in `education.virtual_roll`, and have the paths their projection declares.
    """

    by_type: Mapping[str, frozenset[str]]
    everywhere: frozenset[str]
    by_table: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rule:
    """The names and paths that are personal here; `all_judged` where other values are looked at as well."""

    personal: frozenset[str]
    all_judged: bool
    paths: frozenset[str] = frozenset()

    def declared(self, path: tuple[str, ...]) -> str | None:
        """The declared path at or above one."""
        above = (".".join(path[:steps]) for steps in range(1, len(path) + 1))
        return next((one for one in above if one in self.paths), None)


@dataclass
class Found:
    """What was seen in one place: rows, sealed fields, and what should not be there (never its content).

    `naming` are the ids of other subjects' facts that name this one by pseudonym; `sealed_at` the paths at which
    envelopes stand in rows of tables.
    """

    place: str
    rows: int = 0
    sealed: int = 0
    faults: list[str] = field(default_factory=list)
    naming: set[str] = field(default_factory=set)
    sealed_at: set[str] = field(default_factory=set)


class Examiner:
    """Looks at everything that is left of one subject."""

    def __init__(self, subject: UUID, language: Language) -> None:
        self._subject = str(subject)
        self._envelope = f"{PREFIX}{subject}."
        self._language = language

    def fact(self, found: Found, headers: Mapping[str, str], payload: bytes | None) -> None:
        """A fact out of a store or a topic."""
        found.rows += 1
        wire = headers.get("ce_type", "")
        data = _parsed(payload)
        if wire in {CORRECTED, RETRACTED} and isinstance(data, dict):
            self._correction(found, wire, data)
        elif wire not in self._language.by_type or not isinstance(data, dict):
            found.faults.append(f"a fact of type {wire or '(none)'} that cannot be judged")
        else:
            self._value(found, wire, data, self._of(wire))

    def _correction(self, found: Found, wire: str, data: Mapping[str, Any]) -> None:
        types = self._language.by_type
        for change in (data, *data.get("consequences", ())):
            kind = str(change.get("type"))
            if kind not in types:
                found.faults.append(f"a correction of type {kind} that cannot be judged")
            self._value(found, f"{wire} of {kind}", change.get("replacement"), self._of(kind))
        rest = {name: value for name, value in data.items() if name not in {"replacement", "consequences"}}
        self._value(found, wire, rest, self._of(wire))

    def _of(self, wire: str) -> _Rule:
        return _Rule(self._language.by_type.get(wire, frozenset()), all_judged=False)

    def mention(self, found: Found, headers: Mapping[str, str], payload: bytes | None) -> None:
        """Another subject's fact: noted where it names this one, in whatever field."""
        if self._subject in (payload or b"").decode(errors="replace") or self._subject in headers.get(CONCERNS, ""):
            found.naming.add(headers.get("ce_id", ""))

    def row(self, found: Found, row: Mapping[str, Any], table: str = "") -> None:
        """A row of any table; `table` where it may be one of a projection."""
        if "headers" in row and "payload" in row:
            self.fact(found, _parsed(row["headers"]) or {}, row["payload"])
            return
        found.rows += 1
        paths = self._language.by_table.get(table)
        rule = _Rule(self._language.everywhere, all_judged=True, paths=paths or frozenset())
        for name, cell in row.items():
            if name.endswith("_digest") and cell is not None:
                found.faults.append(f"a digest in the column {name}")
            elif name == STATE and cell is not None:
                self._state(found, _parsed(cell), rule, of_projection=paths is not None)
            else:
                self._value(found, name, _parsed(cell), rule, (name,))

    def _state(self, found: Found, saved: Any, rule: _Rule, *, of_projection: bool) -> None:
        """What a projection folded, and how far by lane; a lane may be called as a field is."""
        rest = dict(saved) if isinstance(saved, dict) else {"": saved}
        if of_projection and not isinstance(rest.get(STATE), dict):
            found.faults.append("a state that cannot be judged")
        self._value(found, STATE, rest.pop("reached", None), _Rule(frozenset(), all_judged=True), (STATE,))
        self._value(found, STATE, rest.pop(STATE, None), rule, (STATE,))
        self._value(found, STATE, rest, rule, (STATE,))

    def _value(self, found: Found, where: str, value: Any, rule: _Rule, path: tuple[str, ...] = ()) -> None:
        if isinstance(value, Mapping):
            for key, one in value.items():
                self._value(found, where, one, rule, (*path, str(key)))
        elif isinstance(value, (list, tuple)):
            for one in value:
                self._value(found, where, one, rule, path)
        else:
            self._scalar(found, where, value, rule, path)

    def _scalar(self, found: Found, where: str, value: Any, rule: _Rule, path: tuple[str, ...]) -> None:
        name, declared = path[-1] if path else "", rule.declared(path)
        personal = declared is not None or name in rule.personal
        if not (personal or rule.all_judged) or str(value) == self._subject:
            return
        place = where if name in {"", where} else f"{where}, {name}"
        if isinstance(value, str) and value.startswith(PREFIX):
            if self._is_envelope(value):
                found.sealed += 1
                found.sealed_at |= {declared or ".".join(path)} if rule.all_judged else set()
            else:
                found.faults.append(f"an envelope of another key in {place}")
        elif value is not None and personal:
            found.faults.append(f"a personal field in plain text in {place}")
        elif isinstance(value, str) and name != OWN_KEYED and _DIGEST.fullmatch(value):
            found.faults.append(f"a digest in {place}")

    def _is_envelope(self, value: str) -> bool:
        if not value.startswith(self._envelope):
            return False
        try:
            raw = base64.b64decode(value.removeprefix(self._envelope), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        return len(raw) >= _SHORTEST


def _parsed(cell: Any) -> Any:
    """JSON out of bytes, or out of a text that holds an object; anything else as it is."""
    if isinstance(cell, (bytes, memoryview)) or (isinstance(cell, str) and cell[:1] in {"{", "["}):
        try:
            return json.loads(bytes(cell) if not isinstance(cell, str) else cell)
        except ValueError:
            return None if not isinstance(cell, str) else cell
    return cell
