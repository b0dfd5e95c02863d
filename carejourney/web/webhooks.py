"""The operators' page of a service's webhooks: who is sent what, what waits and why, resuming and sending again."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from carejourney.access import Caller
from carejourney.errors import Malformed, NotFound
from carejourney.parked_api import ROLE
from carejourney.web.pages import page_caller, page_router, render
from carejourney.web.signing import form_caller, form_fields
from carejourney.webhooks import lanes, operating
from carejourney.webhooks.operating import Hands

HOME: Final = "/operations/webhooks/page"
PAGE: Final = 25
FIRST: Final = UUID(int=0)
UNKNOWN: Final = "No webhook of that id is known here"

pages = page_router()

Reader = Annotated[Caller, Depends(page_caller)]
Sender = Annotated[Caller, Depends(form_caller)]


@pages.get(HOME)
async def webhooks(request: Request, who: Reader, done: Annotated[str, Query(max_length=100)] = "") -> Response:
    who.may(ROLE)
    async with request.app.state.running.pool.acquire() as connection:
        every = await operating.overview(connection)
        actions = await operating.latest(connection)
    told = next((one for one in actions if one["id"] == done), None)
    return render(request, "webhooks.html", webhooks=every, actions=actions, done=told, home=HOME)


@pages.get(f"{HOME}/parked")
async def parked(
    request: Request, who: Reader, webhook: UUID,
    topic: Annotated[str, Query(max_length=100)] = "", after: UUID = FIRST,
) -> Response:  # fmt: skip
    who.may(ROLE)
    async with request.app.state.running.pool.acquire() as connection:
        [one] = _found(await operating.overview(connection), webhook)
        rows = await lanes.parked(connection, webhook, (topic, after), PAGE + 1)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return render(
        request,
        "webhook_lanes.html",
        webhook=one,
        lanes=[_lane(row) for row in rows[:PAGE]],
        first=_address(webhook) if topic else None,
        beyond=_address(webhook, topic=last["topic"], after=last["subject"]) if last else None,
        home=HOME,
    )


@pages.post(f"{HOME}/resume")
async def resume(request: Request, who: Sender) -> Response:
    hands, webhook, _ = await _asked(request, who)
    return _back(await hands.resume(webhook))


@pages.post(f"{HOME}/redrive")
async def redrive(request: Request, who: Sender) -> Response:
    hands, webhook, child = await _asked(request, who)
    done, _ = await hands.redrive(webhook, child)
    return _back(done)


@pages.get(f"{HOME}/{{step}}")
async def begin_again(step: str) -> Response:  # noqa: ARG001 - whichever form it was
    """Who had to sign in while sending a form comes back here, without its fields."""
    return RedirectResponse(HOME, status_code=303)


async def _asked(request: Request, who: Caller) -> tuple[Hands, UUID, UUID | None]:
    """Who acts, on which webhook, for which child if for one. Raises `Forbidden`, `Malformed` and `NotFound`."""
    who.may(ROLE)
    fields, running = await form_fields(request), request.app.state.running
    webhook, child = _identifier(fields, "webhook"), _identifier(fields, "child")
    async with running.pool.acquire() as connection:
        [known] = _found(await operating.overview(connection), webhook)
    return Hands(running.pool, running.webhooks, who.actor, ROLE), known["id"], child


def _identifier(fields: dict[str, str], name: str) -> UUID | None:
    try:
        return UUID(fields[name]) if fields.get(name) else None
    except ValueError as error:
        raise Malformed(f"The {name} must be a whole identifier") from error


def _found(every: list[dict[str, Any]], webhook: UUID | None) -> list[dict[str, Any]]:
    """The one webhook. Raises `NotFound`."""
    found = [one for one in every if one["id"] == webhook]
    if not found:
        raise NotFound(UNKNOWN)
    return found


def _lane(row: dict[str, Any]) -> dict[str, Any]:
    since = row["waits_since"].isoformat()
    return {**row, "facts": row["until_version"] - row["version"] + 1, "waits_since": since}


def _address(webhook: UUID, **query: object) -> str:
    return f"{HOME}/parked?{urlencode({'webhook': webhook, **query})}"


def _back(done: UUID) -> Response:
    return RedirectResponse(f"{HOME}?{urlencode({'done': done})}", status_code=303)
