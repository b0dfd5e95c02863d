"""Who may ask: tokens are checked, roles and authorities limit; and reactions cannot chase each other."""

import base64
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import Request
from joserfc import jwt
from joserfc.jwk import OctKey

from carejourney.access import DEVELOPMENT_ISSUER, Caller, TokenVerifier, caller, mint, write_development_issuer
from carejourney.errors import Forbidden, Refusal, Unauthenticated
from carejourney.keys.wrapping import FileKey
from carejourney.reactions import Outcome, Reaction, refuse_cycles

ONE, OTHER = "E08000025", "E06000016"


@pytest.fixture
def issuer(tmp_path: Path) -> Path:
    write_development_issuer(tmp_path / "issuer.json", tmp_path / "jwks.json")
    return tmp_path


async def checked(issuer: Path, token: str) -> Caller:
    return await TokenVerifier("carejourney", jwks_file=issuer / "jwks.json").check(token)


async def test_a_token_tells_who_asks_in_which_roles_for_which_authorities(issuer: Path) -> None:
    token = mint(issuer / "issuer.json", "worker-7", ["health", "import"], [ONE])
    who = await checked(issuer, token)
    assert who == Caller("worker-7", frozenset({"health", "import"}), frozenset({ONE}))
    assert (who.role("import"), who.role("review"), who.role()) == ("import", "health", "health")


def expired(issuer: Path) -> str:
    return mint(issuer / "issuer.json", "worker-7", ["health"], seconds=-120)


def of_another_audience(issuer: Path) -> str:
    return mint(issuer / "issuer.json", "worker-7", ["health"], audience="elsewhere")


def of_another_key(issuer: Path) -> str:
    write_development_issuer(issuer / "other.json", issuer / "other-jwks.json")
    return mint(issuer / "other.json", "worker-7", ["health"])


def signed_with_the_public_key(issuer: Path) -> str:
    key = OctKey.import_key((issuer / "jwks.json").read_text())
    claims = {"iss": DEVELOPMENT_ISSUER, "aud": "carejourney", "sub": "intruder", "exp": 2**33, "roles": ["import"]}
    return jwt.encode({"alg": "HS256"}, claims, key)


def unsigned(issuer: Path) -> str:
    return mint(issuer / "issuer.json", "worker-7", ["health"]).rsplit(".", 1)[0] + "."


@pytest.mark.parametrize(
    "make", [expired, of_another_audience, of_another_key, signed_with_the_public_key, unsigned, lambda _: "nonsense"]
)
async def test_a_token_that_is_not_good_is_refused(issuer: Path, make: Callable[[Path], str]) -> None:
    with pytest.raises(Unauthenticated):
        await checked(issuer, make(issuer))


def test_the_key_of_the_development_issuer_is_its_owners_alone(issuer: Path) -> None:
    assert (issuer / "issuer.json").stat().st_mode & 0o077 == 0
    assert '"d"' not in (issuer / "jwks.json").read_text()


def test_a_caller_may_do_what_one_of_the_roles_allows() -> None:
    who = Caller("worker-7", frozenset({"health"}), frozenset({ONE}))
    who.may("health", "import")
    with pytest.raises(Forbidden, match="import"):
        who.may("import")


def test_a_caller_acts_in_the_first_role_that_gives_the_right() -> None:
    who = Caller("worker-7", frozenset({"carer", "review", "social-work"}), frozenset({ONE}))
    acting = who.acting_by("social-work", "review", "health")
    assert acting.granting == ("social-work", "review")
    assert (acting.role(), acting.role("import"), acting.role("carer")) == ("social-work", "social-work", "carer")
    with pytest.raises(Forbidden, match="health"):
        who.acting_by("health")


def asked_by(issuer: Path, actor: str) -> Awaitable[Caller]:
    (issuer / "master.key").write_text(base64.b64encode(bytes(32)).decode())
    running = SimpleNamespace(keys=FileKey(issuer / "master.key"))
    verifier = TokenVerifier("carejourney", jwks_file=issuer / "jwks.json")
    app = SimpleNamespace(state=SimpleNamespace(running=running, verifier=verifier))
    bearer = f"Bearer {mint(issuer / 'issuer.json', actor, ['health'])}".encode()
    return caller(Request({"type": "http", "app": app, "method": "GET", "headers": [(b"authorization", bearer)]}))


@pytest.mark.parametrize("actor", ["worker-7", "tester", "0198f2c4-0a1b-7d2e-8f30-1a2b3c4d5e6f"])
async def test_a_pseudonym_of_the_issuer_is_taken_over(issuer: Path, actor: str) -> None:
    assert (await asked_by(issuer, actor)).actor == actor


@pytest.mark.parametrize("actor", ["a.b@council.example", "Ann Other", "ann.other", "x" * 65])
async def test_a_subject_that_could_be_a_name_is_replaced_by_a_keyed_digest(issuer: Path, actor: str) -> None:
    known = (await asked_by(issuer, actor)).actor
    assert re.fullmatch("[0-9a-f]{64}", known)
    assert known == (await asked_by(issuer, actor)).actor != (await asked_by(issuer, f"{actor}.")).actor
    assert known != sha256(f"actor:{actor}".encode()).hexdigest()


def test_a_caller_sees_the_authorities_of_the_token_only() -> None:
    who = Caller("worker-7", frozenset({"health"}), frozenset({ONE}))
    who.may_for(ONE, "health")
    assert (who.sees(ONE), who.sees(OTHER)) == (True, False)
    with pytest.raises(Forbidden, match="authority"):
        who.may_for(OTHER, "health")
    assert Caller("operator", frozenset(), frozenset({"*"})).sees(OTHER)


def test_every_refusal_knows_its_status_and_its_own_name() -> None:
    found: list[type[Refusal]] = [Refusal, *Refusal.__subclasses__()]
    assert len({one.slug for one in found}) == len(found)
    assert all(400 <= one.status < 600 and one.title for one in found)


def reaction(name: str, listens: str, emits: str) -> Reaction:
    return Reaction(name, frozenset({listens}), frozenset({emits}), lambda _: Outcome((), None))


def test_reactions_that_form_a_chain_are_taken() -> None:
    refuse_cycles([reaction("one", "a", "b"), reaction("two", "b", "c"), reaction("three", "a", "c")])


@pytest.mark.parametrize("steps", [["aa"], ["ab", "ba"], ["ab", "bc", "ca"], ["xa", "ab", "bc", "cb"]])
def test_reactions_that_could_chase_each_other_are_refused(steps: list[str]) -> None:
    with pytest.raises(ValueError, match="cycle"):
        refuse_cycles([reaction(step, *step) for step in steps])
