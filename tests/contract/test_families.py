"""The families of the published language: one shape each, samples that hold, lanes that can be told."""

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from carejourney.access import ROLES
from carejourney.cli.fact_lines import Stated
from events.catalogue import CATALOGUE
from events.event import Fact, Sensitivity
from events.families import FAMILIES, Family, Role
from events.placement import PlacementHeldOpen
from events.sampling import sample_of

FACTS = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items()]
DOCS = Path(__file__).parents[2] / "docs"
SAMPLES = Path(__file__).parents[2] / "events" / "samples"
# Early adversity is for who treats the child too; who read a sealed record is for the keepers of such records alone.
RESTRICTED_READERS = {
    "developmental_concern": ("health",),
    "adverse_experience": ("health",),
    "sealed_record_view": ("adoption-records",),
}
KEPT_FOR_EVER = Path(__file__).parent / "wire_names.txt"


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_belongs_to_one_family(cls: type[Fact]) -> None:
    assert [family.family for family in FAMILIES if issubclass(cls, family)] == [cls.family]


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_names_what_asks_for_it_or_the_return_that_holds_it(cls: type[Fact]) -> None:
    assert cls.sources or "SSDA903" in (cls.__doc__ or "") or cls.recorded_by in {"register", "correction"}
    assert len(set(cls.sources)) == len(cls.sources)


@pytest.mark.parametrize("cls", FACTS)
def test_a_fact_says_which_roles_may_subscribe_and_a_restricted_one_fewer(cls: type[Fact]) -> None:
    assert set(cls.subscribers()) <= ROLES.keys()
    if cls.sensitivity is Sensitivity.RESTRICTED:
        assert set(cls.subscribers()) <= {"social-work", "review", *RESTRICTED_READERS.get(cls.lane, ())}


@pytest.mark.parametrize("cls", FACTS)
def test_the_accepted_sample_of_a_fact_is_accepted(cls: type[Fact]) -> None:
    sample = sample_of(cls)
    fact = cls.model_validate_json(json.dumps(sample.content))
    assert sample.content.keys() == cls.model_fields.keys()
    assert json.loads(fact.model_dump_json()) == sample.content
    assert (sample.effective is not None) == cls.dated


@pytest.mark.parametrize("cls", FACTS)
def test_the_refused_sample_of_a_fact_is_refused_for_the_field_it_names(cls: type[Fact]) -> None:
    sample = sample_of(cls)
    with pytest.raises(ValidationError) as refused:
        cls.model_validate_json(json.dumps(sample.refused))
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {sample.field}
    assert sample.reason


def test_every_sample_is_one_of_a_fact_of_the_catalogue() -> None:
    names = {f"{wire}.v{version}.json" for wire, cls in CATALOGUE.items() for version in range(1, cls.version + 1)}
    assert {path.name for path in SAMPLES.iterdir()} == names


def test_a_lane_is_restricted_as_a_whole_or_not_at_all() -> None:
    lanes: dict[str, set[Sensitivity]] = {}
    for cls in CATALOGUE.values():
        lanes.setdefault(cls.lane, set()).add(cls.sensitivity)
    assert [lane for lane, kinds in lanes.items() if len(kinds) > 1] == []


def test_an_end_names_the_one_beginning_of_its_lane() -> None:
    for cls in CATALOGUE.values():
        beginnings = [other for other in CATALOGUE.values() if other.lane == cls.lane and other.edge == "start"]
        if cls.edge == "end" and cls.recorded_by == "family":
            assert beginnings == [cls.linked]


@pytest.mark.parametrize("cls", FACTS)
def test_the_schema_of_a_fact_lists_its_codes_with_what_they_mean(cls: type[Fact]) -> None:
    properties = cls.model_json_schema().get("properties", {})
    for name, codes in cls.coded_fields().items():
        assert properties[name]["x-codes"]["meanings"] == {code.code: code.meaning for code in codes}
        string = next((one for one in properties[name].get("anyOf", ()) if one["type"] == "string"), properties[name])
        assert codes.open_pattern is not None or string["enum"] == [code.code for code in codes]


def test_the_documented_lines_of_a_file_fit_their_schema_and_the_program_that_reads_them() -> None:
    schema = json.loads((DOCS / "schemas" / "record-line.schema.json").read_text())
    lines = (DOCS / "record.md").read_text().partition("```json\n")[2].partition("```")[0].splitlines()
    families = set()
    for line in map(json.loads, lines):
        jsonschema.validate(line, schema)
        families.add(CATALOGUE[line["type"]].family)
    assert schema["properties"].keys() == set(Stated.__struct_fields__)
    assert families == {family.family for family in FAMILIES} - {"age", "correction"}


def test_a_wire_name_once_published_stays() -> None:
    assert set(KEPT_FOR_EVER.read_text().split()) <= CATALOGUE.keys()


def test_a_fact_that_breaks_the_shape_of_its_family_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="a point has no place in the family role"):
        type("Odd", (Role,), {"wire": "odd.odd", "topic": "care.odd", "lane": "odd", "__module__": __name__})
    with pytest.raises(TypeError, match="an end names the beginning, in its own lane"):
        type("Odd", (Family,), {**_END, "linked": PlacementHeldOpen, "family": "interval"})


_END = {"wire": "odd.odd", "topic": "care.odd", "lane": "odd", "edge": "end", "__module__": __name__}
