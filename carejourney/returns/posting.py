"""Posting to a service: patient with what passes, stopping at what does not."""

import asyncio
from typing import Final

import httpx
import msgspec

from carejourney.returns.errors import ImportStoppedError, RefusedWholeError

CONFLICT: Final = 409
PASSING: Final = frozenset({429, 502, 503, 504})
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    rule: str = ""


def _problem(response: httpx.Response) -> _Problem:
    try:
        return msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        return _Problem()


def _problem_text(response: httpx.Response) -> str:
    problem = _problem(response)
    return ": ".join(part for part in (problem.title, problem.detail) if part) or response.reason_phrase


class Desk:
    """The services an import posts to. `patience` is how many seconds it waits for one that is away."""

    def __init__(self, client: httpx.AsyncClient, addresses: dict[str, str], patience: float) -> None:
        self._client = client
        self._addresses = addresses
        self._patience = patience

    async def post(self, service: str, path: str, body: bytes, media_type: str) -> bytes:
        """Post the body until it is answered, always the same bytes, so that a repeated command is known as such.

        Raises:
            ImportStoppedError: the service refuses the request as a whole, or is away for too long;
                `RefusedWholeError` where a rule of the service forbids it.

        """
        return await self._until_answered(service, path, body, media_type)

    async def get(self, service: str, path: str) -> bytes:
        """Ask until it is answered; raises as `post` does."""
        return await self._until_answered(service, path, None, "application/json")

    async def _until_answered(self, service: str, path: str, body: bytes | None, media_type: str) -> bytes:
        url = self._addresses[service].rstrip("/") + path
        pause = FIRST_PAUSE
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            failure = await self._attempt(service, url, body, media_type)
            if isinstance(failure, bytes):
                return failure
            if asyncio.get_running_loop().time() + pause > deadline:
                raise ImportStoppedError(f"{failure}; run the import again when it is back")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _attempt(self, service: str, url: str, body: bytes | None, media_type: str) -> bytes | str:
        """Return the answer, or what passing failure kept it away."""
        try:
            method = "GET" if body is None else "POST"
            response = await self._client.request(method, url, content=body, headers={"content-type": media_type})
        except httpx.TransportError as error:
            return f"{service} cannot be reached ({type(error).__name__})"
        if response.status_code in PASSING:
            return f"{service} answers {response.status_code}"
        if response.is_success:
            return response.content
        if response.status_code == CONFLICT:
            problem = _problem(response)
            raise RefusedWholeError(problem.detail or _problem_text(response), problem.rule)
        raise ImportStoppedError(f"{service} answered {response.status_code}: {_problem_text(response)}")
