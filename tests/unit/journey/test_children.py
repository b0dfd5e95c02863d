"""The projection by which a child is found and an authority's children are listed."""

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.envelope import Recorded
from carejourney.projection import Secrets, advance, fold
from events.placement import ChildEnteredCare, SubjectRegistered
from services.journey.projections import PROJECTIONS
from services.journey.story import KINDS
from tests.unit.journey.made_facts import AUTHORITY, KEY, Record
from tests.unit.journey.test_history_properties import LIVES, lived

CHILDREN = PROJECTIONS[0]


def row(record: Record) -> dict[str, Any]:
    secrets = Secrets(KEY, lambda text: f"digest of {text}")
    shown = CHILDREN.row(fold(CHILDREN, record.facts, KINDS).state, secrets)
    assert shown is not None
    return shown


def test_a_child_is_found_by_the_digest_of_authority_and_local_id() -> None:
    record = Record()
    record.says(SubjectRegistered(local_id="SAMPLE1"))

    shown = row(record)

    assert shown["local_id_digest"] == f"digest of {AUTHORITY}:SAMPLE1"
    assert "SAMPLE1" not in shown["local_id"]
    assert shown["in_care"] is False


def test_a_child_is_in_care_from_entry_until_leaving() -> None:
    record = Record()
    record.entered("2023-05-01", on_or_before=True)
    assert (row(record)["in_care"], row(record)["on_or_before"]) == (True, True)

    record.left("2023-06-01")
    shown = row(record)
    assert (shown["in_care"], shown["entered_on"], shown["left_on"]) == (False, date(2023, 5, 1), date(2023, 6, 1))


def test_a_child_who_enters_and_leaves_on_one_day_is_not_in_care() -> None:
    record = Record()
    start = record.episode("2023-05-01", "2023-05-01", rec="E8")
    record.entered("2023-05-01", episode=start)
    record.left("2023-05-01", episode=start)

    assert row(record)["in_care"] is False


def test_a_corrected_entry_moves_the_day() -> None:
    record = Record()
    entry = record.entered("2023-05-01")
    record.corrects(entry, ChildEnteredCare(legal_status="C2", category_of_need="N1"), "2023-04-01")

    assert row(record)["entered_on"] == date(2023, 4, 1)


def interleaved(facts: list[Recorded], chance: Any) -> list[Recorded]:
    """Some order in which topics may arrive: each in its own order, and no other order promised."""
    places = [fact.topic for fact in facts]
    chance.shuffle(places)
    waiting = {topic: iter([fact for fact in facts if fact.topic == topic]) for topic in places}
    return [next(waiting[topic]) for topic in places]


@settings(max_examples=60, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_any_interleaving_of_topics_gives_the_same_row(life: list[tuple[str, str, int]], chance: Any) -> None:
    facts = lived(life)
    saved, arrived = CHILDREN.empty(), []
    for fact in interleaved(facts, chance):
        arrived.append(fact)
        after = advance(CHILDREN, saved, [fact], KINDS)
        saved = fold(CHILDREN, arrived, KINDS) if after is None else after

    assert saved.state == fold(CHILDREN, facts, KINDS).state
