"""Questions of the virtual roll and of one child's education, asked by a caller who may see the authority."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from carejourney import owncopy
from carejourney.access import EVERY_AUTHORITY, Caller
from carejourney.errors import Forbidden, Malformed
from carejourney.projection import ordered
from carejourney.reactions import opened
from carejourney.service import Running
from carejourney.standing import Standing
from services.education.projections import ROLL, local_id_text, upn_text
from services.education.roll import Entry, Sought, entry, in_order, windows
from services.education.tables import authorities_on_roll, on_roll

READERS: Final = ("virtual-school", "social-work", "review")
PAGE_SIZE: Final = 100


class InCare(StrEnum):
    """Whom a question is about."""

    NOW = "now"
    LEFT = "left"
    ALL = "all"


_CARE: Final = {InCare.NOW: True, InCare.LEFT: False, InCare.ALL: None}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the roll of one authority."""

    authority: str
    q: str = ""
    in_care: InCare = InCare.NOW
    sort: str = "local_id"
    page: int = 1
    size: int = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of entries; `total` are all that were found, on `pages` pages (at least one)."""

    entries: Sequence[Entry]
    total: int
    page: int
    pages: int


def today_of(running: Running) -> date:
    """The day in England."""
    moment = running.parts.clock() if running.parts.clock else datetime.now(UTC)
    return moment.astimezone(ZoneInfo("Europe/London")).date()


async def authorities_for(running: Running, who: Caller) -> list[str]:
    """The authorities whose roll the caller may read, those of the token first among those that have one."""
    who.may(*READERS)
    async with running.engine.connect() as connection:
        known = list((await connection.execute(authorities_on_roll())).scalars())
    return known if EVERY_AUTHORITY in who.authorities else sorted(who.authorities)


def the_authority(who: Caller, asked: str | None) -> str:
    """The authority a question is about.

    Raises `Forbidden` for one that the token does not cover, `Malformed` where none is named and it covers several.
    """
    who.may(*READERS)
    if asked:
        who.may_for(asked, *READERS)
        return asked
    if len(who.authorities) == 1 and not who.sees(EVERY_AUTHORITY):
        return min(who.authorities)
    if not who.authorities:
        raise Forbidden("the token covers no authority")
    raise Malformed("say which authority: the token covers more than one", field="authority")


async def ask_roll(running: Running, question: Question) -> Answer:
    """The page asked for; a page beyond the last is the last. The caller must have been checked."""
    today, within = today_of(running), windows()
    async with running.engine.connect() as connection:
        query = on_roll(question.authority, in_care=_CARE[question.in_care])
        rows = (await connection.execute(query)).all()
    keys = await running.keys.of(row.subject for row in rows)
    sought = _sought(running, question)
    found = []
    for row in rows:
        one = entry(row.subject, ROLL.decode(row.state).state, keys.get(row.subject), today, within)
        if sought is None or sought.finds(one, (row.local_id_digest, row.upn_digest)):
            found.append(one)
    pages = max(1, -(-len(found) // question.size))
    page = min(question.page, pages)
    listed = in_order(found, question.sort)[(page - 1) * question.size : page * question.size]
    return Answer(listed, len(found), page, pages)


def _sought(running: Running, question: Question) -> Sought | None:
    text = question.q.strip()
    if not text:
        return None
    digest = running.keys.digest
    wanted = (local_id_text(question.authority, text), upn_text(text.upper()))
    return Sought(text.casefold(), frozenset(digest(one) for one in wanted))


async def standing_facts(running: Running, child: UUID) -> list[Standing]:
    """What education's own copy holds of the child's schools and number, opened, in effective order."""
    async with running.pool.acquire() as connection:
        facts = (await owncopy.facts_of(connection, [child]))[child]
    key = (await running.keys.of([child])).get(child)
    return [opened(f, key) for f in ordered(facts, running.kinds) if f.type.startswith("education.")]


async def version_of(running: Running, child: UUID) -> int:
    """The version of education's record of the child: its ETag."""
    found: Any = await running.pool.fetchval("select version from stream where subject = $1", child)
    return int(found or 0)
