"""Who has been given what, up to which place, when, and how long after it was recorded and after it was so.

Delays are kept as counts in steps of half an octave, so that a median of any number of facts costs the same; it is true
to a fifth. Nothing here names a child.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec

from carejourney.envelope import Recorded
from carejourney.feed.reading import Place

SHORTEST_SECONDS: Final = 1 / 64
STEPS_AN_OCTAVE: Final = 2
# What a return states is as late as the return, and what is computed as late as what it is computed from.
_LOADED: Final = frozenset({"import", "computed"})

_LOCK: Final = """
insert into delivered (consumer, topic, first_at, at) values ($1, $2, $3, $3)
on conflict (consumer, topic) do update set consumer = excluded.consumer
returning transaction_id, position
"""
_MOVE: Final = """
update delivered set facts = facts + $3, at = $4,
  transaction_id = case when ($5::xid8, $6::bigint) > (transaction_id, position) then $5::xid8 else transaction_id end,
  position = case when ($5::xid8, $6::bigint) > (transaction_id, position) then $6::bigint else position end
where consumer = $1 and topic = $2
"""
_TYPES: Final = """
select type, facts, greatest_seconds, after_recorded, after_effective from delivered_type
where consumer = $1 and topic = $2 and type = any($3)
"""
_KEEP: Final = """
insert into delivered_type
  (consumer, topic, type, facts, first_at, at, greatest_seconds, after_recorded, after_effective)
values ($1, $2, $3, $4, $5, $5, $6, $7::jsonb, $8::jsonb)
on conflict (consumer, topic, type) do update set facts = excluded.facts, at = excluded.at,
  greatest_seconds = excluded.greatest_seconds, after_recorded = excluded.after_recorded,
  after_effective = excluded.after_effective
"""
_REPORT: Final = """
select d.consumer, d.topic, d.facts, d.first_at, d.at, t.type, t.facts as of_type, t.at as type_at,
  t.greatest_seconds, t.after_recorded, t.after_effective
from delivered d join delivered_type t using (consumer, topic)
order by d.consumer, d.topic, t.type
"""


@dataclass(slots=True)
class Delays:
    """How often a fact came after how long."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        longer = max(seconds, SHORTEST_SECONDS) / SHORTEST_SECONDS
        self.counts[round(math.log2(longer) * STEPS_AN_OCTAVE)] += 1

    def join(self, other: "Delays") -> None:
        self.counts += other.counts

    def median(self) -> float | None:
        """Seconds; None where nothing was counted."""
        left = sum(self.counts.values()) / 2
        for step, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return round(SHORTEST_SECONDS * 2 ** (step / STEPS_AN_OCTAVE), 2)
        return None

    def packed(self) -> str:
        return msgspec.json.encode({str(step): count for step, count in self.counts.items()}).decode()

    @classmethod
    def unpacked(cls, text: str) -> "Delays":
        return cls(Counter({int(step): n for step, n in msgspec.json.decode(text).items()}))


@dataclass(slots=True)
class Given:
    """The facts of one type that one consumer was given."""

    facts: int = 0
    greatest: float = 0.0
    recorded: Delays = field(default_factory=Delays)
    effective: Delays = field(default_factory=Delays)

    def add(self, fact: Recorded, now: datetime) -> None:
        seconds = max(0.0, (now - _moment(fact.time)).total_seconds())
        self.facts += 1
        self.greatest = max(self.greatest, seconds)
        self.recorded.add(seconds)
        if fact.effective is not None and _told_when_so(fact):
            self.effective.add((now - _moment(fact.effective)).total_seconds())

    def join(self, other: "Given") -> None:
        self.facts += other.facts
        self.greatest = max(self.greatest, other.greatest)
        self.recorded.join(other.recorded)
        self.effective.join(other.effective)


def _told_when_so(fact: Recorded) -> bool:
    """Whether a fact was told as it came about: not years later by a return, nor computed from what was told."""
    return fact.known_from is None and fact.origin not in _LOADED


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def note_delivery(
    connection: asyncpg.Connection,
    consumer: str,
    topic: str,
    given: Sequence[tuple[Place, Recorded]],
    *,
    in_order: bool = True,
    now: datetime | None = None,
) -> None:
    """Note that a consumer was given these facts: one short transaction, at most once a page.

    In order, what lies before the place noted already was given before and does not count again. A way of delivery
    that keeps the order of each child only, and knows that each fact arrived once, says that it is not in order.
    """
    if not given:
        return
    moment = now or datetime.now(UTC)
    async with connection.transaction():
        noted = await connection.fetchrow(_LOCK, consumer, topic, moment)
        fresh = [(place, fact) for place, fact in given if not in_order or place[:2] > tuple(noted)]
        if not fresh:
            return
        await _keep_types(connection, consumer, topic, _by_type(fresh, moment), moment)
        furthest = max(place[:2] for place, _ in fresh)
        await connection.execute(_MOVE, consumer, topic, len(fresh), moment, *furthest)


def _by_type(given: Iterable[tuple[Place, Recorded]], now: datetime) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for _, fact in given:
        found.setdefault(fact.type, Given()).add(fact, now)
    return found


async def _keep_types(
    connection: asyncpg.Connection, consumer: str, topic: str, types: Mapping[str, Given], now: datetime
) -> None:
    for row in await connection.fetch(_TYPES, consumer, topic, list(types)):
        types[row["type"]].join(_given(row, row["facts"]))
    await connection.executemany(
        _KEEP,
        [
            (consumer, topic, wire, one.facts, now, one.greatest, one.recorded.packed(), one.effective.packed())
            for wire, one in types.items()
        ],
    )


def _given(row: asyncpg.Record, facts: int) -> Given:
    recorded, effective = Delays.unpacked(row["after_recorded"]), Delays.unpacked(row["after_effective"])
    return Given(facts, row["greatest_seconds"], recorded, effective)


async def deliveries(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """By consumer and topic, and within by type: facts given, when last, and the delays in seconds."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    sums: dict[tuple[str, str], Given] = {}
    for row in await connection.fetch(_REPORT):
        place = row["consumer"], row["topic"]
        one = _given(row, row["of_type"])
        entry = found.setdefault(place, _entry(row))
        entry["types"].append({"type": row["type"], "last_at": row["type_at"], **_figures(one)})
        sums.setdefault(place, Given()).join(one)
    return [{**entry, **_figures(sums[place])} for place, entry in found.items()]


def _entry(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "consumer": row["consumer"], "topic": row["topic"], "first_at": row["first_at"], "last_at": row["at"],
        "types": [],
    }  # fmt: skip


def _figures(one: Given) -> dict[str, Any]:
    return {
        "facts": one.facts,
        "greatest_seconds": round(one.greatest, 3),
        "median_seconds": one.recorded.median(),
        "median_seconds_since_effective": one.effective.median(),
    }
