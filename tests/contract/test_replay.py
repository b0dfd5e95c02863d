"""Every sample of every version, as Kafka brings it, through the projections of every service."""

import importlib
import json
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from carejourney.contracts import PUBLISHED
from carejourney.contracts.messages import Message, message_of
from carejourney.envelope import CORRECTIONS, SEALED, Recorded
from carejourney.keys import SubjectKey
from carejourney.projection import Projection, Saved, Secrets, advance, fold, write_values
from carejourney.records import read
from carejourney.service import Parts
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.event import Fact
from services.journey.history import history
from services.journey.story import KINDS
from tests.fixtures.system import SERVICES

SUBJECT = UUID("0198f2c4-6b1a-7c3e-9d52-4f8a1c7e6b30")
KEY = SubjectKey(SUBJECT, os.urandom(32))
SECRETS = Secrets(KEY, lambda text: text)
ALL_PARTS: list[Parts] = [importlib.import_module(f"services.{name}.app").PARTS for name in SERVICES]
PROJECTIONS = [projection for parts in ALL_PARTS for projection in parts.projections]
ALL = [
    (cls, number) for wire, cls in CATALOGUE.items() if wire not in CORRECTIONS for number in range(1, cls.version + 1)
]
VERSIONS = [pytest.param(cls, number, id=f"{cls.wire}.v{number}") for cls, number in ALL]
OLD = [pytest.param(cls, number, id=f"{cls.wire}.v{number}") for cls, number in ALL if number < cls.version]


def heard(message: Message, more: dict[str, object] | None = None) -> Recorded:
    """What a service makes of a record of Kafka."""
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    value = json.dumps({**message.value, **(more or {})}).encode()
    fact = read(headers, message.key.encode(), value, message.topic)
    assert isinstance(fact, Recorded), fact
    return fact


def said(cls: type[Fact], version: int, **more: object) -> Recorded:
    return heard(message_of(PUBLISHED, cls, version, subject=SUBJECT, seal=KEY.seal), more)


def about(kind: type[Fact], fact: Recorded, **content: object) -> Recorded:
    """A correction or retraction of a fact, recorded behind it."""
    message = message_of(PUBLISHED, kind, 1, subject=SUBJECT, seal=KEY.seal)
    behind = {"ce_id": "0198f2c4-7d05-7a41-8e6f-2b9c3d4e5f61", "ce_streamversion": "2", "ce_corrects": fact.id}
    value = {**message.value, "corrects": fact.id, "type": fact.type, "effective": fact.effective, **content}
    headers = {**message.headers, **behind}
    headers.pop("ce_effectivefrom", None)
    return heard(Message(fact.topic, headers, message.key, value))


def corrected(fact: Recorded, version: int) -> Recorded:
    """A correction that says the same again, in the version of the fact."""
    return about(FactCorrected, fact, replacement=fact.data, of_version=version)


def folded(projection: Projection[Any], facts: Sequence[Recorded]) -> Saved[Any]:
    """The state, from which a row must be to be had."""
    saved = fold(projection, facts, KINDS)
    write_values(projection, SUBJECT, saved, SECRETS)
    return saved


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_a_sample_is_taken_in_by_every_projection_in_order_and_from_zero(cls: type[Fact], version: int) -> None:
    fact = said(cls, version)
    assert KINDS.knows(fact)
    for projection in PROJECTIONS:
        assert advance(projection, projection.empty(), [fact], KINDS) == folded(projection, [fact])


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_a_field_that_no_reader_knows_changes_nothing(cls: type[Fact], version: int) -> None:
    fact, more = said(cls, version), said(cls, version, nobody_knows_this={"yet": [1]})
    for projection in PROJECTIONS:
        assert folded(projection, [more]).reached == folded(projection, [fact]).reached


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_a_corrected_sample_is_honoured_by_every_projection(cls: type[Fact], version: int) -> None:
    fact = said(cls, version)
    correction = corrected(fact, version)
    for projection in PROJECTIONS:
        # That a record was sealed concerns every projection.
        handled = cls.wire in {*projection.handles, SEALED}
        assert advance(projection, projection.empty(), [correction], KINDS) is None
        assert bool(folded(projection, [fact, correction]).reached) == handled
        assert folded(projection, [fact, correction]) == folded(projection, [correction, fact])


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_of_a_retracted_sample_nothing_is_left_in_any_projection(cls: type[Fact], version: int) -> None:
    fact = said(cls, version)
    retraction = about(FactRetracted, fact, reason="error")
    for projection in PROJECTIONS:
        assert folded(projection, [fact, retraction]) == projection.empty()


@pytest.mark.parametrize(("cls", "version"), VERSIONS)
def test_a_sample_its_correction_and_its_retraction_are_told_by_the_journey(cls: type[Fact], version: int) -> None:
    fact = said(cls, version)
    correction, retraction = corrected(fact, version), about(FactRetracted, fact, reason="error")
    for facts, told in (([fact], 1), ([fact, correction], 2), ([fact, retraction], 0)):
        lanes = history(facts, key=KEY, child=str(SUBJECT), local_id=None)["lanes"]
        among = [one for lane in lanes.values() for one in lane if fact.id in one["facts"]]
        # What only follows from other facts has no place of its own; an end without its beginning is no interval.
        assert among or cls.recorded_by == "derived" or cls.edge == "end" or not told
        assert all(len(one["facts"]) == told for one in among)


@pytest.mark.parametrize(("cls", "version"), OLD)
def test_an_old_version_means_to_every_reader_what_the_newest_would(cls: type[Fact], version: int) -> None:
    old = said(cls, version)
    new = Recorded(said(cls, cls.version).headers, json.dumps(cls.newest(old.data, version)).encode(), old.topic)
    for projection in PROJECTIONS:
        assert folded(projection, [old]) == folded(projection, [new])
    tellings = [history([one], key=KEY, child=str(SUBJECT), local_id=None) for one in (old, new)]
    assert tellings[0] == tellings[1]
