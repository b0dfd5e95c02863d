"""Education's pages: the virtual roll."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from carejourney.access import Caller
from carejourney.errors import Malformed
from carejourney.web import page_caller, page_router, render
from events.codes import UPN_UNKNOWN
from services.education.asking import (
    READERS,
    Answer,
    InCare,
    Question,
    ask_roll,
    authorities_for,
    the_authority,
    today_of,
)
from services.education.roll import SORTS, year_name

HOME: Final = "/pages/roll"
COLUMNS: Final = (
    ("local_id", "Local ID"),
    ("upn", "UPN"),
    ("year_group", "Year group"),
    ("school", "School"),
    ("last_move", "Last placement move"),
    ("last_change", "Last school change"),
    ("missing", "Missing now"),
    ("entered", "In care since"),
)
ORDERS: Final = [
    {"value": "local_id", "text": "Local ID"},
    {"value": "school", "text": "School"},
    {"value": "year_group", "text": "Year group, youngest first"},
    {"value": "-last_move", "text": "Latest placement move"},
    {"value": "-last_change", "text": "Latest school change"},
    {"value": "-missing", "text": "Missing now first"},
    {"value": "-entered", "text": "Latest into care"},
]
REASONS: Final = {
    "first_school": "first school",
    "placement_move": "placement move",
    "phase_transfer": "phase transfer",
    "managed_move": "managed move",
    "exclusion": "exclusion",
    "family_moved": "family moved",
    "choice": "choice",
    "other": "other reason",
}

pages = page_router()


@pages.get(HOME)
async def roll(
    request: Request,
    who: Annotated[Caller, Depends(page_caller)],
    authority: Annotated[str, Query(max_length=12)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    in_care: str = InCare.NOW,
    sort: str = "local_id",
    page: str = "1",
) -> Response:
    who.may(*READERS)
    running = request.app.state.running
    known = await authorities_for(running, who)
    if not authority and not known:
        return render(request, "education/no_roll.html")
    question = _question(the_authority(who, authority or known[0]), q, in_care, sort, page)
    found = await ask_roll(running, question)
    return render(request, "education/roll.html", **_shown(question, found, known), today=today_of(running))


def _question(authority: str, q: str, in_care: str, sort: str, page: str) -> Question:
    """The question of an address. Raises `Malformed` where somebody wrote the address who did not read this page."""
    if in_care not in set(InCare) or sort.removeprefix("-") not in SORTS or not page.isascii() or not page.isdigit():
        raise Malformed("The address of this page holds a choice that does not exist. Go back to the virtual roll")
    return Question(authority, q, InCare(in_care), sort, max(1, int(page[:6])))


def _shown(question: Question, found: Answer, known: list[str]) -> dict[str, Any]:
    asked = {"authority": question.authority, "q": question.q, "in_care": question.in_care.value, "sort": question.sort}

    def link(**changes: object) -> str:
        return f"{HOME}?{urlencode({**asked, **changes})}"

    authorities = sorted({*known, question.authority})
    return {
        "question": question,
        "found": found,
        "authorities": authorities,
        "options": [{"value": code, "text": code} for code in authorities],
        "orders": _orders(question.sort),
        "columns": [_column(name, title, question.sort, link) for name, title in COLUMNS],
        "reasons": REASONS,
        "year_name": year_name,
        "why_none": _why_none,
        "pagination": _pagination(found, link),
        "everyone": link(q="", in_care=InCare.ALL.value),
    }


def _orders(sort: str) -> list[dict[str, str]]:
    """The orders to choose from, with the present one where a heading was used that the list lacks."""
    if any(order["value"] == sort for order in ORDERS):
        return ORDERS
    title = dict(COLUMNS)[sort.removeprefix("-")]
    return [*ORDERS, {"value": sort, "text": f"{title}, last first" if sort.startswith("-") else title}]


def _why_none(code: str | None) -> str:
    """Why a child has no unique pupil number, in the words of the code set."""
    if code is None:
        return "not recorded"
    return f"{code}: {UPN_UNKNOWN.meaning(code)}" if UPN_UNKNOWN.known(code) else code


def _column(name: str, title: str, sort: str, link: Any) -> dict[str, str]:
    """A sortable heading: its link asks for the other direction where the table is sorted by it already."""
    state = {name: "ascending", f"-{name}": "descending"}.get(sort, "none")
    return {"name": name, "title": title, "state": state, "href": link(sort=f"-{name}" if sort == name else name)}


def _pagination(found: Answer, link: Any) -> dict[str, Any] | None:
    """The parameters of the pagination component; none where one page holds all."""
    if found.pages == 1:
        return None
    near = {1, found.pages, *range(found.page - 1, found.page + 2)} & set(range(1, found.pages + 1))
    items: list[dict[str, Any]] = []
    for number in sorted(near):
        if items and number - items[-1]["number"] > 1:
            items.append({"ellipsis": True, "number": number})
        items.append({"number": number, "href": link(page=number), "current": number == found.page})
    shown: dict[str, Any] = {"landmarkLabel": "Pages of the virtual roll", "items": items}
    if found.page > 1:
        shown["previous"] = {"href": link(page=found.page - 1)}
    if found.page < found.pages:
        shown["next"] = {"href": link(page=found.page + 1)}
    return shown
