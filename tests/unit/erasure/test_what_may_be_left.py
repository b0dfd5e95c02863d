"""What an independent reader lets pass of an erased child, judged by structure alone."""

import json
from typing import Any
from uuid import uuid4

import pytest

from carejourney.cli.erasing_for_good import language
from carejourney.erasure.structure import Examiner, Found, Language
from carejourney.keys import SubjectKey
from events.placement import ChildDetailsRecorded

CHILD = uuid4()
KEY = SubjectKey(CHILD, b"1" * 32)
SEALED = KEY.seal("date_of_birth", "2012-04-05")
OTHERS = SubjectKey(uuid4(), b"1" * 32).seal("date_of_birth", "2012-04-05")
DETAILS = ChildDetailsRecorded.wire


def looked_at(row: dict[str, Any]) -> Found:
    found = Found("somewhere")
    Examiner(CHILD, language()).row(found, row)
    return found


def of_the_roll(state: Any, **columns: Any) -> Found:
    """A row of the virtual roll as the reader sees it."""
    found = Found("education.virtual_roll")
    saved = json.dumps({"state": state, "reached": {}}).encode() if isinstance(state, dict) else state
    Examiner(CHILD, language()).row(found, {"subject": CHILD, "state": saved, **columns}, "education.virtual_roll")
    return found


def a_fact(data: object, wire: str = DETAILS) -> dict[str, Any]:
    return {"headers": json.dumps({"ce_type": wire}).encode(), "payload": json.dumps(data).encode()}


def corrected(replacement: dict[str, Any] | None, consequence: dict[str, Any] | None = None) -> dict[str, Any]:
    ids = {"corrects": str(uuid4()), "type": DETAILS}
    consequences = [ids | {"replacement": consequence}]
    return a_fact(ids | {"replacement": replacement, "consequences": consequences}, "correction.fact_corrected")


def test_sealed_fields_are_counted_and_coded_ones_pass() -> None:
    found = looked_at(a_fact({"sex": "1", "date_of_birth": SEALED, "mother_child_born_on": None}))
    assert (found.rows, found.sealed, found.faults) == (1, 1, [])
    found = looked_at(corrected({"sex": "1", "date_of_birth": SEALED}, {"date_of_birth": SEALED}))
    assert (found.sealed, found.faults) == (2, [])


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (a_fact({"sex": "1", "date_of_birth": "2012-04-05"}), "plain text in placement.child_details_recorded"),
        (a_fact({"date_of_birth": OTHERS}), "an envelope of another key"),
        (a_fact({"date_of_birth": f"sealed.1.{CHILD}.c2hvcnQ="}), "an envelope of another key"),
        (a_fact({"date_of_birth": f"sealed.1.{CHILD}.!"}), "an envelope of another key"),
        (corrected({"date_of_birth": "2012-04-05"}), "plain text"),
        (corrected(None, {"date_of_birth": "2012-04-05"}), "plain text"),
        (a_fact({}, "placement.nobody_knows"), "cannot be judged"),
        (a_fact([]), "cannot be judged"),
        ({"headers": b"{}", "payload": None}, "cannot be judged"),
        ({"subject": CHILD, "local_id_digest": "0" * 64}, "a digest in the column local_id_digest"),
        ({"subject": CHILD, "state": json.dumps({"state": {"id": "0" * 64}}).encode()}, "a digest"),
        ({"subject": CHILD, "upn": "A123456789012"}, "plain text in upn"),
        ({"subject": CHILD, "state": json.dumps({"local_id": "SAMPLE1"}).encode()}, "plain text in state, local_id"),
        ({"subject": CHILD, "answer": json.dumps({"refused": [{"value": "0" * 64}]}).encode()}, "a digest"),
    ],
)
def test_whatever_is_left_is_a_fault_that_names_its_place_and_never_its_content(
    row: dict[str, Any], fault: str
) -> None:
    (told,) = looked_at(row).faults
    assert fault in told
    assert not any(secret in told for secret in ("2012-04-05", "SAMPLE1", "A123456789012", "0" * 64))


