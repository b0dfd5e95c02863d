import re
from pathlib import Path

import pytest

from carejourney.duties import PolicyError, load_policy

ENTRY = """
[[span]]
id = "in_care"
title = "being in care"
opens = [{ fact = "placement.child_entered_care" }]
closes = [{ fact = "placement.child_left_care" }]

[[duty]]
id = "planning.check"
title = "Check"
span = "in_care"
arises = { at_opening = true }
due = [{ days = 5 }]
met_by = [{ fact = "planning.review_held" }]
owner = "social worker"
escalates_to = "team manager"
sources = ["CM7.27"]
regulation = "Regulation 1"
provenance = "default"
jurisdiction = "England"
in_force_from = 2011-04-01
override = { allowed = true, because = "local" }

  [[duty.examples]]
  title = "It is pending"
  on = 2024-01-09
  facts = [{ type = "placement.child_entered_care", effective = 2024-01-08 }]
  expect = [{ state = "pending", due = 2024-01-13 }]
"""


def written(folder: Path, text: str, name: str = "policy.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_folder_is_read_as_all_its_files(tmp_path: Path) -> None:
    written(tmp_path, ENTRY)
    written(tmp_path, ENTRY.replace("planning.check", "planning.other"), "other.toml")

    assert {rule.duty.id for rule in load_policy(tmp_path).rules} == {"planning.check", "planning.other"}


@pytest.mark.parametrize(
    ("line", "instead", "named"),
    [
        ("due = [{ days = 5 }]", 'due = [{ days = "5" }]', "due[0].days: Expected `int | null`, got `str`"),
        ("due = [{ days = 5 }]", "due = [{ days = 5, months = 1 }]", "due[0]: exactly one of"),
        ("due = [{ days = 5 }]", "due = [{ days = 0 }]", "due[0]: the count must be positive"),
        ("due = [{ days = 5 }]", "due = []", "due must not be empty"),
        ("due = [{ days = 5 }]", "due = [{ school_days = 5 }]", "due[0].school_days: Object contains unknown"),
        ('owner = "social worker"', "", "owner: Object missing required field"),
        ('owner = "social worker"', 'owner = " "', "owner must not be blank"),
        ('owner = "social worker"', 'owner = "x"\nurgent = true', "urgent: Object contains unknown field"),
        ('provenance = "default"', 'provenance = "habit"', "provenance: Invalid enum value 'habit'"),
        ('sources = ["CM7.27"]', "sources = []", "sources must not be empty"),
        ("in_force_from = 2011-04-01", 'in_force_from = "soon"', "in_force_from: Invalid RFC3339"),
        (
            "in_force_from = 2011-04-01",
            "in_force_from = 2011-04-01\nin_force_until = 2010-01-01",
            "in_force_until must",
        ),
        ("arises = { at_opening = true }", "arises = {}", "arises: exactly one of"),
        ("arises = { at_opening = true }", "arises = { at_opening = true, last = 0 }", "arises: first and last"),
        ('span = "in_care"', 'span = "elsewhere"', "span: no [[span]] 'elsewhere'"),
        (
            'met_by = [{ fact = "planning.review_held" }]',
            'met_by = [{ fact = "review" }]',
            "met_by[0]: fact must be a wire name",
        ),
        (
            'met_by = [{ fact = "planning.review_held" }]',
            'met_by = [{ fact = "planning.review_held", held = "before" }]',
            "met_by[0]: months_before belongs",
        ),
    ],
)
def test_an_entry_that_does_not_fit_is_refused_by_file_entry_and_field(
    tmp_path: Path, line: str, instead: str, named: str
) -> None:
    file = written(tmp_path, ENTRY.replace(line, instead))

    with pytest.raises(PolicyError, match=re.escape(f"{file}: duty 'planning.check': ") + ".*" + re.escape(named)):
        load_policy(file)


def test_a_duty_without_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"duty 'planning\.check': examples: "):
        load_policy(written(tmp_path, ENTRY.partition("  [[duty.examples]]")[0]))


def test_an_entry_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"duty 'number 1': id: "):
        load_policy(written(tmp_path, ENTRY.replace('id = "planning.check"', "")))


def test_a_duty_given_in_two_files_is_refused(tmp_path: Path) -> None:
    written(tmp_path, ENTRY)
    written(tmp_path, ENTRY, "again.toml")

    with pytest.raises(PolicyError, match=r"duty 'planning\.check': id: given 2 times"):
        load_policy(tmp_path)


def test_a_span_inside_a_span_inside_a_span_is_refused(tmp_path: Path) -> None:
    nested = ENTRY.replace('title = "being in care"', 'title = "being in care"\nwithin = "in_care"')

    with pytest.raises(PolicyError, match="span 'in_care': within: 'in_care' lies within a span itself"):
        load_policy(written(tmp_path, nested))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[duty]", "file: cannot be read as TOML"),
        ("[[duties]]", "duties: only"),
        ("duty = 3", r"duty: must be written \[\[duty\]\]"),
        ("duty = [3]", "duty 'number 1': entry: Expected `object`, got `int`"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(PolicyError, match=f"policy.toml: {named}"):
        load_policy(written(tmp_path, text))


def test_a_file_that_is_not_there_and_a_folder_without_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.toml: file: cannot be read"):
        load_policy(tmp_path / "nowhere.toml")
    with pytest.raises(PolicyError, match="holds no policy file"):
        load_policy(tmp_path)
