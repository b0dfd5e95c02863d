"""Facts of every family: recorded once, ended after they began, corrected, corrected again, retracted."""

from dataclasses import replace
from typing import Any, get_args
from uuid import uuid4

import pytest
from pydantic import ValidationError

from carejourney.commands import Decided, State
from carejourney.errors import Malformed, NotFound, Refusal
from carejourney.families import Recording, Statement
from carejourney.families.correcting import Reason, correct, retract
from carejourney.families.deciding import record
from carejourney.families.recording import checked, dated, effective_of, fitting
from carejourney.reconcile import Because
from events.catalogue import CATALOGUE
from events.codes import RETRACTED
from events.correction import FactCorrected, FactRetracted
from events.sampling import sample_of
from tests.builders import Child, Said

ASSIGNED, ENDED = "planning.advocate_assigned", "planning.advocate_ended"
WORKER = "01980000-0000-7000-8000-000000000007"


def recording(service: str) -> Recording:
    return Recording(service, CATALOGUE, ("social-work",), sample_of, FactCorrected, FactRetracted)


def state(child: Child, wire: str, on: str | None = "2026-03-02", **content: Any) -> Said:
    """Record what is stated of a child."""
    cls = CATALOGUE[wire]
    body = checked(cls, content)
    statement = Statement(body, dated(cls, body, on))
    return child.does(lambda now: record(recording(cls.owner()), statement, now))


def change(child: Child, corrects: str, on: str | None = None, **content: Any) -> Said:
    return child.does(lambda now: correct(recording("planning"), corrects, on, content, now))


def withdraw(child: Child, corrects: str) -> Said:
    return child.does(lambda now: retract(recording("planning"), corrects, "wrong_child", now))


def advocate(child: Child) -> str:
    return state(child, ASSIGNED, worker=WORKER).facts[0].id


def test_a_fact_stated_twice_is_recorded_once() -> None:
    child = Child()
    advocate(child)
    assert state(child, ASSIGNED, worker=WORKER).nothing
    assert not state(child, ASSIGNED, "2026-03-03", worker=WORKER).nothing


def test_an_end_names_a_beginning_that_stands_and_lies_before_it() -> None:
    child = Child()
    start = advocate(child)
    with pytest.raises(Refusal, match="began on 2026-03-02"):
        state(child, ENDED, "2026-03-01", assignment=start)
    with pytest.raises(NotFound, match=r"assignment: no planning\.advocate_assigned"):
        state(child, ENDED, assignment=str(uuid4()))
    assert state(child, ENDED, "2026-03-02", assignment=start).types == ["advocate_ended"]


def test_what_ended_cannot_end_again_on_another_day() -> None:
    child = Child()
    start = advocate(child)
    state(child, ENDED, "2026-04-01", assignment=start)
    assert state(child, ENDED, "2026-04-01", assignment=start).nothing
    with pytest.raises(Refusal, match="ended already, on 2026-04-01"):
        state(child, ENDED, "2026-04-02", assignment=start)


def test_only_a_plan_may_lie_ahead() -> None:
    child = Child()
    with pytest.raises(Refusal, match="lies in the future"):
        state(child, ASSIGNED, "2026-06-02", worker=WORKER)
    assert state(child, "planning.care_plan_made", "2026-06-02").types == ["care_plan_made"]


def test_a_plan_cannot_lie_many_years_ahead() -> None:
    with pytest.raises(Refusal, match="more than three years ahead"):
        state(Child(), "planning.care_plan_made", "2036-06-02")


@pytest.mark.parametrize("day", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0206-05-04", "2206-05-04"])
def test_a_day_of_an_implausible_year_is_refused_by_its_field(day: str) -> None:
    with pytest.raises(Malformed, match=r"effective: .* from 1900 to 2100"):
        state(Child(), ASSIGNED, day, worker=WORKER)


def test_what_a_services_own_rules_cannot_read_is_refused_by_its_field() -> None:
    def own(_: Statement, __: State) -> Decided:
        return Decided(notes={"read": CATALOGUE[ASSIGNED].model_validate({"worker": "Anna Smith"})})

    service = replace(recording("planning"), own={ASSIGNED: own})
    statement = Statement(checked(CATALOGUE[ASSIGNED], {"worker": WORKER}), "2026-03-02")
    with pytest.raises(Malformed) as refusal:
        Child().does(fitting(lambda now: record(service, statement, now)))
    assert refusal.value.detail.startswith("worker: ")
    assert "Smith" not in refusal.value.detail


@pytest.mark.parametrize("moment", ["2026-06-01T12:00:01+00:00", "2026-06-01T13:00:01+01:00"])
def test_an_instant_ahead_by_a_second_is_refused(moment: str) -> None:
    with pytest.raises(Refusal, match="lies in the future"):
        state(Child(), "planning.meeting_held", moment, kind="handover")


def test_a_fact_of_a_day_needs_its_day_and_one_for_life_has_none() -> None:
    with pytest.raises(Malformed, match="effective: the day or instant is needed"):
        state(Child(), ASSIGNED, None, worker=WORKER)
    with pytest.raises(Malformed, match="holds for the whole life"):
        state(Child(), "placement.unaccompanied_status_recorded", "2026-03-02")


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "2026-03-02T10:00:00", "20260302"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="effective: it must be an ISO day"):
        state(Child(), ASSIGNED, text, worker=WORKER)


