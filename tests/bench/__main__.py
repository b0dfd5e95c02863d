"""`python -m tests.bench`: the same as `carejourney bench`."""

import argparse
import sys
from pathlib import Path

from tests.bench.runner import AUTHORITY, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="carejourney bench")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--authority", default=AUTHORITY)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--publish", action="store_true")
    asked = parser.parse_args()
    sys.exit(run(asked.folder, asked.authority, as_json=asked.json, only=asked.only, published=asked.publish))
