"""Which facts stand: corrections and retractions folded into what they correct, whatever the order of arrival."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from carejourney.envelope import CORRECTED, CORRECTIONS, Recorded, Said

Edge = Literal["start", "end", "point"]
EDGES: Mapping[Edge, int] = {"end": 0, "start": 1, "point": 2}


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A fact as it stands after its corrections. `id` is that of the first statement; `facts` all that made it so.

    A retracted fact has `retracted` true and keeps its last content, so that it can be restated.
    """

    id: str
    type: str
    effective: str | None
    data: Mapping[str, Any]
    topic: str
    source: str
    origin: str
    known: str
    version: int
    facts: tuple[str, ...]
    stated_in: str | None
    authority: str
    retracted: bool = False
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    order: int
    fact: Said
    effective: str | None
    content: Mapping[str, Any] | None
    follows: bool = False


def _changes(fact: Said) -> Iterable[tuple[str, _Change]]:
    data = fact.data
    order = fact.stream_version
    content = data["replacement"] if fact.type == CORRECTED else None
    yield data["corrects"], _Change(order, fact, data.get("effective"), content)
    for one in data.get("consequences", ()):
        yield one["corrects"], _Change(order, fact, one.get("effective"), one.get("replacement"), follows=True)


def standing(facts: Iterable[Said]) -> list[Standing]:
    """The standing facts of one subject, retracted ones included, in no particular order.

    A correction may name the first statement or any later correction of it. A correction of something that has not
    arrived stands aside until it does.
    """
    statements: list[Said] = []
    changes: dict[str, list[_Change]] = {}
    for fact in facts:
        if fact.type in CORRECTIONS:
            for corrects, change in _changes(fact):
                changes.setdefault(corrects, []).append(change)
        else:
            statements.append(fact)
    return [_settled(fact, changes) for fact in statements]


def _as_said(fact: Said) -> Standing:
    if isinstance(fact, Recorded):
        return _as_recorded(fact, fact.headers)
    return Standing(
        fact.id, fact.type, fact.effective, fact.data, fact.topic, fact.source, fact.origin, fact.known,
        fact.stream_version, (fact.id,), fact.stated_in, fact.authority,
    )  # fmt: skip


def _as_recorded(fact: Recorded, said: Mapping[str, str]) -> Standing:
    """The same without a detour by the fact's properties: every batch and every answer passes here."""
    fact_id, get = said["ce_id"], said.get
    return Standing(
        fact_id, said["ce_type"], get("ce_effectivefrom"), fact.data, fact.topic, said["ce_source"],
        get("ce_origin", "system"), fact.known, fact.stream_version, (fact_id,), get("ce_statedin"),
        said["ce_authority"],
    )  # fmt: skip


def _settled(fact: Said, changes: Mapping[str, list[_Change]]) -> Standing:
    if fact.id not in changes:
        return _as_said(fact)
    chain: list[_Change] = []
    seen, pending = {fact.id}, [fact.id]
    while pending:
        for change in changes.get(pending.pop(), ()):
            chain.append(change)
            # Who names a correction means what it corrected, not what only followed from it.
            if change.fact.id not in seen and not change.follows:
                seen.add(change.fact.id)
                pending.append(change.fact.id)
    chain.sort(key=lambda c: c.order)
    last = chain[-1] if chain else None
    content = next((c for c in reversed(chain) if c.content is not None), None)
    return Standing(
        id=fact.id,
        type=fact.type,
        effective=content.effective if content else fact.effective,
        data=content.content if content and content.content is not None else fact.data,
        topic=fact.topic,
        source=fact.source,
        origin=fact.origin,
        known=(last.fact if last else fact).known,
        version=fact.stream_version,
        facts=(fact.id, *(c.fact.id for c in chain)),
        stated_in=(last.fact if last else fact).stated_in,
        authority=fact.authority,
        retracted=last is not None and last.content is None,
        corrected=bool(chain),
    )


def lane_order(fact: Standing, edge: Edge) -> tuple[str, int, str, str, int]:
    """Order within a lane: effective, ends before starts, recorded, source, version.

    Versions count within a topic, so a source's topics come one after the other: no two facts have one place.
    """
    return (fact.effective or "", EDGES[edge], fact.known, f"{fact.source} {fact.topic}", fact.version)
