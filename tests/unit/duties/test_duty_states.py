from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services
from carejourney.duties import DutyState, Policy, PolicyError, State, duties, load_policy
from carejourney.duties.policy import ExampleFact

SERVICES = Path(services.__file__).parent
POLICY = load_policy(SERVICES / "planning" / "policy", SERVICES / "health" / "policy")
ENTRY = date(2024, 1, 8)
DUE = date(2024, 2, 5)
LATER = date(2024, 7, 1)


def only(*duty_ids: str) -> Policy:
    return Policy(tuple(rule for rule in POLICY.rules if rule.duty.id in duty_ids))


FIRST_REVIEW = only("planning.first_review")
INITIAL_ASSESSMENT = only("health.initial_health_assessment")


def entered(day: date = ENTRY, status: str = "C2", *, on_or_before: bool = False, fact: str = "entered") -> ExampleFact:
    data: dict[str, object] = {"legal_status": status, "on_or_before": on_or_before}
    return ExampleFact(type="placement.child_entered_care", effective=day, data=data, id=fact)


def left(day: date, fact: str = "left") -> ExampleFact:
    return ExampleFact(type="placement.child_left_care", effective=day, data={"reason": "E4A"}, id=fact)


def status_changed(day: date, status: str, fact: str = "status") -> ExampleFact:
    data: dict[str, object] = {"legal_status": status}
    return ExampleFact(type="placement.legal_status_changed", effective=day, data=data, id=fact)


def reviewed(day: date, fact: str = "review") -> ExampleFact:
    return ExampleFact(type="planning.review_held", effective=day, data={"participation": "PN1"}, id=fact)


def assessed(day: date, kind: str = "initial", fact: str = "assessment") -> ExampleFact:
    return ExampleFact(type="health.health_assessment_held", effective=day, data={"kind": kind}, id=fact)


def reported(year: int, fact: str = "oc2") -> ExampleFact:
    data: dict[str, object] = {"year": year, "health_assessment": True}
    return ExampleFact(type="health.health_outcomes_reported", effective=date(year - 1, 4, 1), data=data, id=fact)


def one(states: list[DutyState]) -> DutyState:
    [state] = states
    return state


def test_a_review_learnt_of_late_turns_an_overdue_duty_into_one_met_in_time() -> None:
    known_before = [entered()]

    assert one(duties(known_before, FIRST_REVIEW, LATER)).state is State.OVERDUE
    assert one(duties([*known_before, reviewed(DUE)], FIRST_REVIEW, LATER)).state is State.MET


def test_a_corrected_entry_moves_the_due_date_with_it() -> None:
    assert one(duties([entered(ENTRY + timedelta(days=7))], FIRST_REVIEW, LATER)).due == DUE + timedelta(days=7)


def test_a_pending_duty_changes_by_time_alone_on_the_day_after_it_is_due() -> None:
    pending = one(duties([entered()], FIRST_REVIEW, DUE))

    assert pending.changes_on == DUE + timedelta(days=1)
    overdue = one(duties([entered()], FIRST_REVIEW, pending.changes_on))
    assert (overdue.state, overdue.fell_overdue, overdue.changes_on) == (State.OVERDUE, True, None)


def test_a_duty_does_not_arise_before_the_child_enters_care() -> None:
    assert duties([entered()], POLICY, ENTRY - timedelta(days=1)) == []


def test_a_duty_that_ended_after_its_due_date_still_says_it_fell_overdue() -> None:
    ended = one(duties([entered(), left(DUE + timedelta(days=1))], FIRST_REVIEW, LATER))

    assert (ended.state, ended.fell_overdue, ended.settled_by) == (State.ENDED, True, "left")
    assert "overdue by then and never met" in ended.explanation.outcome


def test_a_review_after_care_ended_does_not_meet_the_duty() -> None:
    facts = [entered(), left(date(2024, 1, 19)), reviewed(date(2024, 1, 22))]

    assert one(duties(facts, FIRST_REVIEW, LATER)).state is State.ENDED


def test_a_child_who_leaves_and_returns_on_one_day_has_two_occurrences() -> None:
    back = date(2024, 1, 19)
    facts = [entered(), left(back), entered(back, fact="again")]

    states = duties(facts, FIRST_REVIEW, back)
    assert [(state.root, state.state) for state in states] == [("entered", State.ENDED), ("again", State.PENDING)]


