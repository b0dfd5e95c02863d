"""The port behind which the master key lies: the key file, and a key management service over HTTP."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from carejourney.errors import Unavailable
from carejourney.keys import FileKey, MasterKeySettings, SubjectKey, TransitKey, Wrapper, transit
from tests.unit.chassis.transit_engine import Engine, transit_engine

CHILDREN = [uuid4() for _ in range(3)]
KEYS = [(child, bytes([n]) * 32) for n, child in enumerate(CHILDREN)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with transit_engine() as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


def key_file(folder: Path, keys: int = 1) -> Path:
    path = folder / "master.key"
    path.write_text("".join(base64.b64encode(os.urandom(32)).decode() + "\n" for _ in range(keys)))
    return path


@pytest_asyncio.fixture(params=["file", "transit"])
async def wrapper(
    request: pytest.FixtureRequest, engine: Engine, token_file: Path, tmp_path: Path
) -> AsyncIterator[Wrapper]:
    one: Wrapper = (
        FileKey(key_file(tmp_path)) if request.param == "file" else TransitKey(engine.url, "carejourney", token_file)
    )
    yield one
    await one.close()


async def wrapped(wrapper: Wrapper) -> list[tuple[UUID, bytes]]:
    return [(child, one.sealed) for child, one in zip(CHILDREN, await wrapper.wrap_all(KEYS), strict=True)]


async def test_keys_are_wrapped_and_unwrapped_in_bulk(wrapper: Wrapper) -> None:
    held = await wrapped(wrapper)
    assert await wrapper.unwrap_all(held) == [key for _, key in KEYS]
    assert not any(key in sealed for (_, key), (_, sealed) in zip(KEYS, held, strict=True))
    assert await wrapper.unwrap_all([]) == []


async def test_a_key_cannot_stand_in_the_place_of_another_childs(wrapper: Wrapper) -> None:
    (one, _), (_, sealed), *_ = await wrapped(wrapper)
    with pytest.raises(Exception, match=r"another owner|^$"):
        await wrapper.unwrap_all([(one, sealed)])


async def test_after_a_rotation_old_keys_open_and_are_wrapped_anew_without_a_change(wrapper: Wrapper) -> None:
    held, before = await wrapped(wrapper), await wrapper.current()
    after = await wrapper.renew()
    assert before != after == await wrapper.current()
    assert await wrapper.unwrap_all(held) == [key for _, key in KEYS]
    anew = await wrapper.rewrap_all(held)
    assert {one.master for one in anew} == {after}
    fresh = [(child, one.sealed) for child, one in zip(CHILDREN, anew, strict=True)]
    assert await wrapper.unwrap_all(fresh) == [key for _, key in KEYS]


async def test_what_a_retired_version_wrapped_can_never_be_read_again(wrapper: Wrapper) -> None:
    held, before = await wrapped(wrapper), await wrapper.current()
    await wrapper.renew()
    anew = await wrapper.rewrap_all(held)
    await wrapper.retire([before])
    with pytest.raises((Unavailable, ValueError)):
        await wrapper.unwrap_all(held)
    fresh = [(child, one.sealed) for child, one in zip(CHILDREN, anew, strict=True)]
    assert await wrapper.unwrap_all(fresh) == [key for _, key in KEYS]


async def test_a_running_service_follows_a_rotation_of_the_key_file(tmp_path: Path) -> None:
    service, administrator = FileKey(key_file(tmp_path)), FileKey(tmp_path / "master.key")
    newest = await administrator.renew()
    (one,) = await administrator.wrap_all(KEYS[:1])
    assert await service.unwrap_all([(CHILDREN[0], one.sealed)]) == [KEYS[0][1]]
    assert await service.current() == newest
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0


async def test_a_key_wrapped_before_versions_had_names_opens_with_the_oldest(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    master, nonce, (child, key) = base64.b64decode(path.read_text()), os.urandom(12), KEYS[0]
    early = nonce + AESGCM(master).encrypt(nonce, key, child.bytes)
    wrapper = FileKey(path)
    newest = await wrapper.renew()
    assert await wrapper.unwrap_all([(child, early)]) == [key]
    assert [one.master for one in await wrapper.rewrap_all([(child, early)])] == [newest]


async def test_a_token_that_was_renewed_is_read_again(engine: Engine, token_file: Path) -> None:
    wrapper = TransitKey(engine.url, "carejourney", token_file)
    engine.token = "second"
    token_file.write_text("second")  # noqa: ASYNC240 - a few bytes
    assert await wrapper.current() == "transit:carejourney:v1"
    engine.token = "third"
    with pytest.raises(Unavailable, match="403"):
        await wrapper.current()
    await wrapper.close()


async def test_a_passing_fault_of_the_service_is_tried_again_and_a_lasting_one_is_told(
    engine: Engine, token_file: Path
) -> None:
    wrapper = TransitKey(engine.url, "carejourney", token_file)
    engine.instead = [503, 429]
    assert await wrapper.current() == "transit:carejourney:v1"
    engine.instead = [503] * transit.ATTEMPTS
    with pytest.raises(Unavailable, match="503"):
        await wrapper.current()
    engine.asked.clear()
    engine.instead = [400]
    with pytest.raises(Unavailable, match="400"):
        await wrapper.current()
    assert len(engine.asked) == 1
    await wrapper.close()


async def test_a_service_that_hangs_or_is_away_is_not_waited_for_without_end(
    engine: Engine, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transit, "SECONDS", 0.1)
    hanging = TransitKey(engine.url, "carejourney", token_file)
    engine.slow_seconds = 0.5
    with pytest.raises(Unavailable, match="ReadTimeout"):
        await hanging.current()
    away = TransitKey("http://127.0.0.1:9", "carejourney", token_file)
    with pytest.raises(Unavailable, match="ConnectError"):
        await away.current()
    await hanging.close()
    await away.close()


async def test_a_large_return_is_asked_for_in_batches(engine: Engine, token_file: Path) -> None:
    wrapper = TransitKey(engine.url, "carejourney", token_file)
    await wrapper.wrap_all([(CHILDREN[0], bytes(32))] * (transit.BATCH + 1))
    assert engine.asked == ["/v1/transit/encrypt/carejourney"] * 2
    await wrapper.close()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "set either CAREJOURNEY_KEY_FILE or CAREJOURNEY_KMS_URL"),
        ({"key_file": "a", "kms_url": "https://kms.example/v1/transit"}, "set either"),
        ({"kms_url": "http://kms.example/v1/transit", "kms_token_file": "t"}, "must be an https URL"),
        ({"kms_url": "https://kms.example/v1/transit"}, "CAREJOURNEY_KMS_TOKEN_FILE is not set"),
    ],
    ids=["neither", "both", "in the clear", "without a token"],
)
def test_a_master_key_that_cannot_be_used_is_refused_at_the_start(parts: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        MasterKeySettings.model_validate(parts)


async def test_settings_choose_the_file_or_the_service(engine: Engine, token_file: Path, tmp_path: Path) -> None:
    assert isinstance(MasterKeySettings(key_file=key_file(tmp_path)).wrapper(), FileKey)
    chosen = MasterKeySettings(kms_url=engine.url, kms_token_file=token_file).wrapper()
    assert isinstance(chosen, TransitKey)
    await chosen.close()
    with pytest.raises(ValueError, match="CAREJOURNEY_KMS_TOKEN_FILE"):
        MasterKeySettings(kms_url=engine.url, kms_token_file=tmp_path / "none").wrapper()


def test_what_was_asked_can_be_told_apart_with_the_childs_key_alone() -> None:
    one, other = SubjectKey(CHILDREN[0], b"1" * 32), SubjectKey(CHILDREN[0], b"2" * 32)
    assert one.fingerprint(b"born 2012-04-05") == one.fingerprint(b"born 2012-04-05")
    assert one.fingerprint(b"born 2012-04-05") != one.fingerprint(b"born 2012-04-06")
    assert one.fingerprint(b"born 2012-04-05") != other.fingerprint(b"born 2012-04-05")
