"""Duplicates and gaps, told from the versions of a child on a topic."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carejourney.client import Gap, Seen
from carejourney.client.seen import Recent

CHILD = UUID("019e8269-4e80-729e-a4df-5fc21e47e800")
TOPIC = "care.planning"


def _taken(seen: Seen, *versions: int) -> list[int]:
    return [version for version in versions if seen.take(TOPIC, CHILD, version)]


def test_what_came_before_is_a_duplicate() -> None:
    assert _taken(Seen(), 1, 2, 2, 1, 3) == [1, 2, 3]


def test_everything_published_again_is_duplicates() -> None:
    assert _taken(Seen(), 1, 2, 3, 1, 2, 3, 4) == [1, 2, 3, 4]


def test_a_gap_is_known_until_it_is_filled() -> None:
    seen = Seen()

    assert _taken(seen, 1, 4) == [1, 4]
    assert seen.gaps() == [Gap(TOPIC, CHILD, (2, 3))]
    assert _taken(seen, 2, 2) == [2]
    assert seen.gaps() == [Gap(TOPIC, CHILD, (3,))]
    assert _taken(seen, 3) == [3]
    assert seen.gaps() == []


def test_from_the_beginning_of_a_topic_a_first_version_that_is_not_one_is_a_gap() -> None:
    whole, part = Seen(whole=True), Seen()

    assert _taken(whole, 3) == _taken(part, 3) == [3]
    assert whole.gaps() == [Gap(TOPIC, CHILD, (1, 2))]
    assert part.gaps() == []


def test_one_child_says_nothing_about_another_and_one_topic_nothing_about_its_twin() -> None:
    seen = Seen()

    assert seen.take(TOPIC, CHILD, 5)
    assert seen.take(f"{TOPIC}.restricted", CHILD, 1)
    assert seen.take(TOPIC, uuid4(), 1)
    assert seen.gaps() == []


@pytest.mark.parametrize("whole", [True, False])
@given(versions=st.lists(st.integers(1, 12), max_size=40))
def test_nothing_is_taken_twice_and_from_the_beginning_nothing_new_is_dropped(whole: bool, versions: list[int]) -> None:
    seen = Seen(whole=whole)
    taken = _taken(seen, *versions)

    assert len(taken) == len(set(taken))
    if whole:
        assert set(taken) == set(versions)
        missing = set(range(1, max(versions, default=0))) - set(versions)
        assert [set(gap.versions) for gap in seen.gaps()] == ([missing] if missing else [])


def test_of_a_feed_only_the_last_ids_are_remembered() -> None:
    recent = Recent(many=2)

    assert [recent.take(fact) for fact in ("a", "b", "a", "c", "a")] == [True, True, False, True, True]
