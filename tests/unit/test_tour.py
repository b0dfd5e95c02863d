import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = re.findall(r"\[`([^`]+)`\]\(\.\./([^)]+)\) → `(\w+)`", (ROOT / "docs/tour.md").read_text())


def test_the_tour_has_its_twelve_stations() -> None:
    assert len(STEPS) == 12


@pytest.mark.parametrize(("shown", "link", "symbol"), STEPS)
def test_every_station_of_the_tour_exists(shown: str, link: str, symbol: str) -> None:
    assert shown == link
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in ast.walk(ast.parse((ROOT / link).read_text())) if isinstance(node, defined)}
    assert symbol in names