def test_a_child_who_enters_and_leaves_on_one_day_has_an_ended_duty() -> None:
    assert one(duties([left(ENTRY, fact="a"), entered(fact="b")], FIRST_REVIEW, LATER)).state is State.ENDED


def test_a_second_entry_without_an_end_of_the_first_counts_as_a_new_period() -> None:
    facts = [entered(), entered(date(2024, 5, 7), fact="again")]

    assert [(s.root, s.settled_by) for s in duties(facts, FIRST_REVIEW, date(2024, 5, 8))] == [
        ("entered", "again"),
        ("again", None),
    ]


def test_an_entry_reported_twice_for_one_day_is_one_occurrence() -> None:
    assert len(duties([entered(fact="a"), entered(fact="b")], FIRST_REVIEW, LATER)) == 1


def test_a_legal_status_outside_care_makes_no_duty_arise() -> None:
    gone = date(2024, 1, 19)
    stray = [status_changed(gone, "V2"), status_changed(gone + timedelta(days=9), "V2", fact="stray")]

    assert [state.root for state in duties([entered(), left(gone), *stray], POLICY, LATER)] == ["entered", "entered"]


def test_a_change_into_short_breaks_ends_what_was_pending() -> None:
    ended = one(duties([entered(), status_changed(date(2024, 1, 19), "V4")], FIRST_REVIEW, LATER))

    assert (ended.state, ended.settled_by) == (State.ENDED, "status")


def test_reviews_in_short_breaks_make_no_further_review_due() -> None:
    assert duties([entered(status="V4"), reviewed(ENTRY + timedelta(days=30))], POLICY, LATER) == []


def test_an_instant_counts_on_its_day_in_london() -> None:
    late_in_the_evening = datetime(2024, 7, 7, 23, 30, tzinfo=UTC)

    assert one(duties([entered(late_in_the_evening)], FIRST_REVIEW, date(2024, 7, 8))).arose == date(2024, 7, 8)


def test_an_overdue_duty_of_care_that_began_before_the_record_is_never_certainly_overdue() -> None:
    uncertain = one(duties([entered(on_or_before=True)], FIRST_REVIEW, LATER))
    certain = one(duties([entered()], FIRST_REVIEW, LATER))

    assert (uncertain.state, uncertain.due_on_or_before, uncertain.certainly_overdue) == (State.OVERDUE, True, False)
    assert certain.certainly_overdue
    assert "on or before 5 February 2024" in uncertain.explanation.rule
    assert "may have been due and met earlier" in uncertain.explanation.outcome


def test_the_annual_return_is_shown_as_evidence_for_the_year_after_entry_only() -> None:
    facts = [entered(), reported(2025), reported(2026, fact="next year")]

    state = one(duties(facts, INITIAL_ASSESSMENT, date(2025, 4, 1)))
    assert (state.state, state.evidence) == (State.OVERDUE, ("oc2",))
    assert "evidence that does not meet it: health.health_outcomes_reported (fact oc2)" in state.explanation.outcome


def test_a_review_assessment_does_not_stand_in_for_the_initial_one() -> None:
    facts = [entered(), assessed(ENTRY + timedelta(days=3), kind="review")]

    assert one(duties(facts, INITIAL_ASSESSMENT, LATER)).state is State.OVERDUE


def test_an_assessment_before_two_periods_of_care_makes_one_duty_in_the_later() -> None:
    facts = [
        assessed(ENTRY - timedelta(days=9)),
        entered(),
        left(date(2024, 1, 19)),
        entered(date(2024, 2, 1), fact="b"),
    ]

    state = one(duties(facts, only("health.review_health_assessment"), date(2024, 3, 1)))
    assert (state.root, state.state) == ("assessment", State.PENDING)


def test_the_explanation_names_fact_rule_calendar_and_override() -> None:
    said = one(duties([entered(date(2024, 12, 2))], FIRST_REVIEW, LATER + timedelta(days=200))).explanation

    assert "on 2 December 2024 from placement.child_entered_care (fact entered)" in said.fact
    assert "Due by 2 January 2025: within 20 working days" in said.rule
    assert "regulation 33(1); law" in said.rule
    assert "bank holidays of 25 December 2024, 26 December 2024 and 1 January 2025" in said.calendar
    assert said.override.startswith("Override: none is allowed")


