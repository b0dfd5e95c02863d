"""The page of webhooks, followed as it is written."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from carejourney.embedded.layout import Folders, load_ports, service_url
from carejourney.embedded.processes import free_port
from tests.subscribers.conftest import PAGES
from tests.subscribers.page import follow


@pytest.mark.timeout(600)
def test_a_stranger_who_follows_the_page_of_webhooks_sees_what_it_says(
    reader: Mapping[str, str], tmp_path: Path
) -> None:
    health = service_url(load_ports(Folders.at(Path(reader["CAREJOURNEY_DATA"]))), "health")
    follow(PAGES / "webhooks.md", tmp_path, {**reader, "HEALTH": health, "PORT": str(free_port())}, 120)
    kept = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    held = [one["effectivefrom"] for one in kept if one["type"] == "health.health_assessment_held"]
    assert held == ["2026-04-14", "2026-05-12"]
    assert len({one["id"] for one in kept}) == len(kept)
    assert httpx.get(f"{health}/health/ready").status_code == 200
