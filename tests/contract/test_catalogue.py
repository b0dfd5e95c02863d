"""The published language: one catalogue, one owner a fact, codes from statutory sets, strict when written."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

import events
import services
from events.catalogue import CATALOGUE, MODULES, OWNED_TOPICS, TOPICS
from events.codes import CODE_SETS
from events.event import OWNERS, Coded, Fact, PersonalDate, PersonalText, Sensitivity
from events.sampling import sample_of

CORRECTIONS = {"correction.fact_corrected", "correction.fact_retracted"}
FACTS = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items()]
OWNED = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items() if wire not in CORRECTIONS]
CODED = [pytest.param(cls, name, id=f"{wire}.{name}") for wire, cls in CATALOGUE.items() for name in cls.coded_fields()]


def declared() -> list[type[Fact]]:
    """Every class of the published language that has a wire name of its own."""
    found: dict[type[Fact], None] = {}
    pending = [Fact]
    while pending:
        for cls in pending.pop().__subclasses__():
            pending.append(cls)
            if "wire" in vars(cls) and cls.__module__.startswith("events."):
                found[cls] = None
    return list(found)


def module_of(cls: type[Fact]) -> str:
    """The module of the owner's vocabulary, which may be a package."""
    return ".".join(cls.__module__.split(".")[:2])


def test_every_fact_is_in_the_catalogue_once() -> None:
    assert len(declared()) == len({cls.wire for cls in declared()}) == len(CATALOGUE)
    assert {module_of(cls) for cls in declared()} == {module.__name__ for module in MODULES}


def test_the_names_events_and_services_mean_this_project() -> None:
    for package in (events, services):
        assert package.__file__ is not None
        assert "site-packages" not in package.__file__


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_says_in_one_sentence_what_happened_to_whom_it_is_about(cls: type[Fact]) -> None:
    sentence, whom = (cls.__doc__ or "").splitlines()[0], f"The {cls.subject_kind}"
    assert sentence.startswith((f"{whom} ", f"{whom}'s ", f"{whom}, "))
    assert sentence.endswith(".")


@pytest.mark.source("CM2.51a")
@pytest.mark.parametrize("cls", OWNED)
def test_a_fact_has_one_owning_service_and_travels_on_its_topics_only(cls: type[Fact]) -> None:
    assert cls.owner() in OWNED_TOPICS
    assert cls.topic in OWNED_TOPICS[cls.owner()]
    assert [service for service, topics in OWNED_TOPICS.items() if cls.topic in topics] == [cls.owner()]
    restricted = cls.sensitivity is Sensitivity.RESTRICTED
    assert cls.destination() == (f"{cls.topic}.restricted" if restricted else cls.topic)
    assert cls.destination() in TOPICS


def test_every_topic_is_owned_by_one_service() -> None:
    owned = [topic for topics in OWNED_TOPICS.values() for topic in topics]
    assert sorted([*owned, *(f"{topic}.restricted" for topic in owned)]) == sorted(TOPICS)
    assert set(OWNERS.values()) == set(OWNED_TOPICS)


@pytest.mark.parametrize("cls", FACTS)
def test_a_wire_name_is_a_literal_of_its_family_in_lower_case(cls: type[Fact]) -> None:
    family, _, name = cls.wire.partition(".")
    assert module_of(cls) == f"events.{family}"
    assert name == "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).removeprefix("_")
    assert cls.version >= 1
    assert cls.edge in {"start", "end", "point"}


@pytest.mark.source("SR2.1.n")
@pytest.mark.parametrize(("cls", "field"), CODED)
def test_a_code_is_from_a_national_set_and_one_nobody_published_is_refused(cls: type[Fact], field: str) -> None:
    codes = cls.coded_fields()[field]
    assert CODE_SETS[codes.name] is codes
    example = filled(cls)
    for code in codes:
        assert getattr(cls(**{**example, field: code.code}), field) == code.code
    with pytest.raises(ValidationError, match=f"{field} is not a code of {codes.name}: it must be one of"):
        cls(**{**example, field: "??"})


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_with_a_field_nobody_declared_cannot_be_made(cls: type[Fact]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls(**{**filled(cls), "surprise": 1})


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_cannot_be_changed_once_made(cls: type[Fact]) -> None:
    fact = cls(**filled(cls))
    for name in cls.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(fact, name, None)


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_read_from_its_json_is_the_same_fact(cls: type[Fact]) -> None:
    fact = cls(**filled(cls))
    assert cls.model_validate_json(fact.model_dump_json()) == fact


@pytest.mark.parametrize("cls", OWNED)
def test_fields_that_name_a_child_are_marked_personal(cls: type[Fact]) -> None:
    named = {"local_id", "date_of_birth", "mother_child_born_on", "upn", "words", "home_postcode", "placement_postcode"}
    assert named & cls.model_fields.keys() <= set(cls.personal_fields())


def test_a_mark_is_found_in_an_optional_field_too() -> None:
    class Odd(Fact):
        plain: str | None = None
        text: PersonalText | None = None
        day: PersonalDate | None = None
        coded: Annotated[str | None, Coded(CODE_SETS["LS"])] = None

    assert Odd.personal_fields() == ("text", "day")
    assert set(Odd.coded_fields()) == {"coded"}


def filled(cls: type[Fact]) -> dict[str, Any]:
    """The content of its sample, as far as it is needed."""
    content = sample_of(cls).content
    return {name: content[name] for name, field in cls.model_fields.items() if field.is_required()}
