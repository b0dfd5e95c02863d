"""The pages of the Kafka subscribers, followed as they are written."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.subscribers.conftest import PAGES
from tests.subscribers.page import follow

SECONDS = 400


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("page", "needed"),
    [("kafka-python", ()), ("kafka-node", ("node", "npm")), ("kafka-kcat", ("kcat", "jq")), ("kit", ())],
)
def test_a_stranger_who_follows_the_page_sees_what_it_says(
    page: str, needed: tuple[str, ...], reader: Mapping[str, str], tmp_path: Path
) -> None:
    if missing := [program for program in needed if shutil.which(program) is None]:
        pytest.skip(f"needs {' and '.join(missing)}")
    follow(PAGES / f"{page}.md", tmp_path, reader, SECONDS)
