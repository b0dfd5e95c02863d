"""A projection advanced as facts arrive is the fold of all of them, whatever the order of arrival."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.envelope import Recorded
from carejourney.projection import Kinds, Projection, Saved, Secrets, advance, encode, fold
from events.catalogue import CATALOGUE
from events.health import HealthAssessmentHeld, HealthOutcomesReported
from services.health.projections import HEALTH
from services.placement.projections import PLACEMENTS
from tests.builders import Child, Row, an_episode

KINDS = Kinds(CATALOGUE)
SECRETS = Secrets(None, lambda text: text)
BOTH = pytest.mark.parametrize("projection", [PLACEMENTS, HEALTH], ids=lambda p: p.name)
DAYS = [f"2025-{month:02}-01" for month in range(5, 11)]
ROWS = st.builds(
    an_episode,
    decom=st.sampled_from(DAYS[:4]),
    rne=st.sampled_from("SPLT"),
    place=st.sampled_from(["U6", "K2"]),
    dec=st.one_of(st.none(), st.sampled_from(DAYS[3:])),
    rec=st.sampled_from(["X1", "E4A"]),
)
ABSENCES = st.builds(
    lambda start, end: {"mis_start": start, "missing": "M", "mis_end": end},
    st.sampled_from(DAYS[:3]),
    st.one_of(st.none(), st.sampled_from(DAYS[3:])),
)
TABLES = st.fixed_dictionaries(
    {
        "episodes": st.lists(ROWS, max_size=3, unique_by=lambda row: row["decom"]),
        "missing": st.lists(ABSENCES, max_size=2, unique_by=lambda row: row["mis_start"]),
    }
)


def lived(returns: list[dict[str, list[Row]]]) -> list[Recorded]:
    """What placement and health recorded of one child, corrections included."""
    child = Child()
    for tables in returns:
        child.states(tables=tables, complete=True)
    return child.facts


def arrived(projection: Projection[Any], facts: list[Recorded], batches: list[int]) -> Saved[Any]:
    """What is saved once these batches have arrived, each folded again only where it must be."""
    saved: Saved[Any] | None = None
    known: list[Recorded] = []
    for size in [*batches, len(facts)]:
        news, facts = facts[:size], facts[size:]
        known += news
        advanced = advance(projection, saved, news, KINDS) if saved is not None else None
        saved = projection.decode(encode(advanced or fold(projection, known, KINDS)))
    return saved or projection.empty()


def by_topic(facts: list[Recorded]) -> dict[str, list[Recorded]]:
    lanes: dict[str, list[Recorded]] = {}
    for fact in facts:
        lanes.setdefault(fact.topic, []).append(fact)
    return lanes


@BOTH
@given(st.lists(TABLES, min_size=1, max_size=3), st.lists(st.integers(0, 4), max_size=6), st.data())
@settings(max_examples=80, deadline=None)
def test_any_interleaving_of_topics_gives_the_same_row(
    projection: Projection[Any], returns: list[dict[str, list[Row]]], batches: list[int], data: st.DataObject
) -> None:
    facts = lived(returns)
    lanes = [list(lane) for lane in by_topic(facts).values()]
    order = []
    while any(lanes):
        order.append(data.draw(st.sampled_from([lane for lane in lanes if lane])).pop(0))
    saved = arrived(projection, order, batches)
    expected = fold(projection, facts, KINDS)
    assert saved.state == expected.state
    assert projection.row(saved.state, SECRETS) == projection.row(expected.state, SECRETS)


HEALTHY = st.one_of(
    st.tuples(st.builds(HealthAssessmentHeld, kind=st.sampled_from(["initial", "review"])), st.sampled_from(DAYS)),
    st.builds(
        lambda year, score: (HealthOutcomesReported(year=year, sdq_score=score), f"{year - 1}-04-01"),
        st.integers(2023, 2026),
        st.integers(0, 40),
    ),
)


@given(st.lists(HEALTHY, max_size=8), st.lists(st.integers(0, 3), max_size=6))
@settings(max_examples=80, deadline=None)
def test_facts_that_come_late_give_the_row_that_the_right_order_gives(facts: list[Any], batches: list[int]) -> None:
    child = Child()
    recorded = [child.record(body, on) for body, on in facts]
    assert arrived(HEALTH, recorded, batches).state == fold(HEALTH, recorded, KINDS).state


def test_a_fact_in_order_is_taken_in_without_folding_again() -> None:
    child = Child()
    first, second = (child.record(HealthAssessmentHeld(kind="review"), day) for day in DAYS[:2])
    saved = fold(HEALTH, [first], KINDS)
    assert advance(HEALTH, saved, [second], KINDS) == fold(HEALTH, [first, second], KINDS)


def test_a_fact_that_is_late_in_its_lane_and_a_correction_ask_for_a_new_fold() -> None:
    child = Child()
    later, earlier = (child.record(HealthAssessmentHeld(kind="review"), day) for day in (DAYS[1], DAYS[0]))
    saved = fold(HEALTH, [later], KINDS)
    assert advance(HEALTH, saved, [earlier], KINDS) is None
    child.states(an_episode())
    correction = child.states(an_episode(ls="V2")).facts
    assert advance(HEALTH, saved, correction, KINDS) is None


def test_a_fact_late_in_another_lane_is_taken_in_order() -> None:
    child = Child()
    held = child.record(HealthAssessmentHeld(kind="review"), DAYS[3])
    outcome = child.record(HealthOutcomesReported(year=2025, sdq_score=4), "2024-04-01")
    assert advance(HEALTH, fold(HEALTH, [held], KINDS), [outcome], KINDS) is not None


@pytest.mark.parametrize(
    ("rows", "in_care"),
    [
        ([an_episode(dec="2025-07-01", rec="E4A"), an_episode("2025-07-01")], True),
        ([an_episode("2025-07-01", dec="2025-07-01", rec="E4A")], False),
        ([an_episode(dec="2025-07-01", rec="E4A")], False),
        ([an_episode(dec="2025-07-01", rec="E4A"), an_episode("2025-08-01")], True),
    ],
    ids=["left and entered again on one day", "entered and left on one day", "left", "left and entered later"],
)
def test_a_child_is_in_care_or_not_by_the_order_of_ends_and_starts(rows: list[Row], *, in_care: bool) -> None:
    child = Child()
    child.states(*rows)
    row = PLACEMENTS.row(fold(PLACEMENTS, child.facts[::-1], KINDS).state, SECRETS)
    assert row is not None
    assert row["in_care"] is in_care
