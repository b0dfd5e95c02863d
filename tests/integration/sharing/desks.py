"""What people and agencies do at the desks of the services, over HTTP: register a child, say a fact, ask, subscribe."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from carejourney.access import mint
from events.catalogue import CATALOGUE
from events.event import OWNERS
from tests.fixtures.system import AUTHORITY, System


def as_(desk: System, actor: object, *roles: str) -> dict[str, str]:
    """The headers of somebody with these roles in the authority of the tests."""
    token = mint(desk.surroundings.folder / "issuer.json", str(actor), roles, (AUTHORITY,))
    return {"authorization": f"Bearer {token}"}


async def a_child(desk: System) -> UUID:
    [child] = await desk.register(f"SHARED-{uuid4().hex[:8]}")
    await desk.settled()
    return child


async def says(
    desk: System, child: UUID, wire: str, day: str, who: dict[str, str] | None = None,
    because_of: str | None = None, **content: Any,
) -> httpx.Response:  # fmt: skip
    """A fact of any type, by the command of its family; `because_of` is the fact that it names as its cause."""
    service = OWNERS[wire.partition(".")[0]]
    body = {"type": wire, "effective": day, "content": content}
    if because_of:
        body["causation"] = because_of
    plural = CATALOGUE[wire].plural  # type: ignore[attr-defined]
    return await desk[service].post(f"/children/{child}/{plural}", json=body, headers=who)


async def said(desk: System, child: UUID, wire: str, day: str, because_of: str | None = None, **content: Any) -> str:
    """The same by somebody who may do everything, taken; the id of the fact."""
    answer = await says(desk, child, wire, day, None, because_of, **content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["stands"])


async def asks(desk: System, path: str, who: dict[str, str] | None = None, **asked: str) -> httpx.Response:
    return await desk["journey"].get(path, headers=who, params=asked)


async def flow_of(desk: System, service: str, role: str = "strategic") -> dict[str, Any]:
    """Who takes what of a service."""
    told = await desk[service].get("/operations/information-flow", headers=as_(desk, "dcs", role))
    found: dict[str, Any] = told.raise_for_status().json()
    return found
