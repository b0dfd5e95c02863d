"""A fact's value as its type, from writers newer than the reader."""

from typing import Any
from uuid import UUID

import pytest

from carejourney.client import Forgotten, Sealed, Unknown, typed
from carejourney.client.typed import SEALED
from carejourney.keys import PREFIX
from carejourney.kit import samples
from events.catalogue import CATALOGUE
from events.education import ExclusionImposed
from events.placement import ChildDetailsRecorded
from events.planning import ReviewHeld, SocialWorkerVisitMade

CHILD = "019e8269-4e80-729e-a4df-5fc21e47e800"
SEALED_DAY = f"sealed.1.{CHILD}.bm9ib2R5IHJlYWRzIHRoaXM="


def _details(born: object) -> Any:
    return typed("placement.child_details_recorded", 1, {"sex": "F", "date_of_birth": born})


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_sample_of_every_version_reads_as_the_newest_of_its_type(name: str) -> None:
    record = samples()[name]

    read = typed(record.type, int(name.rpartition(".v")[2]), record.value)

    assert type(read) is CATALOGUE[record.type]


def test_an_old_version_says_what_the_newest_would() -> None:
    read = typed("education.exclusion_imposed", 1, {"kind": "fixed", "days": 3})

    assert read == ExclusionImposed(kind="suspension", sessions=6)


def test_a_sealed_field_is_the_same_text_and_says_whose_key_it_needs() -> None:
    read = _details(SEALED_DAY)

    assert isinstance(read, ChildDetailsRecorded)
    assert isinstance(read.date_of_birth, Sealed)
    assert read.date_of_birth == SEALED_DAY
    assert read.date_of_birth.subject == UUID(CHILD)
    assert "bm9i" not in repr(read)
    assert PREFIX.startswith(SEALED)


def test_a_forgotten_field_is_a_value_and_no_crash() -> None:
    read = _details({"forgotten": True})

    assert isinstance(read.date_of_birth, Forgotten)
    assert (str(read.date_of_birth), repr(read.date_of_birth)) == ("(forgotten)", "<forgotten>")


def test_a_personal_field_that_may_be_read_is_its_type() -> None:
    assert _details("2012-04-09").date_of_birth.year == 2012


def test_a_field_that_is_new_is_left_out_of_the_type() -> None:
    read = typed("planning.review_held", 1, {"participation": "PN1", "hologram": True})

    assert read == ReviewHeld(participation="PN1")


def test_a_code_that_is_newer_than_the_reader_passes() -> None:
    read = typed("planning.review_held", 1, {"participation": "PN99"})

    assert isinstance(read, ReviewHeld)
    assert read.participation == "PN99"


def test_what_was_left_out_has_its_default() -> None:
    read = typed("planning.social_worker_visit_made", 1, {"seen_alone": True})

    assert read == SocialWorkerVisitMade(seen_alone=True)


@pytest.mark.parametrize(
    ("wire", "version", "data", "reason"),
    [
        ("planning.hologram_agreed", 1, {"shape": 1}, "type"),
        ("planning.review_held", 9, {"who": []}, "version"),
        ("planning.review_held", 1, {"took_part": True}, "content"),
        ("planning.social_worker_visit_made", 1, {"seen_alone": {"odd": 1}}, "content"),
        ("education.exclusion_imposed", 1, {"days": 3}, "content"),
        ("education.exclusion_imposed", 1, {"kind": "fixed", "days": "three"}, "content"),
    ],
)
def test_what_the_reader_has_no_type_for_is_unknown_with_its_content(
    wire: str, version: int, data: dict[str, Any], reason: str
) -> None:
    read = typed(wire, version, data)

    assert isinstance(read, Unknown)
    assert (read.type, read.version, read.reason, read.data) == (wire, version, reason, data)
    assert str(data) not in repr(read)
