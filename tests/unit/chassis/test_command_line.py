"""What the program says at once about the words it is given, and how it prints where no terminal is."""

import json
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws
from rich.console import Console
from typer.testing import CliRunner, Result

from carejourney.access import write_development_issuer
from carejourney.cli.connecting import Installation
from carejourney.cli.demonstrating import DEMO_AUTHORITY, sign_in
from carejourney.cli.lagging import show
from carejourney.cli.main import app
from carejourney.cli.printing import printing
from carejourney.returns.rendering import render
from carejourney.returns.report import Flag, ImportReport, Refusal

PSEUDONYM = "3f0c9d1e-8a51-4b7c-9f3e-5a1d2c3b4e5f"


def said(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("option", ["--true-on", "--known-on"])
@pytest.mark.parametrize("typed", ["tomorrow", "31/03/2026", "2026-02-30", "1850-01-01", "2026-W01-1", "20260331", ""])
def test_a_wrong_day_is_misuse_and_the_option_and_its_form_are_named(option: str, typed: str) -> None:
    result = said("history", "E08000025:SAMPLE1", option, typed)
    assert result.exit_code == 2
    assert f"'{option}'" in result.output
    assert "YYYY-MM-DD" in result.output


@pytest.mark.parametrize("typed", ["2026-03-31T12:00:00", "2026-03-31T25:00:00Z", "1850-01-01T12:00:00Z"])
def test_a_wrong_instant_is_misuse_and_its_form_is_named(typed: str) -> None:
    result = said("history", "E08000025:SAMPLE1", "--known-on", typed)
    assert result.exit_code == 2
    assert "2026-03-31T12:00:00Z" in result.output


def test_a_wrong_day_of_recording_is_misuse() -> None:
    for command in ("ssda903", "enrolments"):
        result = said("import", command, "somewhere", "--authority", "E08000025", "--recorded-on", "31/03/2026")
        assert result.exit_code == 2
        assert "'--recorded-on'" in result.output


@pytest.mark.parametrize("typed", ["1900", "2016", "2028", "last"])
def test_a_year_whose_returns_are_not_taken_is_misuse(typed: str) -> None:
    result = said("import", "ssda903", "somewhere", "--authority", "E08000025", "--year", typed)
    assert result.exit_code == 2
    assert "from 2017 to 2027" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    "command",
    [
        "import ssda903 somewhere",
        "import ssda903 somewhere --authority E08000025 --also-loaded-for",
        "import enrolments somewhere",
        "history --all",
        "token",
        "sample --out somewhere",
        "bench",
    ],
)
@pytest.mark.parametrize("typed", ["Birmingham", "e08000025", "E0800002", "E080000251", "330"])
def test_a_wrong_authority_is_misuse_for_every_command_that_takes_one(command: str, typed: str) -> None:
    words = command.split()
    option = [] if words[-1] == "--also-loaded-for" else ["--authority"]
    result = said(*words, *option, typed)
    assert result.exit_code == 2
    assert "a capital letter and eight digits" in result.output


def test_a_child_is_named_with_the_code_of_its_authority() -> None:
    result = said("history", "Birmingham:SAMPLE1")
    assert result.exit_code == 2
    assert "authority:local-id" in result.output


def test_without_a_terminal_no_line_is_broken_or_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = f"child {PSEUDONYM} " * 8
    report = ImportReport(rows_read=1, flagged=[Flag("a file with a long name.csv", 1, "COLUMN", "rule", long)])
    report.refuse_row(Refusal("another file.csv", 2, "COLUMN", "class", long, long))
    render(report, printing())
    show(printing(), {"total": 0, "projections": [_projection("a_projection_whose_name_is_" + "long" * 30)]})
    printing(stderr=True).print(long, markup=False)
    printed = capsys.readouterr()
    rows = [line for line in printed.out.splitlines() if PSEUDONYM in line]
    assert [row.count(PSEUDONYM) for row in rows] == [16, 8]
    assert "long" * 30 in printed.out
    assert [line.rstrip() for line in printed.err.splitlines()] == [long.rstrip()]


def _projection(name: str) -> dict[str, object]:
    return {"service": "journey", "projection": name, "facts": 0, "seconds": 0.0, "parked": 0}


def test_on_a_narrow_terminal_a_report_is_folded_and_nothing_is_lost() -> None:
    out = StringIO()
    report = ImportReport(rows_read=1, flagged=[Flag("a.csv", 1, "LS", "rule", f"child {PSEUDONYM}")])
    render(report, Console(file=out, width=40))
    assert "…" not in out.getvalue()
    assert PSEUDONYM[-4:] in out.getvalue()


def test_a_whole_return_that_is_refused_is_told_before_its_rows() -> None:
    out = StringIO()
    report = ImportReport()
    for row in range(20):
        report.refuse_row(Refusal(f"{row}.csv", row, "LS", "class", "is no code", "use one"))
    report.refuse_file("the return", "return of another authority", "was loaded elsewhere", "check --authority")
    render(report, Console(file=out, width=200))
    assert "the return" in out.getvalue().splitlines()[3]


def test_a_link_of_the_demo_reads_the_demos_children_for_an_hour_and_no_more(tmp_path: Path) -> None:
    key = tmp_path / "issuer.json"
    write_development_issuer(key, tmp_path / "jwks.json")
    place = Installation({"journey": "http://127.0.0.1:1"}, "a token of every role")
    address = sign_in(place, key, "journey", "/pages/children")
    (token,) = parse_qs(urlsplit(address).query)["token"]
    claims = json.loads(jws.extract_compact(token.encode()).payload)
    assert (claims["roles"], claims["authorities"]) == (["review"], [DEMO_AUTHORITY])
    assert claims["exp"] - claims["iat"] == 3600
    assert place.token not in address