def test_an_instant_is_kept_in_utc() -> None:
    assert effective_of("2026-05-03T21:15:00+01:00") == "2026-05-03T20:15:00.000000Z"


def test_a_yearly_outcome_is_so_from_the_first_day_of_its_year_and_stated_once_for_it() -> None:
    child = Child()
    wire = "health.health_outcomes_reported"
    assert state(child, wire, None, year=2026, sdq_score=12).facts[0].effective == "2025-04-01"
    assert state(child, wire, None, year=2026, sdq_score=12).nothing
    with pytest.raises(Refusal, match="stated already"):
        state(child, wire, None, year=2026, sdq_score=13)
    assert not state(child, wire, None, year=2025, sdq_score=13).nothing


def test_a_wrong_content_is_told_field_by_field_with_what_is_allowed() -> None:
    with pytest.raises(Malformed, match=r"answer is not a code of offer: it must be one of accepted") as refused:
        state(Child(), "planning.advocate_offered", answer="perhaps", surprise=1)
    assert [place["field"] for place in refused.value.extra["fields"]] == ["answer", "surprise"]  # type: ignore[attr-defined]


def test_a_correction_of_a_correction_counts_and_keeps_the_fact() -> None:
    child = Child()
    start = advocate(child)
    first = change(child, start, worker=WORKER, independent=True)
    second = change(child, first.facts[0].id, "2026-03-09", worker=WORKER, independent=False)
    (fact,) = child.standing("advocate_assigned")
    assert (fact.id, fact.effective, fact.data["independent"]) == (start, "2026-03-09", False)
    assert (first.corrections, second.corrections) == (1, 1)
    assert change(child, start, worker=WORKER, independent=False).nothing


def test_why_is_said_in_a_code_that_is_published_with_its_meaning() -> None:
    assert get_args(Because) == tuple(RETRACTED.codes)
    assert get_args(Reason) == get_args(Because)[:4]
    child = Child()
    (said,) = withdraw(child, state(child, ASSIGNED, worker=WORKER).facts[0].id).facts
    assert (said.data["reason"], RETRACTED.meaning("wrong_child")) == ("wrong_child", "Recorded for another child")
    with pytest.raises(ValidationError, match="not a code of retracted"):
        FactRetracted(corrects=said.data["corrects"], type=ASSIGNED, reason="recorded in error")


def test_a_retracted_beginning_takes_its_end_with_it() -> None:
    child = Child()
    start = advocate(child)
    state(child, ENDED, "2026-04-01", assignment=start)
    assert withdraw(child, start).types == ["fact_retracted"]
    assert child.standing("advocate_assigned") == child.standing("advocate_ended") == []
    assert withdraw(child, start).nothing


def test_a_retracted_fact_stands_again_when_it_is_corrected() -> None:
    child = Child()
    start = advocate(child)
    withdraw(child, start)
    change(child, start, worker=WORKER)
    assert [fact.id for fact in child.standing("advocate_assigned")] == [start]


def test_a_beginning_cannot_be_corrected_to_a_day_after_its_end() -> None:
    child = Child()
    start = advocate(child)
    state(child, ENDED, "2026-04-01", assignment=start)
    with pytest.raises(Refusal, match="ended on 2026-04-01, before that day"):
        change(child, start, "2026-04-02", worker=WORKER)


def test_the_childs_own_words_are_sealed_in_a_correction_too() -> None:
    child = Child()
    wire = "planning.complaint_made"
    fact = state(child, wire, kind="informal", about="contact", made_by="child", words="Canary one").facts[0]
    corrected = change(child, fact.id, kind="stage_1", about="contact", made_by="child", words="Canary two").facts[0]
    assert b"Canary" not in fact.payload + corrected.payload
    assert child.standing("complaint_made")[0].data["words"] == "Canary two"


@pytest.mark.parametrize(
    ("wire", "remedy"),
    [
        ("placement.child_entered_care", "state or correct placement.episode_started"),
        ("leaving_care.turned_eighteen", "correct placement.child_details_recorded"),
        ("health.gp_registered", "is recorded by health, not here"),
    ],
)
def test_what_is_not_recorded_by_hand_is_refused_with_what_to_do(wire: str, remedy: str) -> None:
    with pytest.raises(Refusal, match=remedy):
        recording("planning").kind(wire)


def test_a_fact_nobody_recorded_cannot_be_corrected() -> None:
    with pytest.raises(NotFound, match="no fact of that id"):
        retract(recording("planning"), str(uuid4()), "error", State(uuid4(), [], Child().now))


def test_what_a_fact_touches_and_why_it_is_travel_with_it() -> None:
    child, sibling, cause = Child(), str(uuid4()), str(uuid4())
    body = checked(CATALOGUE["planning.meeting_held"], {"kind": "family_group_conference"})
    statement = Statement(body, "2026-03-02", (sibling,), cause)
    (fact,) = child.does(lambda now: record(recording("planning"), statement, now)).facts
    assert (fact.headers["ce_concerns"], fact.headers["ce_causationid"]) == (sibling, cause)
