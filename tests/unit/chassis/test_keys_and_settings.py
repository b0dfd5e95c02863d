"""Keys that seal a child's personal fields, and what a service refuses to be started with."""

import base64
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from pydantic import ValidationError

from carejourney.keys import FORGOTTEN, PREFIX, FileKey, SubjectKey, open_fields, seal_fields
from carejourney.projection import Secrets
from carejourney.settings import Settings

CHILD = uuid4()
KEY = SubjectKey(CHILD, b"1" * 32)


def test_a_sealed_field_opens_with_its_key_and_never_looks_twice_the_same() -> None:
    one, other = KEY.seal("words", "I am here"), KEY.seal("words", "I am here")
    assert one != other
    assert one.startswith(f"{PREFIX}{CHILD}.")
    assert [KEY.open("words", one), KEY.open("words", other)] == ["I am here", "I am here"]


@pytest.mark.parametrize(
    "reader", [SubjectKey(CHILD, b"2" * 32), SubjectKey(uuid4(), b"1" * 32)], ids=["another key", "another child"]
)
def test_a_sealed_field_is_forgotten_with_the_wrong_key(reader: SubjectKey) -> None:
    assert reader.open("words", KEY.seal("words", "I am here")) == FORGOTTEN


def test_a_sealed_value_does_not_open_as_another_field() -> None:
    assert KEY.open("home_postcode", KEY.seal("words", "I am here")) == FORGOTTEN


@pytest.mark.parametrize("value", ["", "x", "!", "abc", "CHILD.AAAA"])
def test_what_only_looks_sealed_is_no_fault(value: str) -> None:
    value = f"sealed.1.{value.replace('CHILD', str(CHILD))}"
    assert KEY.open("urn", value) == FORGOTTEN
    assert Secrets(KEY, str).open("urn", value) is None


def test_fields_are_sealed_and_opened_by_name_and_blanks_stay_blank() -> None:
    sealed = seal_fields({"words": "hidden", "home_postcode": None, "kind": "M"}, ("words", "home_postcode"), KEY)
    assert (sealed["home_postcode"], sealed["kind"]) == (None, "M")
    assert "hidden" not in str(sealed)
    assert open_fields(sealed, KEY) == {"words": "hidden", "home_postcode": None, "kind": "M"}
    assert open_fields(sealed, None)["words"] == FORGOTTEN


def test_a_row_is_made_without_what_was_forgotten() -> None:
    sealed = KEY.seal("words", "hidden")
    assert Secrets(KEY, str).open("words", sealed) == "hidden"
    assert Secrets(None, str).open("words", sealed) is None
    assert Secrets(None, str).open("words", None) is None


def key_file(folder: Path, content: str) -> Path:
    path = folder / "master.key"
    path.write_text(content)
    return path


def test_a_value_that_is_no_sealed_field_is_forgotten_too() -> None:
    assert KEY.open("words", "sealed but not so") == FORGOTTEN


def test_a_wrapped_key_belongs_to_one_child(tmp_path: Path) -> None:
    wrapper = FileKey(key_file(tmp_path, base64.b64encode(os.urandom(32)).decode()))
    wrapped = wrapper.wrap(CHILD, b"k" * 32)
    assert wrapper.unwrap(CHILD, wrapped) == b"k" * 32
    with pytest.raises(InvalidTag):
        wrapper.unwrap(uuid4(), wrapped)
    assert wrapper.digest("a") == wrapper.digest("a") != wrapper.digest("b")


@pytest.mark.parametrize(("content", "reason"), [("not base64!", "cannot be read"), ("c2hvcnQ=", "32 are needed")])
def test_a_key_file_that_holds_no_key_is_refused_by_name(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"CAREJOURNEY_KEY_FILE .*{reason}") as refused:
        FileKey(key_file(tmp_path, content))
    assert content not in str(refused.value)


def test_a_key_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CAREJOURNEY_KEY_FILE"):
        FileKey(tmp_path / "nowhere")


def settings(**parts: Any) -> Settings:
    told: dict[str, Any] = {
        "database_url": "postgresql://service:pw@db/service", "keys_database_url": "postgresql://service:pw@db/keys",
        "key_file": "master.key", "kafka": "broker:9092", "issuer": "https://issuer.example",
    }  # fmt: skip
    return Settings(**{**told, **parts})


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"issuer": None}, "CAREJOURNEY_ISSUER"),
        ({"jwks_file": Path("jwks.json")}, "CAREJOURNEY_JWKS_FILE"),
        ({"environment": "development", "issuer": None}, "CAREJOURNEY_JWKS_FILE"),
        ({"issuer": "issuer"}, "CAREJOURNEY_ISSUER"),
    ],
    ids=[
        "production without an issuer",
        "the development issuer in production",
        "development without either",
        "no URL",
    ],
)
def test_a_service_is_not_started_with_a_wrong_issuer(parts: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings(**parts)


def test_a_service_is_in_production_unless_it_is_told_otherwise() -> None:
    assert settings().environment == "production"
    assert settings(environment="development", issuer=None, jwks_file=Path("jwks.json")).jwks_file is not None


def test_a_password_is_never_shown() -> None:
    assert "pw" not in repr(settings())
