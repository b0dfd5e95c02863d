"""Identifiers, the envelope of a fact, and the days and instants in it."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import msgspec
import pytest

from carejourney.envelope import Draft, effective_text, headers_of, instant, received, stored
from carejourney.ids import derived_id, new_id
from events.correction import FactRetracted
from events.missing import ChildWentMissing
from tests.builders import AUTHORITY, NOW, a_context

CHILD = uuid4()
WENT = ChildWentMissing(kind="M")


def test_new_ids_are_of_version_seven_and_tell_when_they_were_made() -> None:
    made = [new_id() for _ in range(200)]
    assert {one.version for one in made} == {7}
    assert len(set(made)) == 200
    moments = [one.int >> 80 for one in made]
    assert moments == sorted(moments)
    assert abs(moments[0] / 1000 - datetime.now(UTC).timestamp()) < 60


def test_a_derived_id_is_the_same_for_the_same_parts_only() -> None:
    assert derived_id("a", 1) == derived_id("a", "1")
    assert derived_id("a", "b") != derived_id("ab") != derived_id("b", "a")


def test_instants_are_texts_in_utc_that_sort_as_time_does() -> None:
    summer = timezone(timedelta(hours=1))
    moments = [datetime(2026, 6, 1, 0, 30, tzinfo=summer), datetime(2026, 6, 1, tzinfo=UTC)]
    assert [instant(m) for m in moments] == ["2026-05-31T23:30:00.000000Z", "2026-06-01T00:00:00.000000Z"]
    assert effective_text(date(2026, 6, 1)) == "2026-06-01"
    assert effective_text(None) is None


def test_an_envelope_goes_round_through_kafka_and_store_unchanged() -> None:
    draft = Draft(CHILD, WENT, "2026-06-01", "care.missing", concerns=("a", "b"))
    context = a_context(causation="cause", known_from="2020-01-02", stated_in="ssda903/2026", traceparent="00-1-2-01")
    headers = headers_of(draft, context, time=instant(NOW), stream_version=7)
    fact = stored(msgspec.json.encode(headers), b'{"kind":"M"}', "care.missing")
    again = received(fact.kafka_headers(), fact.payload, fact.topic)
    assert again == fact
    assert (again.id, again.type, again.subject, again.stream_version) == (str(draft.id), WENT.wire, CHILD, 7)
    assert (again.effective, again.known) == ("2026-06-01", "2020-01-02T00:00:00.000000Z")
    assert again.headers["ce_concerns"] == "a,b"
    assert stored(again.packed_headers(), again.payload, again.topic) == fact


def test_the_headers_name_what_the_fact_is_and_who_said_so() -> None:
    headers = headers_of(Draft(CHILD, WENT, None, "care.missing"), a_context(), time=instant(NOW), stream_version=1)
    assert headers["ce_type"] == "missing.child_went_missing"
    assert headers["ce_dataschema"] == "urn:carejourney:missing.child_went_missing:1"
    assert (headers["ce_authority"], headers["ce_actor"], headers["ce_origin"]) == (AUTHORITY, "tester", "person")
    assert "ce_effectivefrom" not in headers
    assert all(name.removeprefix("ce_").isalnum() for name in headers if name.startswith("ce_"))


@pytest.mark.parametrize(("topic", "sensitivity"), [("care.x", "standard"), ("care.x.restricted", "restricted")])
def test_the_sensitivity_is_that_of_the_topic(topic: str, sensitivity: str) -> None:
    headers = headers_of(Draft(CHILD, WENT, None, topic), a_context(), time=instant(NOW), stream_version=1)
    assert headers["ce_sensitivity"] == sensitivity


def test_a_correction_names_in_its_headers_what_it_corrects() -> None:
    corrected = str(UUID(int=1))
    body = FactRetracted(corrects=corrected, type=WENT.wire, reason="error")
    headers = headers_of(Draft(CHILD, body, None, "care.missing"), a_context(), time=instant(NOW), stream_version=2)
    assert headers["ce_corrects"] == corrected
