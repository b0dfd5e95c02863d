"""An authority's children, a page at a time, with their local ids opened for who may read them."""

from typing import Any, Final

from carejourney.errors import NotFound
from carejourney.service import Running
from services.journey.tables import count_of, page_of
from services.journey.values import Opening

PAGE_SIZE: Final = 50


async def listed(running: Running, authority: str, page: int) -> dict[str, Any]:
    """One page: `{authority, page, pages, total, children: [{child, local_id, in_care, ...}]}`.

    Raises `NotFound` for a page after the last.
    """
    total = await count_of(running.engine, authority)
    pages = max(1, -(-total // PAGE_SIZE))
    if page > pages:
        raise NotFound(f"there are {pages} pages")
    rows = await page_of(running.engine, authority, page=page, size=PAGE_SIZE)
    keys = await running.keys.of(row["subject"] for row in rows)
    children = []
    for row in rows:
        local_id = Opening(keys.get(row["subject"])).plain("local_id", row["local_id"])
        children.append({"child": row["subject"], **{k: row[k] for k in _SHOWN}, "local_id": local_id})
    return {"authority": authority, "page": page, "pages": pages, "total": total, "children": children}


_SHOWN: Final = ("local_id", "in_care", "on_or_before", "entered_on", "left_on", "last_event_on")