def test_an_override_is_explained_beside_the_rule_it_replaces() -> None:
    local = {"health.initial_health_assessment": {"due": [{"days": 28}], "because": "local health procedure"}}
    policy = INITIAL_ASSESSMENT.for_authority("E10000014", local)

    state = one(duties([entered()], policy, ENTRY))
    assert state.due == ENTRY + timedelta(days=28)
    assert "within 28 days, where the rule says within 20 working days" in state.explanation.rule
    assert state.explanation.override == "Override: the term is E10000014's own: local health procedure."


def test_an_override_counts_only_for_duties_that_arise_while_it_is_in_force() -> None:
    local = {"due": [{"days": 28}], "because": "local health procedure", "since": ENTRY, "until": LATER}
    policy = INITIAL_ASSESSMENT.for_authority("E10000014", {"health.initial_health_assessment": local})

    before, during, after = (
        one(duties([entered(day)], policy, day)) for day in (ENTRY - timedelta(days=1), ENTRY, LATER)
    )
    assert (during.due - during.arose).days == 28
    assert before.explanation.override == "Override: none of E10000014's applies."
    assert after.due == date(2024, 7, 29)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"planning.first_review": {"due": [{"days": 28}], "because": "x"}}, "first_review': due: no local value"),
        ({"planning.unknown": {"due": [{"days": 28}], "because": "x"}}, "unknown': id: no policy has"),
        ({"health.initial_health_assessment": {"due": [{"weeks": 4}], "because": "x"}}, r"due\[0\].*weeks"),
        ({"health.initial_health_assessment": {"due": [{"days": 28}]}}, "because"),
        ({"health.initial_health_assessment": {"due": [], "because": "x"}}, "at least one term"),
    ],
)
def test_an_override_that_is_not_allowed_or_does_not_fit_is_refused_by_name(
    overrides: dict[str, object], reason: str
) -> None:
    with pytest.raises(PolicyError, match=rf"override of E10000014: .*{reason}"):
        POLICY.for_authority("E10000014", overrides)


def test_a_policy_says_which_facts_it_listens_to() -> None:
    assert FIRST_REVIEW.fact_types() == {
        "placement.child_entered_care",
        "placement.child_left_care",
        "placement.legal_status_changed",
        "planning.review_held",
    }


DAYS = st.dates(date(2023, 1, 1), date(2025, 12, 31))
STATUSES = st.sampled_from(["C2", "V2", "V3", "V4"])
KINDS = st.one_of(
    st.builds(entered, DAYS, STATUSES, on_or_before=st.booleans()),
    st.builds(left, DAYS),
    st.builds(status_changed, DAYS, STATUSES),
    st.builds(reviewed, DAYS),
    st.builds(assessed, DAYS, st.sampled_from(["initial", "review"])),
    st.builds(reported, st.integers(2023, 2026)),
)


def histories() -> st.SearchStrategy[list[ExampleFact]]:
    return st.lists(KINDS, max_size=14).map(
        lambda facts: [
            ExampleFact(type=fact.type, effective=fact.effective, data=fact.data, id=f"{place:02}")
            for place, fact in enumerate(facts)
        ]
    )


@given(facts=histories(), on=DAYS, data=st.data())
def test_duties_do_not_depend_on_the_order_in_which_facts_are_given(
    facts: list[ExampleFact], on: date, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(facts))

    assert duties(shuffled, POLICY, on) == duties(facts, POLICY, on)


@given(facts=histories(), on=DAYS)
def test_a_past_day_is_answered_without_what_happened_after_it(facts: list[ExampleFact], on: date) -> None:
    so_far = [fact for fact in facts if fact.effective <= on]

    assert duties(facts, POLICY, on) == duties(so_far, POLICY, on)


@given(facts=histories(), on=DAYS)
def test_an_occurrence_is_listed_once_and_its_state_agrees_with_its_dates(facts: list[ExampleFact], on: date) -> None:
    states = duties(facts, POLICY, on)

    assert len({state.occurrence for state in states}) == len(states)
    for state in states:
        assert (state.settled_on is None) == (state.state in {State.PENDING, State.OVERDUE})
        assert state.fell_overdue == ((state.settled_on or on) > state.due)


@given(facts=histories(), on=DAYS)
def test_a_pending_duty_stays_as_it_is_until_the_day_it_names(facts: list[ExampleFact], on: date) -> None:
    so_far = [fact for fact in facts if fact.effective <= on]
    for state in duties(so_far, POLICY, on):
        if state.changes_on:
            known = {later.occurrence: later.state for later in duties(so_far, POLICY, state.changes_on)}
            assert known[state.occurrence] is State.OVERDUE
