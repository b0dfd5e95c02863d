"""The operators' page of a service: which lanes wait, why, and trying them again."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from carejourney import parking
from carejourney.access import Caller
from carejourney.errors import Malformed, NotFound
from carejourney.parked_api import ROLE, key_of, listed
from carejourney.parking import Selection
from carejourney.web.pages import page_caller, page_router, render
from carejourney.web.signing import form_caller, form_fields

HOME: Final = "/operations/parked/page"
PAGE: Final = 25

pages = page_router()

Sender = Annotated[Caller, Depends(form_caller)]
Text = Annotated[str, Query(max_length=100)]


def selected(fields: Any) -> Selection:
    """The lanes that a form or an address means; empty fields mean nothing. Raises `Malformed` for what is no id."""

    def identifier(name: str) -> UUID | None:
        text = fields.get(name, "").strip()
        try:
            return UUID(text) if text else None
        except ValueError as error:
            raise Malformed(f"The {name} must be a whole identifier") from error

    return Selection(
        identifier("fact"),
        identifier("child"),
        fields.get("reason", "").strip()[:100] or None,
        fields.get("projection", "").strip()[:100] or None,
    )


@pages.get(HOME)
async def parked(
    request: Request,
    who: Annotated[Caller, Depends(page_caller)],
    after: Annotated[str, Query(max_length=300)] = "",
    redriven: Text = "",
) -> Response:
    who.may(ROLE)
    running = request.app.state.running
    selection = selected(request.query_params)
    found = await listed(running, selection, after=key_of(after), limit=PAGE)
    return render(
        request,
        "parked.html",
        selection=selection.named,
        found=found,
        beyond=f"{HOME}?{urlencode({**selection.named, 'after': found['next']})}" if found["next"] else None,
        first=f"{HOME}?{urlencode(selection.named)}" if after else None,
        redrives=(latest := await running.redriving.latest()),
        redriven=next((one for one in latest if one["id"] == redriven), None),
    )


@pages.post(f"{HOME}/rehearsal")
async def rehearse(request: Request, who: Sender) -> Response:
    who.may(ROLE)
    selection = selected(await form_fields(request))
    redriving = request.app.state.running.redriving
    result = await redriving.redrive(selection, actor=who.actor, role=ROLE, dry_run=True)
    back = f"{HOME}?{urlencode(selection.named)}"
    return render(request, "rehearsal.html", selection=selection.named, result=result.told(), back=back)


@pages.post(f"{HOME}/redrive")
async def redrive(request: Request, who: Sender) -> Response:
    who.may(ROLE)
    selection = selected(await form_fields(request))
    result = await request.app.state.running.redriving.redrive(selection, actor=who.actor, role=ROLE)
    return RedirectResponse(f"{HOME}?{urlencode({**selection.named, 'redriven': result.id})}", status_code=303)


@pages.post(f"{HOME}/acknowledge")
async def acknowledge(request: Request, who: Sender) -> Response:
    who.may(ROLE)
    fields = await form_fields(request)
    topic, partition, offset = fields.get("topic", ""), fields.get("partition", ""), fields.get("offset", "")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise Malformed("The place of a record is a topic, a partition and an offset")
    async with request.app.state.running.pool.acquire() as connection:
        if not await parking.acknowledge(connection, topic, int(partition[:9]), int(offset[:18]), who.actor):
            raise NotFound("No record of that place waits to be acknowledged")
    return RedirectResponse(HOME, status_code=303)


@pages.get(f"{HOME}/{{step}}")
async def begin_again(step: str) -> Response:  # noqa: ARG001 - whichever form it was
    """Who had to sign in while sending a form comes back here, without its fields."""
    return RedirectResponse(HOME, status_code=303)
