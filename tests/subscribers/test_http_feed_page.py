"""The page of the HTTP feed, followed as it is written."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from carejourney.embedded.layout import Folders, load_ports, service_url
from tests.subscribers.conftest import PAGES
from tests.subscribers.page import follow


@pytest.mark.timeout(600)
def test_a_stranger_who_follows_the_page_of_the_feed_sees_what_it_says(
    reader: Mapping[str, str], tmp_path: Path
) -> None:
    planning = service_url(load_ports(Folders.at(Path(reader["CAREJOURNEY_DATA"]))), "planning")
    printed = follow(PAGES / "http-feed.md", tmp_path, {**reader, "PLANNING": planning}, 120)
    pages = (tmp_path / "care.planning.pages").read_text().splitlines()
    facts = [fact for page in pages for fact in json.loads(page)["facts"]]
    assert len({fact["id"] for fact in facts}) == len(facts) > 10
    assert printed["resume"].strip() == "retry: 2000"
