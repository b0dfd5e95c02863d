"""Whatever returns state one after another, the record says what the last one said, and no more follows from it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.standing import Standing
from services.placement.episodes import DERIVED, Episode
from tests.builders import Child, Row, an_episode

DAYS = [f"2025-{month:02}-01" for month in range(5, 11)]


def optional(*values: str) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


ROWS = st.builds(
    an_episode,
    decom=st.sampled_from(DAYS),
    rne=st.sampled_from("SLPTBU"),
    ls=st.sampled_from(["C2", "V2", "E1"]),
    place=st.sampled_from(["U6", "K2"]),
    place_provider=optional("PR1"),
    urn=optional("SC111111"),
    dec=optional(*DAYS),
    rec=optional("X1", "E4A"),
    reason_place_change=optional("CARPL"),
)
RETURNS = st.lists(ROWS, max_size=5, unique_by=lambda row: (row["decom"], row["dec"]))


def cells(episode: Episode) -> tuple[Any, ...]:
    return tuple(str(cell) for cell in episode.cells())


def readable(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["dec"] is None or row["dec"] >= row["decom"]]


def follows(child: Child) -> list[tuple[Any, ...]]:
    """What is derived, with each id told by the episode it belongs to."""
    names = {identity: cells(episode) for identity, episode in child.episodes.items()}
    names |= {f.id: (f.type, names.get(f.data.get("episode", ""))) for f in child.own}
    found = [f for f in child.own if f.type in DERIVED and not f.retracted]
    return sorted((_told(fact, names) for fact in found), key=repr)


def _told(fact: Standing, names: dict[str, Any]) -> tuple[Any, ...]:
    data = {name: names.get(value, value) if isinstance(value, str) else value for name, value in fact.data.items()}
    return (fact.type, fact.effective, sorted(data.items()))


@given(st.lists(RETURNS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_child_is_as_the_last_complete_return_says_whatever_was_said_before(returns: list[list[Row]]) -> None:
    child = Child()
    for rows in returns:
        child.states(*readable(rows), complete=True)
        expected = sorted(tuple(str(row.get(name)) for name in CELLS) for row in readable(rows))
        assert sorted(cells(episode) for episode in child.episodes.values()) == expected


CELLS = (
    "decom", "rne", "ls", "cin", "place", "place_provider", "dec", "rec", "reason_place_change", "home_post", "pl_post",
    "urn",
)  # fmt: skip


@given(st.lists(RETURNS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_nothing_is_left_over_of_what_earlier_returns_said(returns: list[list[Row]]) -> None:
    child, fresh = Child(), Child()
    for rows in returns:
        child.states(*readable(rows), complete=True)
    fresh.states(*readable(returns[-1]), complete=True)
    assert follows(child) == follows(fresh)


@given(RETURNS)
@settings(max_examples=100, deadline=None)
def test_a_return_said_again_in_any_order_changes_nothing(rows: list[Row]) -> None:
    child = Child()
    child.states(*rows)
    before = len(child.facts)
    child.states(*rows[::-1])
    assert len(child.facts) == before


@given(RETURNS, st.data())
@settings(max_examples=100, deadline=None)
def test_a_return_split_over_two_files_that_do_not_say_all_is_one_history(rows: list[Row], data: st.DataObject) -> None:
    split = data.draw(st.integers(0, len(rows)))
    child, whole = Child(), Child()
    whole.states(*rows)
    if len({row["decom"] for row in rows}) == len(rows):
        child.states(*rows[:split], partial=["episodes"])
        child.states(*rows[split:], partial=["episodes"])
        assert follows(child) == follows(whole)
