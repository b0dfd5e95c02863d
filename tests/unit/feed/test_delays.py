"""Delays counted in steps: any number of facts, one median."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from carejourney.envelope import Recorded
from carejourney.feed.delivered import Delays, Given


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


NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def given(**headers: str) -> Given:
    """One fact of nine years ago, recorded just now."""
    made = {"ce_time": NOW.isoformat(), "ce_effectivefrom": "2017-05-04", "ce_origin": "person", **headers}
    one = Given()
    one.add(Recorded(made, b"{}", "care.health"), NOW + timedelta(seconds=2))
    return one


@pytest.mark.source("CM1.10b")
def test_what_a_person_tells_long_after_it_was_so_counts_from_the_day_it_was_so() -> None:
    assert given().effective.median() == pytest.approx(9 * 365.25 * 86_400, rel=0.25)


@pytest.mark.parametrize(
    "headers",
    [{"ce_knownfrom": "2017-06-30"}, {"ce_origin": "import"}, {"ce_origin": "computed"}],
    ids=["a historic load", "a return", "computed from what a return stated"],
)
def test_what_a_return_of_years_ago_brings_is_not_told_late(headers: dict[str, str]) -> None:
    one = given(**headers)
    assert (one.facts, one.effective.median()) == (1, None)
    assert one.recorded.median() == pytest.approx(2, rel=0.25)
