"""What `carejourney bench` runs."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from carejourney.sample import generate
from tests.bench.result import show
from tests.bench.year import measure

CHILDREN: Final = 1_360
YEAR: Final = 2026
SEED: Final = 903
AUTHORITY: Final = "E08000025"


def run(folder: Path | None = None, authority: str = AUTHORITY, *, as_json: bool = False) -> int:
    """Measure the import of a folder, else of a generated authority's year; 0 when every goal was met, else 1.

    Everything is started, measured and stopped on this machine, in a temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="carejourney-bench-") as temporary:
        work = Path(temporary)
        results = measure(folder or _generated(work), authority, work)
    if as_json:
        sys.stdout.write(json.dumps({"results": [result.as_json() for result in results]}) + "\n")
    else:
        show(results, Console())
    return int(any(result.goal_met is False for result in results))


def _generated(work: Path) -> Path:
    """A year of an authority with about 2,700 children, of whom 1,360 are in care at its end."""
    generate(CHILDREN, (YEAR, YEAR), SEED, work / "sample", AUTHORITY)
    return work / "sample" / str(YEAR)
