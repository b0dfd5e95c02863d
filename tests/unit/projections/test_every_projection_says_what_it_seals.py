"""Whatever a projection keeps of a personal field stands where its declaration says that something sealed stands."""

import importlib
from typing import Any

import pytest

from carejourney.cli.connecting import SERVICES
from carejourney.cli.erasing_for_good import language
from carejourney.erasure.structure import Examiner, Found
from carejourney.projection import Projection, Saved, Secrets, encode
from carejourney.standing import Standing
from events.catalogue import CATALOGUE
from events.sampling import sample_of
from tests.unit.journey.made_facts import CHILD, KEY

LANGUAGE = language()
AFTER_ERASURE = Secrets(None, lambda text: text)
ALL = [
    pytest.param(f"{service}.{projection.table.name}", projection, id=f"{service}.{projection.name}")
    for service in SERVICES
    for projection in importlib.import_module(f"services.{service}.app").PARTS.projections
]


def said(wire: str) -> Standing:
    """A fact of a type with every personal field filled and sealed."""
    cls, sample = CATALOGUE[wire], sample_of(CATALOGUE[wire])
    data = cls.model_validate(sample.content).model_dump(mode="json")
    data |= {name: KEY.seal(name, "a canary") for name in cls.personal_fields()}
    identity = f"of {wire}"
    return Standing(
        identity, wire, sample.effective, data, cls.destination(), cls.owner(), "person", "2026-01-05T09:00:00.000000Z",
        1, (identity,), None, "E08000025",
    )  # fmt: skip


def kept_of(table: str, projection: Projection[Any], wires: list[str]) -> Found:
    """What the reader finds in the row of an erased child of whom these facts were said."""
    state = projection.empty().state
    for wire in wires:
        state = projection.evolve(state, said(wire))
    row = {"state": encode(Saved(state)), **(projection.row(state, AFTER_ERASURE) or {})}
    found = Found(table)
    Examiner(CHILD, LANGUAGE).row(found, row, table)
    return found


@pytest.mark.parametrize(("table", "projection"), ALL)
def test_what_is_sealed_in_a_row_is_what_the_projection_says_and_all_of_that_is_seen(
    table: str, projection: Projection[Any]
) -> None:
    wires = sorted(projection.handles)
    seen = [kept_of(table, projection, some) for some in (wires, *([one] for one in wires))]
    assert {fault for found in seen for fault in found.faults} == set()
    assert set().union(*(found.sealed_at for found in seen)) == projection.sealed
