"""The register of subjects: an authority's local id and the pseudonym it goes by, got or created in bulk.

The local id is kept sealed with the subject's key, and found by a keyed digest.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from carejourney.access import Caller, caller
from carejourney.commands import context_of
from carejourney.envelope import Context, Draft
from carejourney.errors import Refusal
from carejourney.ids import new_id
from carejourney.keys import Wrapper
from carejourney.store import Store
from events.placement import SubjectRegistered

router = APIRouter(tags=["register"])

Kind = Literal["child", "worker"]
LocalId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Authority = Annotated[str, Field(pattern=r"^[A-Z][0-9]{8}$", description="ONS code of the authority.")]

_FIND = """
select local_id_digest, subject from subject_register
where authority = $1 and kind = $2 and local_id_digest = any($3)
"""
_ADD = """
insert into subject_register (subject, authority, kind, local_id_digest, local_id)
select s, $1, $2, d, l from unnest($3::uuid[], $4::text[], $5::text[]) as n(s, d, l)
on conflict (authority, kind, local_id_digest) do nothing returning subject
"""


class Resolve(BaseModel):
    """Ask for the pseudonyms of local ids; with `create`, those the register lacks are made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"authority": "E08000025", "kind": "child", "local_ids": ["SAMPLE1"], "create": True}]
        },
    )

    authority: Authority
    kind: Kind = "child"
    local_ids: Annotated[list[LocalId], Field(max_length=5_000)]
    create: bool = False


class Resolved(BaseModel):
    """Pseudonyms by local id; one that is unknown and was not created is absent."""

    subjects: dict[str, UUID]
    created: int = 0


@router.post("/subjects/resolve", summary="Pseudonyms of local ids, in bulk.")
async def resolve(asked: Resolve, request: Request, who: Annotated[Caller, Depends(caller)]) -> Resolved:
    who.may_for(asked.authority, "import", "social-work")
    running = request.app.state.running
    context = context_of(who, running.store.source, asked.authority, new_id(), origin="import", role=("import",))
    return await resolve_all(running.store, running.wrapper, asked, context)


@router.get("/subjects", summary="Every child an authority has registered.")
async def subjects(authority: Authority, request: Request, who: Annotated[Caller, Depends(caller)]) -> list[UUID]:
    who.may_for(authority, "import", "operations")
    rows = await request.app.state.running.pool.fetch(
        "select subject from subject_register where authority = $1 and kind = 'child' order by subject", authority
    )
    return [row["subject"] for row in rows]


class Claim(BaseModel):
    """Say that a return is this authority's own; `digest` does not depend on the order of its rows."""

    model_config = ConfigDict(extra="forbid")

    authority: Authority
    year: int
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@router.post("/returns/claims", status_code=204, summary="Claim a return, so that no other authority can load it.")
async def claim(asked: Claim, request: Request, who: Annotated[Caller, Depends(caller)]) -> None:
    who.may_for(asked.authority, "import")
    owner = await request.app.state.running.pool.fetchval(
        "with new as (insert into return_claim (digest, authority, year) values ($1, $2, $3)"
        " on conflict do nothing returning authority)"
        " select authority from new union all select authority from return_claim where digest = $1 limit 1",
        asked.digest, asked.authority, asked.year,
    )  # fmt: skip
    if owner not in (None, asked.authority):
        raise Refusal(
            f"the same return was loaded for {owner}; two authorities cannot state the same children:"
            " check --authority, or the folder"
        )


async def resolve_all(store: Store, wrapper: Wrapper, asked: Resolve, context: Context) -> Resolved:
    """Get or create; the same local id is given the same pseudonym whoever asks first."""
    digests = {local_id: wrapper.digest(f"{asked.authority}:{local_id}") for local_id in asked.local_ids}
    async with store.unit() as unit:
        find = (asked.authority, asked.kind, list(digests.values()))
        known = dict(await unit.connection.fetch(_FIND, *find))
        missing = [local_id for local_id, digest in digests.items() if digest not in known]
        created: list[UUID] = []
        if asked.create and missing:
            subjects = {uuid4(): local_id for local_id in sorted(set(missing))}
            keys = await store.keys.of(subjects, create=True)
            rows = await unit.connection.fetch(
                _ADD, asked.authority, asked.kind, list(subjects), [digests[one] for one in subjects.values()],
                [keys[s].seal("local_id", one) for s, one in subjects.items()],
            )  # fmt: skip
            created = [row["subject"] for row in rows]
            if asked.kind == "child":
                await unit.lock(created)
                unit.append(_registered(created, subjects), context)
            known = dict(await unit.connection.fetch(_FIND, *find))
    found = {local_id: known[digest] for local_id, digest in digests.items() if digest in known}
    return Resolved(subjects=found, created=len(created))


def _registered(created: Sequence[UUID], local_ids: dict[UUID, str]) -> list[Draft]:
    bodies = ((subject, SubjectRegistered(local_id=local_ids[subject])) for subject in created)
    return [Draft(subject, body, None, body.destination()) for subject, body in bodies]
