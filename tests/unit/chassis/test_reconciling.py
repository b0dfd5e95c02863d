"""What is wanted against what stands, and which row of a return is which of the record."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carejourney.restating import collection_year, day_of, match, year_bounds
from tests.builders import Child, Row, an_episode

Rows = dict[str, tuple[str, str, str]]


def joined(known: Rows, *stated: tuple[str, str, str], expected: bool = True) -> tuple[dict[str, Any], int, list[str]]:
    found = match(known, stated, key=lambda r: r[0], cells=lambda r: r, expected=lambda _: expected)
    return dict(found.pairs), len(found.new), found.gone


def test_a_row_with_the_same_key_is_the_same_row() -> None:
    assert joined({"a": ("1", "x", "y")}, ("1", "z", "z")) == ({"a": ("1", "z", "z")}, 0, [])


def test_of_rows_with_the_same_key_the_most_alike_is_the_same_row() -> None:
    known = {"a": ("1", "x", "x"), "b": ("1", "y", "y")}
    assert joined(known, ("1", "y", "z"), ("1", "x", "x")) == ({"b": ("1", "y", "z"), "a": ("1", "x", "x")}, 0, [])


def test_a_row_whose_key_changed_is_known_by_its_other_cells() -> None:
    assert joined({"a": ("1", "x", "y")}, ("2", "x", "y")) == ({"a": ("2", "x", "y")}, 0, [])


def test_rows_that_share_less_than_half_are_different_rows() -> None:
    assert joined({"a": ("1", "x", "y")}, ("2", "z", "y")) == ({}, 1, ["a"])


def test_a_row_that_was_not_to_be_expected_is_neither_joined_nor_gone() -> None:
    assert joined({"a": ("1", "x", "y")}, ("2", "x", "y"), expected=False) == ({}, 1, [])


@given(st.lists(st.tuples(*[st.sampled_from("abc")] * 3), max_size=6), st.randoms())
def test_every_row_is_accounted_for_once(rows: list[tuple[str, str, str]], random: Any) -> None:
    known = {str(n): row for n, row in enumerate(rows)}
    stated = random.sample(rows, len(rows))
    found = match(known, stated, key=lambda r: r[0], cells=lambda r: r, expected=lambda _: True)
    assert (found.new, found.gone) == ([], [])
    assert sorted(row for _, row in found.pairs) == sorted(rows)
    assert {identity for identity, _ in found.pairs} == known.keys()


def test_the_day_of_an_instant_is_the_day_in_england() -> None:
    assert day_of("2026-07-02") == "2026-07-02"
    assert day_of("2026-07-01T22:59:59.000000Z") == "2026-07-01"
    assert day_of("2026-07-01T23:00:00.000000Z") == "2026-07-02"
    assert day_of("2026-01-01T23:30:00.000000Z") == "2026-01-01"


def test_a_collection_year_begins_on_the_first_of_april() -> None:
    assert [collection_year(date.fromisoformat(day)) for day in ("2026-03-31", "2026-04-01")] == [2026, 2027]
    assert year_bounds(2026) == ("2025-04-01", "2026-04-01")


def test_one_corrected_row_carries_what_follows_from_it_in_one_fact() -> None:
    child = Child()
    rows: list[Row] = [an_episode(dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="P", place="K2")]
    child.states(*rows)
    said = child.states(rows[0], {**rows[1], "place": "U4"})
    (fact,) = said.facts
    assert fact.headers["ce_origin"] == "import"
    assert fact.corrects == fact.data["corrects"]
    assert {c["type"].partition(".")[2] for c in fact.data["consequences"]} == {"placement_started", "placement_moved"}


def test_what_follows_is_marked_as_computed_and_what_was_stated_is_not() -> None:
    child = Child()
    child.states(an_episode())
    origins = {f.type.partition(".")[2]: f.headers["ce_origin"] for f in child.facts}
    assert origins.pop("episode_started") == "import"
    assert set(origins.values()) == {"computed"}
