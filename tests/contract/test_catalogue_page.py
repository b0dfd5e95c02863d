"""The catalogue for people: every fact, every field, every code, every version; for everybody, and of no child."""

import json
from pathlib import Path

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from markupsafe import escape
from typer.testing import CliRunner

from carejourney.cli.main import app as program
from carejourney.contracts import PUBLISHED
from carejourney.contracts.page import page, title_of
from carejourney.contracts.serving import catalogue
from carejourney.http import add_problems
from events.catalogue import CATALOGUE
from events.event import Fact
from services.journey.app import PARTS

FACTS = [pytest.param(cls, id=wire) for wire, cls in CATALOGUE.items()]


@pytest.fixture(scope="module")
def html() -> str:
    return page(PUBLISHED)


@pytest.fixture
def client() -> httpx.AsyncClient:
    """A reader without a token."""
    app = FastAPI()
    add_problems(app)
    app.include_router(catalogue)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://journey", follow_redirects=True)


@pytest.mark.parametrize("cls", FACTS)
def test_the_page_shows_a_fact_with_its_sentence_its_fields_and_every_version(html: str, cls: type[Fact]) -> None:
    shown = html.partition(f'id="{cls.wire}"')[2].partition("</article>")[0]
    assert title_of(cls.wire) in shown
    assert str(escape((cls.__doc__ or "").splitlines()[0])) in shown
    assert all(f"<code>{name}</code>" in shown for name in cls.model_fields)
    for version in range(1, cls.version + 1):
        assert f'href="schemas/{cls.wire}.v{version}.json"' in shown
        assert f"urn:carejourney:{cls.wire}:{version}" in shown


def test_the_page_shows_each_code_set_with_its_meanings(html: str) -> None:
    for codes in {codes.name: codes for cls in CATALOGUE.values() for codes in cls.coded_fields().values()}.values():
        shown = html.partition(f'id="codes-{codes.name}"')[2].partition("</details>")[0]
        assert all(f"<code>{code.code}</code>" in shown for code in codes)


def test_the_page_says_why_a_version_was_made(html: str) -> None:
    shown = html.partition('id="education.exclusion_imposed"')[2].partition("</article>")[0]
    assert "Version 1, read as the newest" in shown
    assert "counts their sessions" in shown


def test_the_page_loads_nothing_from_anywhere(html: str) -> None:
    assert "src=" not in html
    assert "url(" not in html
    assert "<link rel=" in html
    assert html.count("<link") == html.count('href="data:,"') == 1


async def test_the_journey_service_shows_it_to_everybody_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    assert catalogue in PARTS.routers
    answer = await client.get("/catalogue")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text == page(PUBLISHED)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]


async def test_every_schema_and_the_topics_are_there_for_programs(client: httpx.AsyncClient) -> None:
    assert len((await client.get("/catalogue/asyncapi.json")).json()["channels"]) == 14
    for wire, cls in CATALOGUE.items():
        schema = (await client.get(f"/catalogue/schemas/{wire}.v{cls.version}.json")).json()
        assert schema["$id"] == f"urn:carejourney:{wire}:{cls.version}"


@pytest.mark.parametrize("name", ["nothing.v1.json", "..%2Fevent.py", "planning.review_held.v9.json"])
async def test_a_schema_that_is_not_there_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/catalogue/schemas/{name}")
    assert answer.status_code == 404


def test_the_program_writes_the_whole_contract_into_a_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(program, ["schemas", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "index.html").read_text() == page(PUBLISHED)
    for wire, cls in CATALOGUE.items():
        for name in (f"{wire}.v{number}.json" for number in range(1, cls.version + 1)):
            schema = json.loads((tmp_path / "schemas" / name).read_text())
            sample = json.loads((tmp_path / "samples" / name).read_text())
            jsonschema.validate(sample["value"], schema)
    assert json.loads((tmp_path / "asyncapi.json").read_text())["asyncapi"] == "3.0.0"


def test_the_program_prints_the_topics() -> None:
    done = CliRunner().invoke(program, ["asyncapi"])
    assert (done.exit_code, json.loads(done.stdout)["asyncapi"]) == (0, "3.0.0")


def test_the_program_finds_nothing_stale_in_the_published_contract() -> None:
    assert CliRunner().invoke(program, ["schemas", "--check"]).exit_code == 0
