from datetime import date
from pathlib import Path

import pytest

import services
from carejourney.duties import Example, Policy, Rule, duties, load_policy

POLICY_FILES = sorted(Path(services.__file__).parent.glob("*/policy/*.toml"))
FILES = [file for file in POLICY_FILES if "[[duty]]" in file.read_text(encoding="utf-8")]
CASES = [
    pytest.param(rule, example, id=f"{rule.duty.id}: {example.title}")
    for file in FILES
    for rule in load_policy(file).rules
    for example in rule.duty.examples
]


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_an_example_of_a_policy_entry_comes_out_as_it_says(rule: Rule, example: Example) -> None:
    policy = Policy((rule,))
    if example.override:
        policy = policy.for_authority("E99999999", {rule.duty.id: example.override})

    states = duties(example.numbered_facts(), policy, example.on, born=example.born)

    came_out = [(state.state.value, state.due, state.due_on_or_before) for state in states]
    assert came_out == [(expected.state, expected.due, expected.on_or_before) for expected in example.expect]
    for state, expected in zip(states, example.expect, strict=True):
        assert expected.root in {None, state.root}


def test_the_policy_files_of_all_services_are_one_policy() -> None:
    policy = load_policy(*FILES)

    assert {"planning.first_review", "health.initial_health_assessment"} <= {rule.duty.id for rule in policy.rules}


@pytest.mark.parametrize("rule", load_policy(*FILES).rules, ids=lambda rule: rule.duty.id)
def test_a_duty_starts_no_earlier_than_the_regulation_it_cites(rule: Rule) -> None:
    assert "2010" not in rule.duty.regulation or rule.duty.in_force_from >= date(2011, 4, 1)
