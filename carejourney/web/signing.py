"""Signing in to the pages: a bearer token is pasted once and kept in a cookie that scripts cannot read."""

from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from carejourney.access import COOKIE, Caller, Verifier, checked
from carejourney.errors import Forbidden, Unauthenticated
from carejourney.web.assets import add_assets
from carejourney.web.pages import SignInNeeded, page_router, render

LONGEST_TOKEN: Final = 3_800
LONGEST_FORM: Final = 16_384
SIGNED_IN_SECONDS: Final = 12 * 3600


def safe_next(wanted: str, home: str) -> str:
    """The page to go on to: a path of this service, or `home` where anything else is asked for."""
    plain = wanted.isprintable() and "\\" not in wanted and wanted.startswith("/") and not wanted.startswith("//")
    if not plain:
        return home
    parts = urlsplit(wanted)
    return home if parts.scheme or parts.netloc or parts.path.startswith("/sign-") else wanted


def page_routes(home: str) -> APIRouter:
    """Sign-in, sign-out and the static files; `home` is the service's first page, where `/` leads too."""
    router = page_router()
    add_assets(router)

    @router.get("/")
    async def begin() -> Response:
        return RedirectResponse(home, status_code=303)

    @router.get("/sign-in")
    async def ask(
        request: Request, token: Annotated[str | None, Query()] = None, next_: Annotated[str, Query(alias="next")] = ""
    ) -> Response:
        if token is not None:
            _refuse_link_in_production(request)
            return await _signed_in(request, token, safe_next(next_, home))
        return _form(request, safe_next(next_, home))

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        refuse_foreign_form(request)
        form = await form_fields(request)
        return await _signed_in(request, form.get("token", "").strip(), safe_next(form.get("next", ""), home))

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        refuse_foreign_form(request)
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_secure(request))
        return answer

    return router


def _form(request: Request, wanted: str, fault: str | None = None, status: int = 200) -> Response:
    return render(request, "sign_in.html", status=status, next=wanted, fault=fault)


async def _signed_in(request: Request, token: str, wanted: str) -> Response:
    fault = await _fault(request, token)
    if fault:
        return _form(request, wanted, fault, status=401)
    answer = RedirectResponse(wanted, status_code=303, headers={"Cache-Control": "no-store"})
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.set_cookie(
        COOKIE, token, max_age=SIGNED_IN_SECONDS, path="/", httponly=True, samesite="strict", secure=_secure(request)
    )
    return answer


async def _fault(request: Request, token: str) -> str | None:
    """What is wrong with a token, in the reader's words; None where nothing is."""
    if not token:
        return "Enter a token"
    if len(token) > LONGEST_TOKEN:
        return f"The token must be {LONGEST_TOKEN:,} characters or fewer"
    verifier: Verifier = request.app.state.verifier
    try:
        who: Caller = await verifier.check(token)
    except Unauthenticated:
        return "The token is not valid, or has run out. Ask for a new one"
    return None if who.roles else "The token carries no role"


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form that was sent, each once; a form that is too long is cut."""
    body = (await request.body())[:LONGEST_FORM].decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True, max_num_fields=10).items()}


def refuse_foreign_form(request: Request) -> None:
    """A browser says where a form was sent from; another site must not sign a reader in or out."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("this form was sent from another site")


async def form_caller(request: Request) -> Caller:
    """The caller of a form: FastAPI dependency. The cookie is enough where the form is one of our own pages."""
    refuse_foreign_form(request)
    token = request.cookies.get(COOKIE)
    if not token:
        raise SignInNeeded("sign in first")
    try:
        request.state.who = who = await checked(request, token)
    except Unauthenticated as error:
        raise SignInNeeded(error.detail) from error
    return who


def _refuse_link_in_production(request: Request) -> None:
    if request.app.state.running.settings.environment == "production":
        raise Forbidden("a token in an address is taken in development only; paste it into the form")


def _secure(request: Request) -> bool:
    return bool(request.app.state.running.settings.environment == "production")
