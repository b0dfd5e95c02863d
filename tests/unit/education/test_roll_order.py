from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.envelope import Recorded
from carejourney.ids import derived_id
from carejourney.projection import Kinds, Saved, Secrets, advance, fold
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.education import SchoolChanged, SchoolLeft, UpnRecorded
from events.leaving_care import TurnedEighteen
from events.missing import ChildReturned, ChildWentMissing
from events.placement import ChildEnteredCare, ChildLeftCare, PlacementMoved, PlacementStarted, SubjectRegistered
from services.education.projections import ROLL, Child, row
from tests.unit.education.made_education import Record

KINDS = Kinds(CATALOGUE)
SECRETS = Secrets(None, str)
SUBJECT = UUID(int=7)
DAYS = st.integers(1, 28).map(lambda n: f"2025-10-{n:02}")
PLACED = {"placement_type": "U4", "home_area": "E08000025"}


@st.composite
def _facts(draw: st.DrawFn) -> list[Recorded]:
    """What several services say of one child, each topic in its own order, with corrections."""
    record = Record(SUBJECT)
    record.hear(SubjectRegistered(local_id="C1"))
    for n in range(draw(st.integers(1, 12))):
        _one(draw, record, n)
    return record.facts


def _one(draw: st.DrawFn, record: Record, n: int) -> None:
    some = str(derived_id("some", n))
    kind = draw(st.sampled_from(("care", "place", "move", "away", "school", "upn", "adult", "correct")))
    day = draw(DAYS)
    bodies: dict[str, Any] = {
        "care": ChildEnteredCare(legal_status="C2", category_of_need="N1") if draw(st.booleans()) else ChildLeftCare(),
        "place": PlacementStarted.model_validate({**PLACED, "placement_area": f"E0800002{n % 5}"}),
        "move": PlacementMoved(started=some, from_type="U4", to_type="U5"),
        "school": SchoolChanged(urn=f"99000{n % 3}", school="School"),
        "upn": UpnRecorded(unknown_because=f"UN{n % 5 + 1}"),
        "adult": TurnedEighteen(),
    }
    if kind in bodies:
        record.hear(bodies[kind], None if kind == "upn" else day)
    elif kind == "away":
        _with_end(draw, record, record.hear(ChildWentMissing(kind="M"), day))
    else:
        _corrected(draw, record, day)
    if kind == "school":
        _with_end(draw, record, record.facts[-1])


def _with_end(draw: st.DrawFn, record: Record, begun: Recorded) -> None:
    if draw(st.booleans()):
        missing = begun.type == ChildWentMissing.wire
        record.hear(ChildReturned(incident=begun.id) if missing else SchoolLeft(enrolment=begun.id), draw(DAYS))


def _corrected(draw: st.DrawFn, record: Record, day: str) -> None:
    fact = draw(st.sampled_from(record.facts))
    if fact.type.startswith("correction."):
        return
    change = (
        FactRetracted(corrects=fact.id, type=fact.type, reason="error")
        if draw(st.booleans())
        else FactCorrected(corrects=fact.id, type=fact.type, effective=day, replacement=fact.data)
    )
    # A correction travels on the topic of what it corrects.
    record.add_on(fact.topic, change, day)


@st.composite
def _interleaved(draw: st.DrawFn, facts: Sequence[Recorded]) -> list[Recorded]:
    """Any order of arrival that keeps each topic's own."""
    waiting: dict[str, list[Recorded]] = {}
    for fact in facts:
        waiting.setdefault(fact.topic, []).append(fact)
    arrived = []
    while waiting:
        topic = draw(st.sampled_from(sorted(waiting)))
        arrived.append(waiting[topic].pop(0))
        if not waiting[topic]:
            del waiting[topic]
    return arrived


def _after(arrived: Sequence[Recorded], cuts: set[int]) -> Saved[Child]:
    """What the projector holds when facts come in batches: evolved where it can, folded again where it must."""
    saved: Saved[Child] = ROLL.empty()
    begun = 0
    for end in (*sorted(cuts), len(arrived)):
        batch = arrived[begun:end]
        saved = advance(ROLL, saved, batch, KINDS) or fold(ROLL, arrived[:end], KINDS)
        begun = end
    return saved


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_order_of_arrival_gives_the_same_row(data: st.DataObject) -> None:
    facts = data.draw(_facts())
    arrived = data.draw(_interleaved(facts))
    cuts = data.draw(st.sets(st.integers(0, len(arrived))))

    saved, folded = _after(arrived, cuts), fold(ROLL, facts, KINDS)

    assert saved.state == folded.state
    assert row(saved.state, SECRETS) == row(folded.state, SECRETS)
