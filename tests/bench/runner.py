"""What `carejourney bench` runs."""

import importlib
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
import uvloop

from carejourney.cli.printing import printing
from carejourney.collecting import collect_seldom
from carejourney.sample import generate
from tests.bench.ground import standing_on
from tests.bench.publishing import publish
from tests.bench.result import Result, show

CHILDREN: Final = 1_360
YEAR: Final = 2026
SEED: Final = 903
AUTHORITY: Final = "E08000025"
IMPORT: Final = "import"
# Each path by the word it is asked for with, and its module.
PATHS: Final = {
    "append": "single", "bulk": "bulk", "relay": "relaying", "projection": "live", "rebuild": "rebuilding",
    "journey": "journeys", "visible": "visible",
}  # fmt: skip


def run(
    folder: Path | None = None,
    authority: str = AUTHORITY,
    *,
    as_json: bool = False,
    only: Sequence[str] = (),
    published: bool = False,
) -> int:
    """Measure every path, or those named; 0 when every goal was met, 1 when not, 2 for a path there is not.

    Everything is started, measured and stopped on this machine, in temporary folders.
    """
    if unknown := sorted(set(only) - {*PATHS, IMPORT}):
        sys.stderr.write(f"there is no path {unknown[0]}; there are: {', '.join([*PATHS, IMPORT])}\n")
        return 2
    results = [*_core([path for path in PATHS if not only or path in only])]
    if not only or IMPORT in only:
        results += _import(folder, authority)
    if as_json:
        sys.stdout.write(json.dumps({"results": [result.as_json() for result in results]}) + "\n")
    else:
        show(results, printing())
    if published:
        publish(results)
    return int(any(result.goal_met is False for result in results))


def _core(paths: Sequence[str]) -> list[Result]:
    if not paths:
        return []
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    collect_seldom()
    with standing_on() as ground:
        return [
            result
            for path in paths
            for result in uvloop.run(importlib.import_module(f"tests.bench.{PATHS[path]}").measure(ground))
        ]


def _import(folder: Path | None, authority: str) -> list[Result]:
    """The import of a folder, else of a generated authority's year."""
    from tests.bench.year import measure  # noqa: PLC0415 - the end-to-end helpers are slow to load

    with tempfile.TemporaryDirectory(prefix="carejourney-bench-") as temporary:
        work = Path(temporary)
        return measure(folder or _generated(work), authority, work)


def _generated(work: Path) -> Path:
    """A year of an authority with about 2,700 children, of whom 1,360 are in care at its end."""
    generate(CHILDREN, (YEAR, YEAR), SEED, work / "sample", AUTHORITY)
    return work / "sample" / str(YEAR)
