"""What a subscriber prints, judged line by line."""

import json
from typing import Any

import pytest

from carejourney.kit import Case, Judge, cases
from carejourney.kit.cases import holds

FACTS: Case = cases()[0]


def _right() -> list[dict[str, Any]]:
    return [held.as_json() for held in holds(FACTS.records).values()]


def _says(lines: list[dict[str, Any]], *noise: str) -> list[str]:
    printed = "\n".join([*noise, *map(json.dumps, lines)])
    return [finding.says for finding in Judge().judge(FACTS, printed)]


def test_what_is_right_is_right_in_any_order_and_among_other_lines() -> None:
    noise = ("started", '{"level": "INFO", "message": "joined"}', "{not json", "[1, 2]")

    assert _says(list(reversed(_right())), *noise) == []


def test_a_field_more_is_no_fault() -> None:
    lines = _right()
    lines[0]["data"]["noted"] = "by us"
    lines[0]["lane"] = "ours"

    assert _says(lines) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": None}, "`data` is not an object"),
        ({"data": {}}, "does not say what was said: "),
        ({"effective": "2001-01-01"}, "does not say what was said: effective"),
        ({"subject": "somebody else"}, "it is held of another subject"),
        ({"fact": "01980000-0000-7000-8000-00000000ffff"}, "no fact with this id was sent"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_what_is_wrong_in_it(change: dict[str, Any], reason: str) -> None:
    lines = _right()
    lines[-1] |= change

    assert [told for told in _says(lines) if told.startswith(reason)]


def test_a_program_that_prints_nothing_holds_nothing() -> None:
    assert _says([]) == ["is not held"] * len(FACTS.records)


def test_what_is_wrong_names_the_fact_and_its_type() -> None:
    (finding,) = Judge().judge(FACTS, "\n".join(map(json.dumps, _right()[1:])))

    first = FACTS.records[0]
    assert (finding.case, finding.fact, finding.type) == ("facts", first.id, first.type)
