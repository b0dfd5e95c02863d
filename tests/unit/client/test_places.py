"""Where a subscriber keeps its place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from carejourney.client import FileCheckpoint, Given


async def test_a_file_keeps_the_newest_position_of_each_name(tmp_path: Path) -> None:
    place = FileCheckpoint(tmp_path / "place.json")
    assert await place.load() == {}

    await place.save({"care.planning/0": "4", "care.planning/1": "7"})
    await place.save({"care.planning/1": "9"})

    again = FileCheckpoint(tmp_path / "place.json")
    assert await again.load() == {"care.planning/0": "4", "care.planning/1": "9"}
    assert os.listdir(tmp_path) == ["place.json"]  # noqa: PTH208 - the loop has nothing else to do


@pytest.mark.parametrize("content", ["[1]", "not json", '{"care.planning/0": [1]}'])
async def test_a_file_that_is_something_else_is_not_taken_for_a_beginning(content: str, tmp_path: Path) -> None:
    path = tmp_path / "place.json"
    path.write_text(content)

    with pytest.raises(ValidationError):
        await FileCheckpoint(path).load()


async def test_given_positions_are_given_back_and_never_saved() -> None:
    place = Given({"care.planning/0": "4"})

    await place.save({"care.planning/0": "5"})

    assert await place.load() == {"care.planning/0": "4"}


def test_the_client_needs_no_settings_and_none_of_the_services() -> None:
    heavy = ("carejourney.settings", "carejourney.store", "fastapi", "sqlalchemy", "faststream", "services")
    asked = f"import sys, carejourney.client; print([name for name in {heavy!r} if name in sys.modules])"

    ended = subprocess.run([sys.executable, "-c", asked], env={}, capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