@pytest.mark.parametrize("ref", ["0" * 64, "sealed.1.an-archive", OTHERS], ids=["a digest", "a word", "an envelope"])
def test_a_plain_field_may_hold_what_only_looks_like_a_digest_or_an_envelope(ref: str) -> None:
    examiner = Examiner(CHILD, Language({"some.work_stored": frozenset({"title"})}, frozenset()))
    work, found = {"ref": ref, "title": SEALED}, Found("somewhere")
    examiner.row(found, a_fact(work, "some.work_stored"))
    ids = {"corrects": str(uuid4()), "type": "some.work_stored", "replacement": work}
    examiner.row(found, a_fact(ids, "correction.fact_corrected"))
    assert (found.sealed, found.faults) == (2, [])
    examiner.row(found, {"subject": CHILD, "ref": ref})
    assert found.faults != []


def test_another_childs_fact_that_names_this_one_is_noted_once_wherever_it_names_it() -> None:
    found, examiner = Found("placement.fact"), Examiner(CHILD, language())
    tie = json.dumps({"person": str(CHILD), "name": OTHERS}).encode()
    examiner.mention(found, {"ce_id": "one"}, tie)
    examiner.mention(found, {"ce_id": "one"}, tie)
    examiner.mention(found, {"ce_id": "two", "ce_concerns": f"{uuid4()},{CHILD}"}, b"{}")
    examiner.mention(found, {"ce_id": "three", "ce_concerns": str(uuid4())}, b"{}")
    assert (found.naming, found.rows, found.faults) == ({"one", "two"}, 0, [])


def test_a_row_of_a_projection_keeps_envelopes_and_what_is_coded() -> None:
    state = {"state": {"local_id": SEALED, "born": SEALED, "entered": "2020-01-01"}, "reached": {"upn": ["2020", 2]}}
    row = {
        "subject": CHILD,
        "state": json.dumps(state).encode(),
        "local_id": SEALED,
        "upn_digest": None,
        "in_care": True,
    }
    found = looked_at(row)
    assert (found.rows, found.sealed, found.faults) == (1, 3, [])


def test_the_hash_made_with_the_childs_own_key_may_stay() -> None:
    answer = json.dumps({"facts": 1, "asked": KEY.fingerprint(b"a body")}).encode()
    assert looked_at({"subject": CHILD, "answer": answer}).faults == []


@pytest.mark.parametrize(
    ("state", "columns", "fault"),
    [
        ({"born": "2011-04-09"}, {}, "plain text in state, born"),
        ({"schools": [{"urn": SEALED}, {"urn": "103456"}]}, {}, "plain text in state, urn"),
        ({"schools": [{"urn": 103456}]}, {}, "plain text in state, urn"),
        ({"schools": [{"urn": {"of": "103456"}}]}, {}, "plain text in state, of"),
        ({"born": OTHERS}, {}, "an envelope of another key"),
        ({}, {"upn": "A123456789012"}, "plain text in upn"),
        (b"2011-04-09, Elm Bank", {}, "a state that cannot be judged"),
        (b'["2011-04-09"]', {}, "a state that cannot be judged"),
    ],
)
def test_where_a_projection_says_that_it_seals_nothing_else_may_stand(
    state: Any, columns: dict[str, Any], fault: str
) -> None:
    (told,) = of_the_roll(state, **columns).faults
    assert fault in told
    assert not any(secret in told for secret in ("2011-04-09", "103456", "A123456789012"))


def test_where_a_projection_seals_there_is_nothing_or_an_envelope_and_other_paths_of_that_name_are_free() -> None:
    found = of_the_roll({"born": None, "schools": [{"urn": SEALED, "reason": "other"}], "upn": SEALED}, local_id=None)
    assert (found.faults, found.sealed, found.sealed_at) == ([], 2, {"state.schools.urn", "state.upn"})
