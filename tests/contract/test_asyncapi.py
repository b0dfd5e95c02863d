"""The AsyncAPI document passes the official parser, and a broken one does not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from carejourney.contracts import PUBLISHED
from carejourney.contracts.asyncapi import asyncapi
from carejourney.contracts.messages import message_of
from events.catalogue import CATALOGUE, TOPICS

HERE = Path(__file__).parent / "asyncapi"
INSTALLED = HERE / "node_modules" / "@asyncapi" / "parser"
PUBLISHED_DOCUMENT = Path(__file__).parents[2] / "events" / "asyncapi.json"
CORRECTIONS = {"correction.fact_corrected", "correction.fact_retracted"}


def program(name: str) -> str:
    """A program of Node: beside this Python, or on the path."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.fail(f"{name} is not installed: Node 18 or newer is needed, on Debian: apt-get install nodejs npm")
    return found


@pytest.fixture(scope="module")
def parser() -> Path:
    """The official parser, in the versions of its lock file."""
    if not INSTALLED.is_dir():
        command = [program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=HERE, check=True, timeout=110)
    return HERE / "validate.mjs"


def parsed(parser: Path, document: dict[str, Any], folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit status of the parser on a document, and what it says."""
    path = folder / "asyncapi.json"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        [program("node"), str(parser), str(path)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PUBLISHED_DOCUMENT.read_text())
    return found


def test_the_official_parser_takes_the_published_document(parser: Path, tmp_path: Path) -> None:
    status, said = parsed(parser, document(), tmp_path)
    assert [one for one in said["diagnostics"] if one["severity"] < 2] == []
    assert (status, said["channels"], said["messages"]) == (0, len(TOPICS), len(CATALOGUE))


BROKEN = {
    "operations/publish.care.placement/action": "shout",
    "channels/care.health/address": 7,
    "components/messages/planning.review_held/payload/type": "nothing",
}


@pytest.mark.parametrize(("place", "wrong"), BROKEN.items(), ids=BROKEN)
def test_a_broken_document_is_refused_with_its_place(parser: Path, tmp_path: Path, place: str, wrong: object) -> None:
    broken = document()
    *way, last = place.split("/")
    at = broken
    for name in way:
        at = at[name]
    at[last] = wrong
    status, said = parsed(parser, broken, tmp_path)
    assert status == 1
    assert any(one["severity"] == 0 and one["path"].endswith(place.partition("/")[2]) for one in said["diagnostics"])


def test_every_example_fits_the_schema_and_the_headers_it_stands_beside() -> None:
    components = document()["components"]
    envelope = components["messageTraits"]["envelope"]["headers"]
    for message in components["messages"].values():
        for example in message["examples"]:
            jsonschema.Draft7Validator(message["payload"]).validate(example["payload"])
            jsonschema.Draft7Validator(message["headers"]).validate(example["headers"])
            jsonschema.Draft7Validator(envelope).validate(example["headers"])


def test_a_channel_has_the_facts_of_its_topic_and_the_corrections() -> None:
    channels = asyncapi(PUBLISHED)["channels"]
    assert set(channels) == set(TOPICS)
    for topic, channel in channels.items():
        own = {wire for wire, cls in CATALOGUE.items() if cls.topic != "*" and cls.destination() == topic}
        assert set(channel["messages"]) == own | CORRECTIONS


def test_a_message_has_every_header_that_is_sent_and_an_example_of_its_own() -> None:
    made = asyncapi(PUBLISHED)["components"]
    envelope = made["messageTraits"]["envelope"]["headers"]
    for wire, cls in CATALOGUE.items():
        (example,) = made["messages"][wire]["examples"]
        sent = message_of(PUBLISHED, cls, cls.version)
        assert example["headers"] == sent.headers
        assert example["headers"].keys() <= envelope["properties"].keys()
        assert set(envelope["required"]) <= example["headers"].keys()
