"""Bringing the published contract up to date: current files stay, a stale one is named, a break is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carejourney.cli import contracts
from carejourney.cli.main import app as program
from carejourney.contracts import PUBLISHED
from carejourney.contracts.files import checked, write
from events.catalogue import CATALOGUE
from events.families import Activity
from events.planning import ReviewHeld
from events.upcasting import Upcast


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published contract of its own, which the program takes for the one beside the types."""
    kept = contracts.published_folder() / "schemas" / "education.exclusion_imposed.v1.json"
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / kept.name).write_text(kept.read_text())
    assert write(PUBLISHED, tmp_path) == []
    monkeypatch.setattr(contracts, "published_folder", lambda: tmp_path)
    return tmp_path


def change(folder: Path, name: str, **said: Any) -> str:
    """Publish a field of the review as something that it no longer is."""
    path = folder / "schemas" / "planning.review_held.v1.json"
    schema = json.loads(path.read_text())
    schema["properties"].setdefault(name, {"type": "string"}).update(said)
    path.write_text(json.dumps(schema))
    return path.read_text()


def test_what_was_just_written_is_current(folder: Path) -> None:
    assert not checked(PUBLISHED, folder)
    assert CliRunner().invoke(program, ["schemas", "--check"]).exit_code == 0


def test_a_stale_file_is_named_and_brought_up_to_date(folder: Path) -> None:
    change(folder, "participation", description="Worded otherwise.")
    stale = CliRunner().invoke(program, ["schemas", "--check"])
    assert stale.exit_code == 1
    assert "schemas/planning.review_held.v1.json is not what the types say" in stale.stderr
    assert CliRunner().invoke(program, ["schemas"]).exit_code == 0
    assert not checked(PUBLISHED, folder)


def test_a_field_that_was_published_and_is_gone_is_refused_and_nothing_is_written(folder: Path) -> None:
    before = change(folder, "chaired_by")
    for arguments in (["schemas"], ["schemas", "--check"]):
        refused = CliRunner().invoke(program, arguments)
        assert refused.exit_code == 1
        assert "planning.review_held version 1, field chaired_by: it is gone" in refused.stderr
        assert "Instead: make the next version" in refused.stderr
    assert (folder / "schemas" / "planning.review_held.v1.json").read_text() == before


def test_a_code_that_was_published_and_is_gone_is_refused(folder: Path) -> None:
    change(folder, "participation", enum=["PN0", "PN1", "PN2", "PN3", "PN4", "PN5", "PN6", "PN7", "PN99"])
    assert any("it no longer has PN99" in one.what for one in checked(PUBLISHED, folder).broken)


def test_the_schema_of_an_old_version_must_stay(folder: Path) -> None:
    (folder / "schemas" / "education.exclusion_imposed.v1.json").unlink()
    assert checked(PUBLISHED, folder).stale == ["schemas/education.exclusion_imposed.v1.json"]


def test_a_type_that_was_published_may_not_vanish(folder: Path) -> None:
    (folder / "schemas" / "planning.tea_drunk.v1.json").write_text('{"x-wire": "planning.tea_drunk"}')
    (found,) = checked(PUBLISHED, folder).broken
    assert str(found).startswith("planning.tea_drunk: the type is gone; this breaks readers and history and writers.")


def declared(monkeypatch: pytest.MonkeyPatch, **said: Any) -> None:
    """The program as it would be with the review declared otherwise."""
    base = said.pop("base", ReviewHeld)
    names = {name: getattr(ReviewHeld, name) for name in ("wire", "topic", "lane", "sources", "command")}
    other = type("ReviewHeld", (base,), {**names, "__module__": __name__, "__doc__": ReviewHeld.__doc__, **said})
    catalogue = {**CATALOGUE, ReviewHeld.wire: other}
    monkeypatch.setattr(contracts, "PUBLISHED", replace(PUBLISHED, catalogue=catalogue))


def refused(*arguments: str) -> str:
    ended = CliRunner().invoke(program, list(arguments))
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    return ended.stderr


@pytest.mark.parametrize("arguments", [["schemas"], ["schemas", "--check"]])
def test_a_field_that_is_renamed_in_a_fact_is_told_plainly(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "schemas" / "planning.review_held.v1.json").read_text()
    declared(monkeypatch, base=Activity, __annotations__={"taken_part": str})
    told = refused(*arguments)
    assert "planning.review_held version 1, field participation: it is gone" in told
    assert "Instead: make the next version" in told
    assert (folder / "schemas" / "planning.review_held.v1.json").read_text() == before


@pytest.mark.parametrize("arguments", [["schemas"], ["schemas", "--check"], ["asyncapi"]])
def test_a_version_without_its_upcast_is_told_plainly(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    declared(monkeypatch, version=2)
    told = "planning.review_held: version 2 needs an upcast from each version before it; it has 0. Instead: see"
    assert told in refused(*arguments)


@pytest.mark.parametrize("arguments", [["schemas", "--check"], ["asyncapi"]])
def test_a_version_without_its_sample_is_told_plainly(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    declared(monkeypatch, version=2, upcasts=(Upcast(dict, "a better word"),))
    assert "planning.review_held version 2: it has no sample. Instead: see" in refused(*arguments)
