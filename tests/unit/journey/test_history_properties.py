"""A history is a function of the facts alone: not of their arrival, and knowing more never unsays what was known."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.envelope import Recorded
from events.education import SchoolChanged
from events.missing import ChildReturned, ChildWentMissing
from events.placement import AdoptionDecided, ChildDetailsRecorded, EpisodeEnded, EpisodeStarted
from events.planning import ReviewHeld
from services.journey.history import history
from tests.unit.journey.made_facts import CHILD, KEY, Record

DAYS = st.dates(date(2023, 1, 1), date(2023, 3, 1)).map(date.isoformat)
ACTS = st.sampled_from(
    ["episode", "open", "entered", "left", "status", "placed", "review", "missing", "school", "adoption", "details",
     "correct", "retract"]
)  # fmt: skip
ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LIVES = st.lists(st.tuples(ACTS, DAYS, st.integers(0, 40)), min_size=1, max_size=14)


def act(record: Record, what: str, day: str, days: int) -> None:
    until = (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    match what:
        case "episode":
            record.episode(day, until, rec="X1" if days % 2 else "E4A", rne="S" if days % 3 else "P")
        case "open":
            record.episode(day, place="K2" if days % 2 else "U6")
        case "entered":
            record.entered(day, on_or_before=bool(days % 2))
        case "left":
            record.left(day)
        case "status":
            record.status(day, "C1" if days % 2 else "V2", "C2")
        case "placed":
            record.placed(day, until)
        case _:
            act_elsewhere(record, what, day, until, days)


def act_elsewhere(record: Record, what: str, day: str, until: str, days: int) -> None:
    match what:
        case "review":
            record.says(ReviewHeld(participation="PN1"), day)
        case "missing":
            went = record.says(ChildWentMissing(kind="M"), day)
            record.says(ChildReturned(incident=went), until)
        case "school":
            record.says(SchoolChanged(urn=str(990000 + days), school="A school", reason="placement_move"), day)
        case "adoption":
            record.says(AdoptionDecided(), day)
        case "details":
            record.says(ChildDetailsRecorded(sex="F", date_of_birth=date.fromisoformat(day)))
        case _:
            change(record, what, day)


def change(record: Record, what: str, day: str) -> None:
    """Correct or retract the latest statutory episode, or its end."""
    stated = [f for f in record.facts if f.type in {EpisodeStarted.wire, EpisodeEnded.wire}]
    if stated and what == "correct":
        start = next(f for f in stated if f.type == EpisodeStarted.wire)
        body = EpisodeStarted(reason_for_new_episode="S", legal_status="C1", category_of_need="N2", placement_type="R1")
        record.corrects(start.id, body, day)
    elif stated:
        last = stated[-1]
        record.retracts(last.id, EpisodeEnded if last.type == EpisodeEnded.wire else EpisodeStarted)


def lived(life: list[tuple[str, str, int]], known_from: str | None = None) -> list[Recorded]:
    record = Record(known_from=known_from)
    for what, day, days in life:
        act(record, what, day, days)
    return record.facts


def told(facts: list[Recorded], **asked: Any) -> dict[str, Any]:
    return history(facts, key=KEY, child=str(CHILD), local_id=None, **asked)


@settings(max_examples=60, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_history(life: list[tuple[str, str, int]], chance: Any) -> None:
    facts = lived(life)
    shuffled = list(facts)
    chance.shuffle(shuffled)

    assert told(shuffled) == told(facts)


def with_other_ids(facts: list[Recorded], chance: Any) -> tuple[list[Recorded], dict[str, str]]:
    """The same facts, each under the id of another, and the first ids by these."""
    ids = [fact.id for fact in facts]
    given_ids = dict(zip(ids, chance.sample(ids, len(ids)), strict=True))

    def renamed(text: str) -> str:
        return ID.sub(lambda found: given_ids.get(found[0], found[0]), text)

    others = [
        Recorded({k: renamed(v) for k, v in fact.headers.items()}, renamed(fact.payload.decode()).encode(), fact.topic)
        for fact in facts
    ]
    return others, {new: old for old, new in given_ids.items()}


@settings(max_examples=100, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_any_ids_and_any_order_of_arrival_give_the_same_history(life: list[tuple[str, str, int]], chance: Any) -> None:
    # A historic load: all of it counts as known from one instant.
    facts = lived(life, known_from="2026-01-01")
    others, first = with_other_ids(facts, chance)
    chance.shuffle(others)

    document = ID.sub(lambda found: first.get(found[0], found[0]), json.dumps(told(others)))

    assert json.loads(document) == json.loads(json.dumps(told(facts)))


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_what_is_known_at_the_last_instant_is_all_that_is_known(life: list[tuple[str, str, int]]) -> None:
    facts = lived(life)
    if not facts:
        return
    last = datetime.fromisoformat(max(fact.known for fact in facts))

    assert told(facts, known_on=last) | {"known_on": None} == told(facts)


@settings(max_examples=60, deadline=None)
@given(LIVES, st.integers(0, 40))
def test_what_was_known_at_an_instant_does_not_change_with_what_came_later(
    life: list[tuple[str, str, int]], minutes: int
) -> None:
    facts = lived(life)
    instant = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(minutes=minutes)
    by_then = [fact for fact in facts if datetime.fromisoformat(fact.known) <= instant]

    assert told(facts, known_on=instant) == told(by_then, known_on=instant)


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_every_fact_that_stands_is_named_somewhere_in_its_history(life: list[tuple[str, str, int]]) -> None:
    facts = lived(life)
    document = told(facts)
    named = {i for lane in document["lanes"].values() for one in lane for i in one["facts"]}
    named |= {i for one in document["contradictions"] for i in one["facts"]}
    changed = any(fact.corrects for fact in facts)

    assert changed or {fact.id for fact in facts} == named


@settings(max_examples=60, deadline=None)
@given(LIVES, st.dates(date(2023, 1, 1), date(2023, 4, 15)))
def test_a_day_of_the_history_is_part_of_the_whole(life: list[tuple[str, str, int]], day: date) -> None:
    facts = lived(life)
    whole, then = told(facts)["lanes"], told(facts, true_on=day)["lanes"]

    assert all(one in whole[lane] for lane, intervals in then.items() for one in intervals)
    assert all(one["from"] is None or one["from"][:10] <= day.isoformat() for lane in then.values() for one in lane)
