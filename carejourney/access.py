"""Who asks: bearer tokens of an OpenID Connect issuer, their roles, and the authorities they may see."""

import json
import math
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import httpx
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from carejourney.errors import Forbidden, Unauthenticated, Unavailable

ALGORITHMS: Final = ["EdDSA", "Ed25519", "ES256", "RS256"]
DEVELOPMENT_ISSUER: Final = "urn:carejourney:development"
EVERY_AUTHORITY: Final = "*"
COOKIE: Final = "carejourney_token"
# For the API's description; what is checked is the header itself.
_BEARER: Final = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="token",
    description="A token of the installation's issuer. Where roles are named, it carries one of them.",
)
_ANY_ROLE: Final = SecurityScopes()
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

ROLES: Final = {
    "import": "loads returns and enrolments",
    "historic-load": "says when an old return was known",
    "social-work": "records and reads the whole of a child's record",
    "review": "chairs reviews; reads the whole of a child's record",
    "virtual-school": "reads education projections; records school changes",
    "health": "records and reads health facts",
    "leaving-care": "records and reads leaving-care facts",
    "carer": "reads what a carer needs of the children in their care",
    "school": "reads the education record of the children whose designated teacher they are",
    "youth-justice": "records that youth justice helps a child, and reads which agencies do",
    "provider": "a registered provider: records what it does with a child, and reads nothing",
    "strategic": "reads figures, and no child's record",
    "adoption-records": "seals an adopted child's earlier record, and reads it for a purpose",
    "agency-system": "registers where the system of an agency is sent facts",
    "erasure": "erases a child's record for good, in two steps",
    "operations": "runs the system; sees no child's record",
    "service": "one service asking another for the facts it owns",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A checked token: a pseudonym, roles, authorities (`*` for all), and the instant (POSIX) until which it holds.

    `granting` are those of the roles that gave the right to what is being done, the first of them before the others.
    """

    actor: str
    roles: frozenset[str]
    authorities: frozenset[str]
    expires: float = field(default=math.inf, compare=False)
    granting: tuple[str, ...] = field(default=(), compare=False)

    def may(self, *roles: str) -> None:
        """Raise `Forbidden` unless the caller has one of these roles."""
        if not self.roles & set(roles):
            raise Forbidden(f"this needs one of the roles: {', '.join(sorted(roles))}")

    def acting_by(self, *roles: str) -> "Caller":
        """The same caller, doing what one of these roles gives the right to; raises `Forbidden` where none does."""
        self.may(*roles)
        return replace(self, granting=tuple(role for role in roles if role in self.roles))

    def sees(self, authority: str) -> bool:
        return EVERY_AUTHORITY in self.authorities or authority in self.authorities

    def may_for(self, authority: str, *roles: str) -> None:
        """Raise `Forbidden` unless the caller has one of these roles, for this authority."""
        self.may(*roles)
        if not self.sees(authority):
            raise Forbidden("the token does not cover this authority")

    def role(self, *preferred: str) -> str:
        """The role in which the caller acts, for the record: one preferred, or else the one that gave the right."""
        named = (*(role for role in preferred if role in self.roles), *self.granting)
        return next(iter(named), min(self.roles, default="none"))


class Verifier(Protocol):
    """Checks a token; raises `Unauthenticated`."""

    async def check(self, token: str) -> Caller: ...


class TokenVerifier:
    """Checks tokens against an issuer's published keys, or a file of the development issuer's."""

    def __init__(self, audience: str, *, issuer: str | None = None, jwks_file: Path | None = None) -> None:
        self._audience = audience
        self._issuer = issuer or DEVELOPMENT_ISSUER
        self._file = jwks_file
        self._keys: KeySet | None = None
        self._read_at = 0.0

    async def check(self, token: str) -> Caller:
        try:
            decoded = jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
            requirements = jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
                sub={"essential": True},
            )
            requirements.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise Unauthenticated(f"the bearer token is not valid: {type(error).__name__}") from error
        claims = decoded.claims
        roles, authorities = frozenset(claims.get("roles", ())), frozenset(claims.get("authorities", ()))
        return Caller(str(claims["sub"]), roles, authorities, float(claims["exp"]))

    async def _key_set(self) -> KeySet:
        if self._keys is None or time.monotonic() - self._read_at > 300:  # noqa: PLR2004
            self._keys = KeySet.import_key_set(await self._published())
            self._read_at = time.monotonic()
        return self._keys

    async def _published(self) -> Any:
        if self._file is not None:
            return json.loads(self._file.read_text())
        try:
            async with httpx.AsyncClient(timeout=10) as client:
                found = await client.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                keys = await client.get(found.raise_for_status().json()["jwks_uri"])
                return keys.raise_for_status().json()
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise Unavailable("the issuer's keys cannot be read") from error


async def caller(
    request: Request,
    needed: SecurityScopes = _ANY_ROLE,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
) -> Caller:
    """The caller of a request: FastAPI dependency. Pages may use the sign-in cookie for reading only.

    As `Security(caller, scopes=ROLES)` it refuses who has none of these roles before the rest of the request is judged.
    """
    header = request.headers.get("authorization", "")
    token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else None
    if token is None and request.method in {"GET", "HEAD"}:
        token = request.cookies.get(COOKIE)
    if not token:
        raise Unauthenticated("send an `Authorization: Bearer` header")
    who = await checked(request, token)
    return who.acting_by(*needed.scopes) if needed.scopes else who


async def checked(request: Request, token: str) -> Caller:
    """The caller a token is of, by a pseudonym. Raises `Unauthenticated`.

    A `sub` that could be a name or an address is not taken over into the record, which is kept for ever and is given
    to others: a keyed digest of it stands there, the same in every service.
    """
    verifier: Verifier = request.app.state.verifier
    who = await verifier.check(token)
    if _PSEUDONYM.fullmatch(who.actor):
        return who
    return replace(who, actor=request.app.state.running.keys.digest(f"actor:{who.actor}"))


def write_development_issuer(private: Path, jwks: Path) -> None:
    """Make the development issuer's key: the private one readable by its owner only, the public set beside it."""
    key = OKPKey.generate_key("Ed25519", {"kid": f"development-{int(time.time())}", "use": "sig", "alg": "Ed25519"})
    _write(private, json.dumps(key.as_dict(private=True)), 0o600)
    _write(jwks, json.dumps({"keys": [key.as_dict(private=False)]}), 0o644)


def mint(
    private: Path, actor: str, roles: Iterable[str], authorities: Iterable[str] = (EVERY_AUTHORITY,), *,
    seconds: int = 12 * 3600, audience: str = "carejourney",
) -> str:  # fmt: skip
    """A token of the development issuer."""
    key = OKPKey.import_key(json.loads(private.read_text()))
    now = int(time.time())
    claims = {
        "iss": DEVELOPMENT_ISSUER, "aud": audience, "sub": actor, "iat": now, "exp": now + seconds,
        "roles": sorted(roles), "authorities": sorted(authorities),
    }  # fmt: skip
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=ALGORITHMS)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
