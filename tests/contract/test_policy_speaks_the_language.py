from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from carejourney.duties import Rule, load_policy
from carejourney.duties.facts import UNCERTAIN
from carejourney.duties.policy import Match
from events.catalogue import CATALOGUE

POLICY_FILES = sorted(Path(services.__file__).parent.glob("*/policy/*.toml"))
POLICY = load_policy(*(file for file in POLICY_FILES if "[[duty]]" in file.read_text(encoding="utf-8")))
RULES = pytest.mark.parametrize("rule", POLICY.rules, ids=lambda rule: rule.duty.id)


def conditions(rule: Rule) -> Iterator[tuple[Match, str, object]]:
    spans = [rule.span, *([rule.around] if rule.around else [])]
    matches = [match for span in spans for match in (*span.opens, *span.closes)]
    matches += [*rule.duty.met_by, *rule.duty.evidence, *([rule.duty.arises.each] if rule.duty.arises.each else [])]
    for match in matches:
        for field, values in {**match.where, **match.unless}.items():
            yield from ((match, field, value) for value in values)


def test_every_fact_type_and_field_a_policy_names_is_in_the_catalogue() -> None:
    for wire, fields in POLICY.fields().items():
        assert wire in CATALOGUE
        assert fields <= CATALOGUE[wire].model_fields.keys(), wire


@RULES
def test_every_code_a_condition_names_is_one_of_its_set(rule: Rule) -> None:
    for match, field, value in conditions(rule):
        codes = CATALOGUE[match.fact].coded_fields().get(field)
        assert codes is None or codes.known(str(value)), (match.fact, field)


@RULES
def test_every_example_fact_has_only_fields_and_codes_of_its_type(rule: Rule) -> None:
    for fact in (fact for example in rule.duty.examples for fact in example.facts):
        published = CATALOGUE[fact.type]
        assert fact.data.keys() <= published.model_fields.keys()
        for field, codes in published.coded_fields().items():
            assert field not in fact.data or codes.known(str(fact.data[field]))


def test_no_policy_looks_at_a_personal_field() -> None:
    for wire, fields in POLICY.fields().items():
        assert not fields & set(CATALOGUE[wire].personal_fields())


def test_the_field_that_says_on_or_before_is_the_published_one() -> None:
    assert UNCERTAIN in CATALOGUE["placement.child_entered_care"].model_fields
