"""The published schema of a history."""

import json
from pathlib import Path
from typing import Any, Final

SCHEMA: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "docs" / "schemas" / "history.schema.json").read_text(encoding="utf-8")
)
