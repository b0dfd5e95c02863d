from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services
from carejourney.duties import State, duties, load_policy
from carejourney.duties.answering import asked, described
from carejourney.duties.outlook import lasting, latest, met_on, outlook
from carejourney.duties.policy import ExampleFact
from carejourney.duties.recorded import Looking, Said, day_in_london, with_said
from carejourney.errors import Malformed
from carejourney.standing import Standing

POLICY = load_policy(Path(services.__file__).parent / "planning" / "policy")
ENTRY = date(2024, 1, 8)


def standing(wire: str, effective: str | None, *, retracted: bool = False, **data: object) -> Standing:
    return Standing("f", wire, effective, data, "t", "s", "import", "k", 1, ("f",), None, "E1", retracted=retracted)


def entered(day: date = ENTRY) -> ExampleFact:
    return ExampleFact(
        type="placement.child_entered_care", effective=day, data={"legal_status": "C2"}, id=f"entered {day}"
    )


def reviewed(day: date) -> ExampleFact:
    return ExampleFact(type="planning.review_held", effective=day, id=f"review {day}")


def left(day: date) -> ExampleFact:
    return ExampleFact(type="placement.child_left_care", effective=day, id=f"left {day}")


@pytest.mark.parametrize(
    ("effective", "day"),
    [
        ("2024-01-08", date(2024, 1, 8)),
        ("2024-07-07T23:30:00.000000Z", date(2024, 7, 8)),
        ("2024-01-07T23:30:00.000000Z", date(2024, 1, 7)),
    ],
)
def test_a_day_is_itself_and_an_instant_is_on_its_day_in_london(effective: str, day: date) -> None:
    assert day_in_london(effective) == day


def test_of_a_fact_only_what_the_policy_looks_at_is_kept() -> None:
    fact = standing("placement.child_entered_care", "2024-01-08", legal_status="C2", category_of_need="N1", episode="e")

    said = Looking(POLICY).said(fact)
    assert said == Said(ENTRY, "placement.child_entered_care", "f", {"legal_status": "C2"})


def test_facts_the_policy_has_no_eye_for_and_retracted_ones_are_left_out() -> None:
    facts = [
        standing("education.school_changed", "2024-01-08"),
        standing("planning.review_held", None),
        standing("planning.review_held", "2024-02-01", retracted=True),
    ]

    assert Looking(POLICY).all_said(facts) == []


@given(st.permutations([Said(ENTRY + timedelta(days=n % 3), "t", f"f{n}", {}) for n in range(6)]))
def test_what_was_said_is_kept_in_one_order_whatever_was_heard_first(heard: list[Said]) -> None:
    said: tuple[Said, ...] = ()
    for one in heard:
        said = with_said(said, one)

    assert said == tuple(sorted(heard, key=lambda one: (one.effective, one.id)))


FACTS = st.lists(
    st.one_of(*(st.builds(make, st.dates(ENTRY, ENTRY + timedelta(days=400))) for make in (entered, reviewed, left))),
    max_size=10,
    unique_by=lambda fact: fact.id,
)


@given(FACTS, st.integers(0, 2_000))
def test_the_outlook_agrees_with_what_is_told_on_any_day_after_the_facts(facts: list[ExampleFact], later: int) -> None:
    on = ENTRY + timedelta(days=400 + later)
    told = [(s.occurrence, s.due, s.settled_on) for s in duties(facts, POLICY, on)]
    states = outlook(facts, POLICY)

    assert [(s.occurrence, s.due, s.settled_on) for s in states] == told
    assert all((lasting(s) == "open") == (s.settled_on is None) for s in states)


def test_the_latest_occurrence_tells_when_it_was_met() -> None:
    facts = [entered(), left(date(2024, 1, 19)), entered(date(2024, 5, 7)), reviewed(date(2024, 5, 20))]

    last = latest(outlook(facts, POLICY), "planning.first_review")
    assert last is not None
    assert (last.arose, lasting(last), met_on(last)) == (date(2024, 5, 7), "met", date(2024, 5, 20))


@pytest.mark.parametrize(
    ("known_on", "known_before"),
    [
        ("2026-07-01", "2026-07-01T23:00:00.000000Z"),
        ("2026-01-01", "2026-01-02T00:00:00.000000Z"),
        ("2026-07-01T10:00:00+01:00", "2026-07-01T09:00:00.000001Z"),
        ("2026-07-01T10:00:00", "2026-07-01T10:00:00.000001Z"),
    ],
)
def test_known_on_a_day_is_to_its_end_in_london_and_an_instant_to_itself(known_on: str, known_before: str) -> None:
    assert asked(None, known_on).known_before == known_before


@pytest.mark.parametrize("known_on", ["yesterday", "2026-13-01", "9999-12-31", "2026-01-01T25:00:00Z"])
def test_a_known_on_that_cannot_be_is_refused_by_name(known_on: str) -> None:
    with pytest.raises(Malformed, match=r"^known_on: "):
        asked(None, known_on)


def test_a_duty_is_described_with_all_that_explains_it() -> None:
    [state] = duties([entered()], POLICY, date(2024, 3, 1))

    told = described(state)
    assert (told["state"], told["due"], told["occurrence"]) == (State.OVERDUE.value, "2024-02-05", state.occurrence)
    assert told["explanation"].keys() == {"fact", "rule", "calendar", "override", "outcome"}
