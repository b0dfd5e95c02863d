"""Which child an agency means by its own number, and which children may be one and the same.

A number is kept as a keyed hash only; it is found by who knows it already.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Request, Security
from pydantic import ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.projection import Projection, Secrets
from carejourney.service import Running
from carejourney.standing import Standing
from events.codes import SYSTEM, Code
from events.codes.code_set import listed
from events.event import Coded
from events.strictness import Strict
from services.journey.tables import METADATA

READERS: Final = ("social-work", "review", "operations")
NUMBERS: Final = {"education.learner_number_assigned": "uln", "education.upn_recorded": "upn"}
LINKED: Final = "journey.identity_linked"

IDENTITY_LINKS = sa.Table(
    "identity_links",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("identities_digest", sa.Text),
)
_FIND: Final = """
select subject from identity_links
where string_to_array(identities_digest, ' ') @> array[$1] and authority = $2 order by subject
"""
_TWICE: Final = """
select array_agg(subject order by subject) as children
from identity_links, unnest(string_to_array(identities_digest, ' ')) as one
where authority = $1 group by one having count(*) > 1
"""


class Links(msgspec.Struct, frozen=True):
    """The sealed numbers of one child by system."""

    authority: str = ""
    numbers: dict[str, str] = {}


def evolve(links: Links, fact: Standing) -> Links:
    if fact.type == LINKED:
        return Links(fact.authority, {**links.numbers, fact.data["system"]: fact.data["identifier"]})
    system = NUMBERS[fact.type]
    number = fact.data.get(system)
    return Links(fact.authority, {**links.numbers, system: number} if number else links.numbers)


def row(links: Links, secrets: Secrets) -> dict[str, Any] | None:
    if not links.numbers:
        return None
    opened = [
        (system, secrets.open(system if system in NUMBERS.values() else "identifier", number))
        for system, number in sorted(links.numbers.items())
    ]
    digests = [secrets.digest(f"identity:{system}:{plain}") for system, plain in opened if plain]
    return {"authority": links.authority, "identities_digest": " ".join(digests) or None}


PROJECTION: Final = Projection(
    "identity_links", 1, IDENTITY_LINKS, Links, frozenset({LINKED, *NUMBERS}), evolve, row,
    frozenset({"state.numbers"}),
)  # fmt: skip

router = APIRouter(tags=["identities"])
Reader = Annotated[Caller, Security(caller, scopes=READERS)]


NUMBERED_BY: Final = listed(
    "numbered_by", Code("uln", "Unique learner number"), Code("upn", "Unique pupil number"), *SYSTEM
)


class Search(Strict):
    """A number, and whose it is; in a body, so that it stands in no address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authority": "E08000025", "system": "school", "identifier": "PUPIL-7731"}]
        },
    )  # fmt: skip

    authority: Annotated[str, Field(pattern="^[A-Z][0-9]{8}$", description="ONS code of the authority.")]
    system: Annotated[str, Coded(NUMBERED_BY), Field(description="Whose number it is.")]
    identifier: Annotated[str, Field(min_length=1, max_length=64)]


@router.post("/identities/search", summary="The child whom an agency knows by this number.")
async def search(asked: Search, request: Request, who: Reader) -> dict[str, Any]:
    who.may_for(asked.authority, *READERS)
    running: Running = request.app.state.running
    digest = running.keys.digest(f"identity:{asked.system}:{asked.identifier}")
    found = await running.pool.fetch(_FIND, digest, asked.authority)
    return {"children": [row["subject"] for row in found], "duplicate": len(found) > 1}


@router.get("/identities/duplicates", summary="Children who share a number: one registered twice, or one number wrong.")
async def duplicates(request: Request, who: Reader, authority: str) -> list[tuple[UUID, ...]]:
    who.may_for(authority, *READERS)
    running: Running = request.app.state.running
    found = {tuple(row["children"]) for row in await running.pool.fetch(_TWICE, authority)}
    return sorted(found)
