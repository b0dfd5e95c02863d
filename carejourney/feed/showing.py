"""A fact as an agency is shown it: a CloudEvent in structured mode, with as much of it in plain as the agency may read.

A personal field is opened for those in whose care it is; for the others it keeps its mark without its content. Of a
child who was erased it is `{"forgotten": true}` for everybody, and so it is in another child's fact that names one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from carejourney.envelope import CORRECTIONS, Recorded
from carejourney.feed.entitlement import Entitlement
from carejourney.keys import FORGOTTEN, PREFIX, Keys, SubjectKey
from carejourney.naming import named_in, naming

FORGOTTEN_VALUE: Final[Mapping[str, bool]] = {"forgotten": True}
WITHHELD: Final = "withheld"
CONTENT_TYPE: Final = "application/cloudevents+json"
_ATTRIBUTE: Final = "ce_"
_STREAM_VERSION: Final = "streamversion"
_SEALED: Final = f'"{PREFIX}'.encode()


async def shown(
    facts: Sequence[Recorded], entitlement: Entitlement, keys: Keys, catalogue: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The facts as events, in their order; they must be such as the entitlement may see."""
    sealed = [fact for fact in facts if _SEALED in fact.payload]
    known = await keys.of({fact.subject for fact in sealed}) if sealed else {}
    silent = naming(sealed, {one for one in named_in(sealed) if keys.erased(one)})
    numbered = entitlement.sees_everything()
    return [
        _event(fact, None if fact.id in silent else known.get(fact.subject), entitlement, catalogue, numbered=numbered)
        for fact in facts
    ]


def _event(
    fact: Recorded, key: SubjectKey | None, entitlement: Entitlement, catalogue: Mapping[str, Any], *, numbered: bool
) -> dict[str, Any]:
    event: dict[str, Any] = {
        name.removeprefix(_ATTRIBUTE): value for name, value in fact.headers.items() if name != "content-type"
    }
    if not numbered:
        # The numbers of a child's facts would tell how many there are that are not shown.
        event.pop(_STREAM_VERSION, None)
    data = fact.data
    if fact.type in CORRECTIONS:
        data = _without_hidden(data, fact.topic, entitlement, catalogue)
    if _SEALED in fact.payload:
        data = _opened(data, key if key is None or entitlement.in_full(fact.topic) else WITHHELD)
    return {**event, "datacontenttype": fact.headers.get("content-type", "application/json"), "data": data}


def _without_hidden(
    data: Mapping[str, Any], topic: str, entitlement: Entitlement, catalogue: Mapping[str, Any]
) -> dict[str, Any]:
    """A correction without what follows from it for facts that may not be seen."""
    kept = [
        one for one in data.get("consequences", ()) if entitlement.may_see_type(str(one.get("type")), topic, catalogue)
    ]
    return {**data, **({"consequences": kept} if "consequences" in data else {})}


def _opened(value: Any, key: SubjectKey | str | None) -> Any:
    """The same with every sealed field opened, withheld or forgotten, however deep it lies."""
    if isinstance(value, Mapping):
        return {name: _field(name, one, key) for name, one in value.items()}
    if isinstance(value, list):
        return [_opened(one, key) for one in value]
    return value


def _field(name: str, value: Any, key: SubjectKey | str | None) -> Any:
    if not (isinstance(value, str) and value.startswith(PREFIX)):
        return _opened(value, key)
    if key is None:
        return dict(FORGOTTEN_VALUE)
    if isinstance(key, str):
        return f"{PREFIX}{_owner(value)}.{key}"
    plain = key.open(name, value)
    return dict(FORGOTTEN_VALUE) if plain == FORGOTTEN else plain


def _owner(value: str) -> UUID:
    return UUID(value.removeprefix(PREFIX).partition(".")[0])
