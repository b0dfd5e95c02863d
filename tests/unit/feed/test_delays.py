"""Delays counted in steps: any number of facts, one median."""

from collections import Counter

import pytest

from carejourney.feed.delivered import Delays


def counted(*seconds: float) -> Delays:
    delays = Delays()
    for one in seconds:
        delays.add(one)
    return delays


@pytest.mark.parametrize("seconds", [0.02, 0.7, 1, 59, 3_600, 86_400 * 400])
def test_a_median_is_true_to_a_fifth(seconds: float) -> None:
    median = counted(0.001, seconds, 86_400 * 9_000).median()
    assert median == pytest.approx(seconds, rel=0.2)


def test_of_nothing_there_is_no_median() -> None:
    assert Delays().median() is None


def test_a_fact_from_ahead_counts_as_no_delay() -> None:
    assert counted(-5, -86_400).median() == pytest.approx(1 / 64, abs=0.01)


def test_delays_are_kept_and_joined() -> None:
    kept = Delays.unpacked(counted(1, 1, 60).packed())
    kept.join(counted(1, 60))
    assert kept.counts == Counter(counted(1, 1, 1, 60, 60).counts)
