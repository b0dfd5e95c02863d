"""Rendering a page, who reads it, and what becomes of a refusal on the way."""

from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader

from carejourney.access import Caller, caller
from carejourney.errors import Malformed, Refusal, Unauthenticated
from carejourney.web.addresses import addresses
from carejourney.web.assets import asset_path
from carejourney.web.wording import FILTERS

POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@cache
def _environment(service: str) -> Environment:
    """Templates of one service, of the shared layout, and the components of GOV.UK Frontend."""
    components = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    environment = Environment(
        loader=ChoiceLoader([*_own(service), PackageLoader("carejourney.web"), components]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals["asset"] = asset_path
    return environment


def _own(service: str) -> list[BaseLoader]:
    """Where the service's own templates are; a service need have none."""
    try:
        return [PackageLoader(f"services.{service}")]
    except (ImportError, ValueError):
        return []


def render(request: Request, template_name: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page from `<service>/<file>` or the shared templates, with the headers that keep a browser to our own parts.

    Templates also see `service` (its title), `addresses`, `who` (the `Caller`, or None) and `path`.
    """
    parts = request.app.state.running.parts
    page = _environment(parts.name).get_template(template_name).render(
        service=parts.title,
        addresses=addresses(),
        who=getattr(request.state, "who", None),
        path=request.url.path,
        **context,
    )  # fmt: skip
    return HTMLResponse(page, status_code=status, headers=dict(POLICY))


class SignInNeeded(Unauthenticated):
    """A page was asked for by nobody who is signed in; its router sends them to sign in."""


async def page_caller(request: Request) -> Caller:
    """The caller of a page: FastAPI dependency. Who is not signed in is sent to sign in, and comes back."""
    try:
        request.state.who = who = await caller(request)
    except Unauthenticated as error:
        raise SignInNeeded(error.detail) from error
    return who


class PageRoute(APIRoute):
    """A route whose refusals are pages, not problem documents."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInNeeded:
                return _to_sign_in(request)
            except Refusal as refusal:
                return _refused(request, refusal)
            except RequestValidationError:
                return _refused(request, Malformed("The address of this page holds something that cannot be read."))

        return handled


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    location = f"/sign-in?{urlencode({'next': wanted})}"
    return RedirectResponse(location, status_code=303, headers={"Cache-Control": "no-store"})


def _refused(request: Request, refusal: Refusal) -> HTMLResponse:
    return render(request, "refused.html", status=refusal.status, title=refusal.title, detail=refusal.detail)


def page_router() -> APIRouter:
    """A router for pages: outside the API's description, and its refusals are pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)
