"""What `history` and `lag` print: tables on a terminal, plain lines for whoever reads them with a program or later."""

import io
import json
from typing import Any

import httpx
import pytest
from rich.console import Console

from carejourney.cli import reading
from carejourney.cli.connecting import told
from carejourney.cli.lagging import show
from carejourney.cli.printing import show_rows
from carejourney.errors import Unavailable
from carejourney.http import problem

LONG = "held with the child present, who spoke for herself [as stated]; " * 8
FOUND: dict[str, Any] = {
    "true_on": None,
    "known_on": None,
    "lanes": {
        "legal_status": [],
        "review": [
            {
                "from": "2026-01-05",
                "until": None,
                "value": {"code": "PN1", "meaning": LONG},
                "recorded": "2026-01-06T09",
            },
            {"from": None, "until": "2026-02-05", "value": {"changes": [{"on": "x"}]}, "recorded": "2026-02-06T09"},
        ],
    },
}


def test_a_history_without_a_terminal_is_plain_lines_as_long_as_what_they_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reading._show(FOUND, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "review",
        "  from        until       known since  what",
        f"  2026-01-05  -           2026-01-06   PN1 {LONG}".rstrip(),
        "  -           2026-02-05  2026-02-06   changes: on: x",
    ]


def test_a_lag_without_a_terminal_is_plain_lines() -> None:
    row = {"service": "journey", "projection": "children", "facts": None, "seconds": 0.0, "parked": 2}
    out = io.StringIO()
    show(Console(file=out, width=1000), {"total": None, "projections": [row]})
    assert out.getvalue().splitlines() == [
        "Not yet in the projections",
        "  service  facts      seconds  parked lanes  projection",
        "  journey  not known  0.0      2             children",
        "In all: not known",
    ]


def test_on_a_terminal_rows_are_a_table_within_its_width() -> None:
    out = io.StringIO()
    show_rows(
        Console(file=out, width=60, force_terminal=True, no_color=True), "a [lane]", ("from", "what"), [("-", LONG)]
    )
    printed = out.getvalue()
    assert "[as" in printed
    assert "a [lane]" in printed
    assert printed.count("\n") > 8


def test_a_part_that_is_away_is_told_with_one_remedy() -> None:
    said = problem(Unavailable.status, Unavailable.slug, Unavailable.title, "the database takes nothing now")
    answer = httpx.Response(503, json=json.loads(bytes(said.body)), request=httpx.Request("GET", "http://127.0.0.1:1"))
    with pytest.raises(httpx.HTTPStatusError) as failed:
        answer.raise_for_status()
    assert str(told(failed.value)).count("try again") == 1
