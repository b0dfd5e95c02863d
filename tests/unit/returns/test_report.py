import json
import re
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from carejourney.returns.rendering import render
from carejourney.returns.report import Flag, ImportReport, Refusal
from carejourney.returns.tables import ENROLMENTS, RETURN_TABLES, SERVICES, TABLES, Kind, Table

DOCS = Path(__file__).parents[3] / "docs"
ALL = (*TABLES, ENROLMENTS)


def a_report() -> ImportReport:
    report = ImportReport(rows_read=9, facts_recorded=1200, corrections=2, notes=["a.txt was passed over"])
    for row in (7, 3):
        report.refuse_row(Refusal("e.csv", row, "LS", "unknown code", "is not a code", "use a code"))
    report.refuse_file("b.csv", "empty file", "has no column names", "write them")
    report.flagged.append(Flag("e.csv", 4, "PLACE", "code-not-of-year", "is of another year [2025]"))
    return report


def printed(report: ImportReport) -> str:
    out = StringIO()
    render(report, Console(file=out, width=160))
    return out.getvalue()


def test_the_json_report_has_its_published_shape_in_the_order_of_file_and_row() -> None:
    schema = json.loads((DOCS / "schemas/import.schema.json").read_text(encoding="utf-8"))
    found = json.loads(a_report().to_json())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    assert list(found) == schema["required"]
    assert [(entry["file"], entry["row"]) for entry in found["refused"]] == [
        ("b.csv", None),
        ("e.csv", 3),
        ("e.csv", 7),
    ]
    assert (found["rows_taken"], found["rows_refused"]) == (7, 2)


def test_people_see_the_counts_and_the_commonest_refusals_with_one_place() -> None:
    text = printed(a_report())
    assert "9 rows read: 7 taken, 2 refused. 1,200 facts recorded, of them 2 corrections." in text
    assert re.search(r"2\s+e\.csv row 3\s+LS\s+is not a code\s+use a code", text)
    assert "is of another year [2025]" in text
    assert "Note: a.txt was passed over" in text


def test_people_see_no_empty_lists_after_a_clean_import() -> None:
    assert printed(ImportReport(rows_read=3)) == (
        "3 rows read: 3 taken, 0 refused. 0 facts recorded, of them 0 corrections.\n"
    )


def test_reports_of_several_folders_add_up() -> None:
    total = a_report()
    total.add(a_report())
    assert (total.rows_read, total.rows_refused, total.files_refused, len(total.refused)) == (18, 4, 2, 6)


def _section(table: Table) -> str:
    text = (DOCS / "import.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {table.title}\b.*?(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


@pytest.mark.parametrize("table", ALL, ids=[table.name for table in ALL])
def test_the_documentation_says_what_every_column_becomes(table: Table) -> None:
    lines = [line for line in _section(table).splitlines() if line.startswith("|")]
    for column in table.values:
        (line,) = [line for line in lines if re.search(rf"\b{column.name}\b", line.split("|")[1])]
        assert f"| {(column.owner or '-').replace('_', ' ')} |" in line


def test_every_column_belongs_to_one_service_or_to_none() -> None:
    assert {column.owner for table in ALL for column in table.columns} == {None, *SERVICES}
    assert all(table.columns[0].kind is Kind.LOCAL_ID for table in ALL)
    assert len({table.column_names for table in ALL}) == len(ALL) == len(RETURN_TABLES) + 1
