import json
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from carejourney.returns.cells import Value
from carejourney.returns.children import ChildCheck, batches
from carejourney.returns.reading import KINDS, read_return
from carejourney.returns.tables import RETURN_TABLES, SERVICES
from tests.unit.returns.made_returns import TODAY, Return, a_return, write_csv, write_table, write_xml

MADE = a_return(25)
Taken = list[tuple[str, str, list[tuple[str, Value]]]]


def taken(folder: Path, files: dict[str, list[Path]] | None = None) -> list[list[Taken]]:
    """Every batch: of each child's rows the table and what services take of it."""
    with read_return(folder, day=TODAY, files=files) as reading:
        check = ChildCheck(reading, reading.report)
        found = [
            [
                [(child.local_id, KINDS[row.kind].name, _wire(row.kind, row.values)) for row in child.rows]
                for child in batch
            ]
            for batch in batches(reading, check, size=40)
        ]
        assert reading.report.refused == []
        return found


def _wire(kind: int, values: list[Value]) -> list[tuple[str, Value]]:
    return [(name, values[i]) for service in SERVICES for i, name in KINDS[kind].taken_by(service)]


@st.composite
def permuted(draw: st.DrawFn) -> Return:
    return {name: draw(st.permutations(rows)) for name, rows in MADE.items()}


@settings(max_examples=15, deadline=None)
@given(tables=permuted(), names=st.permutations(list(MADE)), reverse=st.booleans())
def test_the_order_of_rows_columns_and_files_changes_nothing(
    tables: Return, names: list[str], *, reverse: bool
) -> None:
    with tempfile.TemporaryDirectory() as given, tempfile.TemporaryDirectory() as shuffled:
        expected = taken(write_csv(Path(given), MADE))
        for number, name in enumerate(names):
            columns = sorted((column.name for column in RETURN_TABLES[name].columns), reverse=reverse)
            write_table(Path(shuffled) / f"{number}.csv", tables[name], columns)
        assert taken(Path(shuffled)) == expected


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, len(MADE["reviews"])))
def test_a_split_table_is_the_same_table(cut: int) -> None:
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as split:
        expected = taken(write_csv(Path(whole), MADE))
        rows, columns = MADE["reviews"], [column.name for column in RETURN_TABLES["reviews"].columns]
        write_csv(Path(split), {name: rows for name, rows in MADE.items() if name != "reviews"})
        parts = [
            write_table(Path(split) / "a.csv", rows[cut:], columns),
            write_table(Path(split) / "b.csv", rows[:cut], columns),
        ]
        assert taken(Path(split), {"reviews": parts}) == expected


def test_the_xml_says_the_same_as_the_csv_tables(tmp_path: Path) -> None:
    assert taken(write_xml(tmp_path / "xml", MADE)) == taken(write_csv(tmp_path / "csv", MADE))


def test_a_batch_closes_with_the_child_that_fills_it(tmp_path: Path) -> None:
    sizes = [sum(len(child) for child in batch) for batch in taken(write_csv(tmp_path, MADE))]
    assert all(40 <= size < 60 for size in sizes[:-1])
    assert sum(sizes) == sum(len(rows) for rows in MADE.values())


_MEASURE = """
import json, re, sys
from datetime import date
from pathlib import Path
from carejourney.returns.children import ChildCheck, batches
from carejourney.returns.reading import read_return
with read_return(Path(sys.argv[1]), day=date(2026, 11, 23)) as reading:
    rows = sum(len(c.rows) for b in batches(reading, ChildCheck(reading, reading.report)) for c in b)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([rows, int(peak.group(1))]))
"""


def _rows_and_memory(folder: Path) -> tuple[int, int]:
    """Read a folder in a process of its own; the rows and its largest memory in KiB."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(folder)], check=True, capture_output=True)
    rows, memory = json.loads(done.stdout)
    return rows, memory


def test_memory_does_not_grow_with_the_return(tmp_path: Path) -> None:
    kinds = {"csv": write_csv, "xml": write_xml}
    for name, write in kinds.items():
        few, some = _rows_and_memory(write(tmp_path / f"{name}-few", a_return(300)))
        many, more = _rows_and_memory(write(tmp_path / f"{name}-many", a_return(3000)))
        assert many > few * 8
        assert more < some + 12_000
