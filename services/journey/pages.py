"""Pages a person reads: an authority's children, and one child's journey."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from carejourney.access import EVERY_AUTHORITY, Caller
from carejourney.answering import authority_of
from carejourney.errors import Malformed, NotFound
from carejourney.service import Running
from carejourney.web import page_caller, page_router, render
from services.journey.asking import READERS, Asked, asked, day_asked, found_child, history_of, moment_asked
from services.journey.days import LONDON, day_of
from services.journey.episodes import EPISODE_COLUMNS
from services.journey.listing import listed
from services.journey.tables import authorities
from services.journey.timeline import timeline
from services.journey.wording import moment

STYLE: Final = Path(__file__).parent / "static" / "journey.css"
HOME: Final = "/pages/children"

pages = page_router()

Who = Annotated[Caller, Depends(page_caller)]
Text = Annotated[str, Query(max_length=200)]


@cache
def _style() -> tuple[bytes, str]:
    content = STYLE.read_bytes()
    return content, sha256(content).hexdigest()[:12]


@pages.get("/pages/assets/journey.css")
async def style() -> Response:
    return Response(_style()[0], media_type="text/css", headers={"Cache-Control": "public, max-age=86400"})


def _page(request: Request, template: str, **context: Any) -> HTMLResponse:
    return render(request, f"journey/{template}", style=f"/pages/assets/journey.css?{_style()[1]}", **context)


@pages.get("/")
async def home() -> Response:
    return RedirectResponse(HOME, status_code=303)


@pages.get(HOME)
async def children_page(
    request: Request, who: Who, authority: Text = "", q: Text = "", page: Annotated[int, Query(ge=1)] = 1
) -> Response:
    who.may(*READERS)
    running: Running = request.app.state.running
    seen = await _seen(running, who)
    chosen = authority or next(iter(seen), "")
    if not chosen:
        return _page(request, "no_children.html")
    who.may_for(chosen, *READERS)
    wanted = q.strip()
    if wanted:
        found = await _found(running, who, chosen, wanted)
        if found is not None:
            return RedirectResponse(f"{HOME}/{found}", status_code=303, headers={"Cache-Control": "no-store"})
    shown = await listed(running, chosen, page)
    options = [{"value": code, "text": code} for code in sorted({*seen, chosen})]
    return _page(request, "children.html", shown=shown, options=options, q=wanted, pagination=_pagination(shown))


def _pagination(shown: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters of the pagination component; None where one page holds all."""
    page, pages = shown["page"], shown["pages"]
    if pages == 1:
        return None
    near = sorted({1, *range(max(1, page - 1), min(pages, page + 1) + 1), pages})
    items: list[dict[str, Any]] = []
    for before, number in zip([0, *near], near, strict=False):
        if number > before + 1:
            items.append({"ellipsis": True})
        items.append({"number": number, "href": _page_link(shown, number), "current": number == page})
    links = {"previous": page - 1, "next": page + 1}
    around = {name: {"href": _page_link(shown, n)} for name, n in links.items() if 1 <= n <= pages}
    return {"items": items, **around}


def _page_link(shown: dict[str, Any], page: int) -> str:
    return f"{HOME}?{urlencode({'authority': shown['authority'], 'page': page})}"


async def _seen(running: Running, who: Caller) -> list[str]:
    known = await authorities(running.engine)
    own = () if EVERY_AUTHORITY in who.authorities else who.authorities
    return sorted({*(a for a in known if who.sees(a)), *own})


async def _found(running: Running, who: Caller, authority: str, local_id: str) -> str | None:
    try:
        return str(await found_child(running, who, f"{authority}:{local_id}"))
    except NotFound:
        return None


def _known_on(known_on: str | None) -> str:
    """When it was known, in words: the end of a day, or an instant."""
    return f"the end of {moment(known_on)}" if known_on and day_of(known_on) == known_on else moment(known_on)


def _asked(true_on: str, known_on: str, who: Caller) -> tuple[Asked, dict[str, str]]:
    """The question, and what is wrong with its dates; a wrong question is answered with the whole journey."""
    faults: dict[str, str] = {}
    for field, text in (("true_on", true_on), ("known_on", known_on)):
        try:
            moment_asked(field, text) if field == "known_on" else day_asked(field, text)
        except Malformed as malformed:
            faults[field] = malformed.detail.removeprefix(f"{field} ")
    return (asked(None, None, who) if faults else asked(true_on, known_on, who)), faults


@pages.get(HOME + "/{child:path}")
async def child_page(request: Request, child: str, who: Who, true_on: Text = "", known_on: Text = "") -> Response:
    who.may(*READERS)
    running: Running = request.app.state.running
    subject = await found_child(running, who, child)
    question, faults = _asked(true_on.strip(), known_on.strip(), who)
    told = await history_of(running, subject, question)
    answer = _page(
        request,
        "child.html",
        told=told,
        authority=await authority_of(running, subject, who),
        asked={"true_on": true_on.strip(), "known_on": known_on.strip()},
        known_on=_known_on(told["known_on"]),
        faults=faults,
        errors=[{"text": f"The date {reason}", "href": f"#{field}"} for field, reason in faults.items()],
        columns=("decom", *EPISODE_COLUMNS),
        shown=timeline(told, datetime.now(UTC).astimezone(LONDON).date()),
    )
    answer.status_code = 422 if faults else 200
    return answer
