"""Raising the sensitivity of a fact: gone from its topic without content, and for the few in the twin, as if it had
always been there.
"""

from datetime import date
from typing import Any

import pytest

from carejourney.envelope import Recorded
from carejourney.errors import Refusal
from carejourney.families import Recording
from carejourney.families.correcting import correct, retract
from carejourney.families.restricting import restrict
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.event import Fact
from events.families import Family
from events.sampling import sample_of
from services.journey.history import history
from tests.builders import Child, Said
from tests.unit.events.test_recording_families import state

PLAN, ENDED = "planning.contact_plan_agreed", "planning.contact_plan_ended"
LATER = "2026-08-03T09:00:00.000000Z"
MOVABLE = [
    pytest.param(cls, id=wire)
    for wire, cls in CATALOGUE.items()
    if issubclass(cls, Family) and cls.remedy() is None and not cls.link and cls.destination() == cls.topic
    and not wire.startswith(("placement.episode", "education.school_"))
]  # fmt: skip


def recording(service: str) -> Recording:
    return Recording(service, CATALOGUE, ("social-work",), sample_of, FactCorrected, FactRetracted)


def raised(child: Child, fact: str, service: str = "planning") -> Said:
    return child.does(lambda now: restrict(recording(service), fact, now))


def agreed(child: Child) -> str:
    return state(child, PLAN, contact_with="sibling", form="face_to_face").facts[0].id


def test_it_is_withdrawn_without_content_and_said_again_in_the_twin() -> None:
    child = Child()
    said = raised(child, agreed(child))
    withdrawn, again = said.facts
    assert (withdrawn.topic, again.topic) == ("care.planning", "care.planning.restricted")
    assert withdrawn.data["consequences"] == []
    assert "sibling" not in str(withdrawn.data)
    assert again.data["contact_with"] == "sibling"


def plainly(fact: Recorded) -> dict[str, Any]:
    """What is there to be read of a fact, ids and times apart."""
    apart = ("ce_id", "ce_time", "ce_subject", "ce_corrects", "ce_causationid", "ce_correlationid", "traceparent")
    said = {name: value for name, value in fact.headers.items() if name not in apart}
    caused = fact.headers["ce_causationid"] == fact.data["corrects"]
    return {**said, **fact.data, "corrects": "", "consequences": len(fact.data["consequences"]), "caused": caused}


def test_its_withdrawal_looks_as_an_ordinary_retraction_does() -> None:
    moved, mistaken = Child(), Child()
    starts = [agreed(child) for child in (moved, mistaken)]
    for child, start in zip((moved, mistaken), starts, strict=True):
        state(child, ENDED, "2026-04-01", plan=start, reason=None)
    plain = mistaken.does(lambda now: retract(recording("planning"), starts[1], "error", now))
    assert plainly(raised(moved, starts[0]).facts[0]) == plainly(plain.facts[0])


def test_a_point_of_it_is_withdrawn_as_a_person_would_retract_that() -> None:
    child = Child()
    made, updated = (sample_of(CATALOGUE[f"planning.care_plan_{edge}"]) for edge in ("made", "updated"))
    start = state(child, "planning.care_plan_made", **made.content).facts[0].id
    state(child, "planning.care_plan_updated", "2026-04-01", **{**updated.content, "plan": start})
    first, second, *_ = raised(child, start).facts
    assert [fact.type for fact in (first, second)] == ["correction.fact_retracted"] * 2
    assert (first.data["consequences"], second.data["consequences"]) == ([], [])


def test_what_ended_it_goes_with_it_and_still_ends_it() -> None:
    child = Child()
    start = agreed(child)
    state(child, ENDED, "2026-04-01", plan=start, reason=None)
    withdrawn, again, end = raised(child, start).facts
    assert [one["replacement"] for one in withdrawn.data["consequences"]] == [None]
    assert (end.data["plan"], end.topic) == (again.id, "care.planning.restricted")


def test_what_is_restricted_already_or_was_derived_cannot_be_raised() -> None:
    child = Child()
    start = agreed(child)
    again = raised(child, start).facts[1].id
    assert raised(child, again).nothing
    with pytest.raises(Refusal, match="was retracted, or is restricted already"):
        raised(child, start)


def test_the_end_of_a_fact_cannot_be_raised_alone() -> None:
    child = Child()
    end = state(child, ENDED, "2026-04-01", plan=agreed(child), reason=None).facts[0].id
    with pytest.raises(Refusal, match="raise the sensitivity of the fact that this one names"):
        raised(child, end)


def told(child: Child, facts: list[Recorded], **asked: Any) -> dict[str, Any]:
    return history(facts, key=child.key, child=str(child.subject), local_id=None, **asked)


def later(facts: list[Recorded]) -> list[Recorded]:
    """The same facts, recorded months after."""
    return [Recorded({**fact.headers, "ce_time": LATER}, fact.payload, fact.topic) for fact in facts]


@pytest.mark.parametrize("cls", MOVABLE)
def test_who_lacks_the_right_sees_neither_the_fact_nor_that_there_was_one(cls: type[Fact]) -> None:
    child = Child()
    sample = sample_of(cls)
    said = state(child, cls.wire, sample.effective, **sample.content).facts
    moved = later(raised(child, said[0].id, cls.owner()).facts)

    for known_on in (None, date(2026, 6, 2), date(2026, 8, 4)):
        nothing = told(child, [], withhold=True, known_on=known_on)
        assert told(child, [*said, *moved], withhold=True, known_on=known_on) == nothing
    assert len(told(child, [*said, *moved])["lanes"][cls.lane]) == 1
    assert len(told(child, [*said, *moved], known_on=date(2026, 6, 2))["lanes"][cls.lane]) == 1


def test_a_correction_made_before_goes_out_of_sight_too_and_one_made_after_is_for_the_few() -> None:
    child = Child()
    start = agreed(child)
    before = child.does(lambda now: correct(recording("planning"), start, None, _MONTHLY, now))
    again = raised(child, start).facts[1]
    after = child.does(lambda now: correct(recording("planning"), again.id, None, _WEEKLY, now))

    assert [fact.topic for fact in (*before.facts, *after.facts)] == ["care.planning", "care.planning.restricted"]
    assert told(child, child.facts, withhold=True) == told(child, [], withhold=True)
    lane = told(child, child.facts)["lanes"]["contact_plan"]
    assert [one["value"]["times_a_year"] for one in lane] == [52]


_MONTHLY = {"contact_with": "sibling", "form": "face_to_face", "times_a_year": 12}
_WEEKLY = {"contact_with": "sibling", "form": "face_to_face", "times_a_year": 52}
