"""Which service hears which topics: all that it keeps; restricted twins the journey alone; and the page says so."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from carejourney.cli.running import SERVICES
from carejourney.service import Parts
from events.catalogue import CATALOGUE

PAGE = Path(__file__).parents[3] / "docs" / "sharing.md"
TWIN = ".restricted"


def parts_of(service: str) -> Parts:
    parts: Parts = import_module(f"services.{service}.app").PARTS
    return parts


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_keeps_it_hears(service: str) -> None:
    parts = parts_of(service)
    kept = [kind for wire, kind in CATALOGUE.items() if kind.topic != "*" and wire in (parts.keeps or CATALOGUE)]
    assert {kind.wire for kind in kept if kind.destination() not in parts.listens} == set()


def test_restricted_twins_are_heard_by_the_journey_alone() -> None:
    hearing = {service for service in SERVICES if any(topic.endswith(TWIN) for topic in parts_of(service).listens)}
    assert hearing == {"journey"}


def test_the_page_says_what_each_service_hears() -> None:
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (`care\..*`) \|$", PAGE.read_text(), re.MULTILINE))
    told = {service.replace(" ", "_"): set(re.findall(r"`([^`]+)`", topics)) for service, topics in rows.items()}
    assert told == {service: set(parts_of(service).listens) for service in SERVICES if service != "journey"}
