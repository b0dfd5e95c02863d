"""Who writes is held to the letter: an unknown field or a wrong code is refused before anything is stored."""

from datetime import date
from typing import Any

import pytest

from carejourney.errors import Malformed
from carejourney.families.recording import checked
from events.catalogue import CATALOGUE
from events.event import Fact
from events.sampling import sample_of
from events.strictness import kinds_of
from tests.fixtures.system import System

FACTS = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items()]
CLOSED = [
    pytest.param(cls, name, id=f"{wire}.{name}")
    for wire, cls in CATALOGUE.items()
    for name, codes in cls.coded_fields().items()
    if codes.open_pattern is None
]
TEXTS = [
    (cls, name)
    for cls in CATALOGUE.values()
    for name, field in cls.model_fields.items()
    if str in kinds_of(field.annotation) and name not in cls.personal_fields()
]
PLAIN = [pytest.param(cls, name, id=f"{cls.wire}.{name}") for cls, name in TEXTS]
GUESSES = [
    pytest.param(cls, name, kind, id=f"{wire}.{name}")
    for wire, cls in CATALOGUE.items()
    for name, field in cls.model_fields.items()
    for kind in kinds_of(field.annotation) & {bool, int, float, date}
]
WRONG: dict[type, tuple[Any, ...]] = {
    bool: ("off", "true", 1, 0),
    int: ("45", True, 4.0),
    float: ("4.5", True),
    date: (0, "0", "1700000000", "2026-05-04T00:00:00"),
}


def refused(cls: type[Fact], **content: Any) -> dict[str, str]:
    """The fields that are refused, each with its reason."""
    with pytest.raises(Malformed) as refusal:
        checked(cls, {**sample_of(cls).content, **content})
    assert "??" not in refusal.value.detail
    places: Any = refusal.value.extra["fields"]
    return {place["field"]: place["reason"] for place in places}


@pytest.mark.parametrize("cls", FACTS)
def test_a_field_nobody_declared_is_refused_by_its_name(cls: type[Fact]) -> None:
    assert list(refused(cls, favourite_colour="red")) == ["favourite_colour"]


@pytest.mark.parametrize(("cls", "name"), CLOSED)
def test_a_code_nobody_published_is_refused_with_those_that_are_allowed(cls: type[Fact], name: str) -> None:
    told = refused(cls, **{name: "??"})
    assert list(told) == [name]
    assert all(code.code in told[name] for code in cls.coded_fields()[name])


def test_a_content_of_an_old_version_is_refused_by_what_the_newest_does_not_have() -> None:
    told = refused(CATALOGUE["education.exclusion_imposed"], kind="fixed", days=2)
    assert told.keys() == {"kind", "days"}


@pytest.mark.parametrize("cls", FACTS)
def test_a_field_nobody_declared_is_refused_with_those_that_there_are(cls: type[Fact]) -> None:
    (reason,) = refused(cls, favourite_colour="red").values()
    assert reason.endswith(f"{cls.wire} has {', '.join(cls.model_fields) or 'no fields'}")


@pytest.mark.parametrize(("cls", "name", "kind"), GUESSES)
def test_a_number_a_truth_and_a_day_are_taken_only_where_written_as_such(
    cls: type[Fact], name: str, kind: type
) -> None:
    for wrong in WRONG[kind]:
        assert list(refused(cls, **{name: wrong})) == [name]


@pytest.mark.parametrize(("cls", "name", "kind"), [one for one in GUESSES if one.values[2] in {int, float}])
def test_a_number_has_a_least_and_a_greatest(cls: type[Fact], name: str, kind: type) -> None:
    for wrong in (-1, 10**30, *([float("nan"), float("inf")] if kind is float else [])):
        assert list(refused(cls, **{name: wrong})) == [name]


@pytest.mark.parametrize(("cls", "name"), PLAIN)
def test_a_plain_text_cannot_pass_for_a_sealed_one(cls: type[Fact], name: str) -> None:
    assert list(refused(cls, **{name: "sealed.1.anything"})) == [name]


@pytest.mark.parametrize(("cls", "name"), PLAIN)
def test_a_plain_text_takes_no_name_and_no_address(cls: type[Fact], name: str) -> None:
    for words in ("Anna Smith", "AnnaSmith", "12 High Street"):
        assert list(refused(cls, **{name: words})) == [name]


async def test_over_http_a_school_by_a_name_is_refused_by_its_field(system: System) -> None:
    (child,) = await system.register("STRICT2")
    school = {"type": "education.school_changed", "content": {"urn": "Anna Smith", "school": "Elm Bank School"}}
    for body, field in (
        ({**school, "effective": "2026-05-04"}, "urn"),
        (
            {**school, "content": {"urn": "990123", "school": "Elm"}, "effective": "0001-01-01T00:00:00+14:00"},
            "effective",
        ),
    ):
        answer = await system["education"].post(f"/children/{child}/intervals", json=body)
        assert answer.status_code == 422
        assert [one["field"].rpartition(".")[2] for one in answer.json()["fields"]] == [field]


async def test_over_http_nothing_is_stored_of_what_is_refused(system: System) -> None:
    (child,) = await system.register("STRICT1")
    wrong = {"kind": "fixed", "sessions": 2, "mood": "cross"}
    body = {"type": "education.exclusion_imposed", "effective": "2026-05-04", "content": wrong}
    answer = await system["education"].post(f"/children/{child}/incidents", json=body)
    assert answer.status_code == 422
    told = {place["field"].rpartition(".")[2]: place["reason"] for place in answer.json()["fields"]}
    assert told.keys() == {"kind", "mood"}
    assert "suspension, permanent, lunchtime" in told["kind"]
    pool = system.running["education"].pool
    assert await pool.fetchval("select count(*) from fact where subject = $1", child) == 0
