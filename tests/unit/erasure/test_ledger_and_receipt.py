"""The ledger's file, and the receipt with its signature."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import jsonschema
import pytest

from carejourney.erasure.ledger import Entry, append_to_ledger, read_ledger
from carejourney.erasure.receipt import STAYS, is_signed_by, make_receipt, public_key, sign
from carejourney.erasure.structure import Found

WHEN = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
SECRET = b"s" * 32
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/erasure.schema.json").read_text(encoding="utf-8"))


def an_entry() -> Entry:
    return Entry(
        subject=uuid4(), erasure=uuid4(), authority="E08000025", reason="court_order", asked_by="one", asked_at=WHEN,
        confirmed_by="two", erased_at=WHEN,
    )  # fmt: skip


def a_receipt(*found: Found) -> dict[str, object]:
    places = found or (Found("placement.fact", 12, 9), Found("topic care.placement", 12, 9))
    return sign(make_receipt(an_entry(), 1, places, STAYS, WHEN), SECRET)


def test_the_file_takes_what_it_lacks_and_reads_as_it_was_written(tmp_path: Path) -> None:
    path, one, other = tmp_path / "kept" / "erased.jsonl", an_entry(), an_entry()
    assert append_to_ledger(path, [one]) == 1
    assert append_to_ledger(path, [one, other]) == 1
    assert read_ledger(path) == [one, other]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["{", "[]", '{"subject": "nobody"}'])
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "erased.jsonl"
    append_to_ledger(path, [an_entry()])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match="line 2"):
        read_ledger(path)


def test_a_receipt_is_as_its_schema_says_and_proves_itself() -> None:
    receipt = a_receipt()
    jsonschema.validate(receipt, SCHEMA)
    assert is_signed_by(json.loads(json.dumps(receipt)), public_key(SECRET))
    assert [one["sealed"] for one in (*receipt["stores"], *receipt["topics"])] == [9, 9]  # type: ignore[misc]


@pytest.mark.parametrize("change", ["child", "reason", "stores", "signature", "stays"])
def test_a_receipt_that_was_touched_is_not_good(change: str) -> None:
    assert not is_signed_by({**a_receipt(), change: "another"}, public_key(SECRET))


def test_a_receipt_signed_by_another_key_proves_nothing_though_it_names_that_key() -> None:
    receipt = sign(make_receipt(an_entry(), 1, [], STAYS, WHEN), b"t" * 32)
    assert is_signed_by(receipt, receipt["signature"]["public_key"])
    assert not is_signed_by(receipt, public_key(SECRET))


def test_no_receipt_is_given_while_something_is_left_and_the_place_is_named() -> None:
    with pytest.raises(ValueError, match=r"education\.virtual_roll: a digest"):
        a_receipt(Found("placement.fact", 1, 1), Found("education.virtual_roll", 1, 1, ["a digest", "a digest"]))


def test_the_receipt_counts_each_fact_of_others_that_names_the_child_and_lists_no_place_without_rows() -> None:
    store = Found("journey.fact", 0, 0, [], {"one", "two"})
    receipt = a_receipt(store, Found("topic care.journey", 1, 0, [], {"two", "three"}))
    jsonschema.validate(receipt, SCHEMA)
    assert str(receipt["stays"][-1]).startswith("3 facts of other children name this one")  # type: ignore[index]
    assert receipt["stores"] == []
