"""The register of subjects: an authority's local id and the pseudonym it goes by, got or created in bulk.

The local id is kept sealed with the subject's key, and found by a keyed digest.

The register also remembers which authority's returns brought which child, by a keyed digest of the local id and the
date of birth that is the same for every authority: so it shows when one authority's return is loaded for another, and
when other children are loaded under the local ids of those it knows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID, uuid4

import asyncpg
from fastapi import APIRouter, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from carejourney import telemetry
from carejourney.access import Caller, caller
from carejourney.commands import context_of
from carejourney.envelope import SEALED, Context, Draft, Recorded
from carejourney.errors import Refusal
from carejourney.ids import new_id
from carejourney.openapi import problems
from carejourney.sealed_records import sealed_among
from carejourney.store import Store
from events.placement import SubjectRegistered
from events.strictness import Strict

router = APIRouter(tags=["register"])

Kind = Literal["child", "worker", "agency", "provider"]
LocalId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Authority = Annotated[str, Field(pattern=r"^[A-Z][0-9]{8}$", description="ONS code of the authority.")]

_FIND = """
select local_id_digest, subject from subject_register
where authority = $1 and kind = $2 and local_id_digest = any($3)
"""
_LISTED = """
select subject from subject_register s where authority = $1 and kind = 'child' and local_id is not null
and not exists (select from received r where r.subject = s.subject and r.type = $2) order by subject
"""
_ADD = """
insert into subject_register (subject, authority, kind, local_id_digest, local_id)
select s, $1, $2, d, l from unnest($3::uuid[], $4::text[], $5::text[]) as n(s, d, l)
on conflict (authority, kind, local_id_digest) do nothing returning subject
"""
# What an authority claimed and never took, because the import was stopped, is not its own once the import is over.
_BROUGHT = """
select b.child_digest, b.authority from child_brought b
where b.child_digest = any($1) and (b.brought_at > now() - $2::interval or exists (
  select from subject_register s
  where s.authority = b.authority and s.kind = 'child' and s.local_id_digest = b.local_id_digest))
"""
_BROUGHT_BEFORE = """
select b.local_id_digest, array_agg(b.child_digest) as brought from child_brought b
join subject_register s on s.authority = b.authority and s.kind = 'child' and s.local_id_digest = b.local_id_digest
where b.authority = $1 and b.local_id_digest = any($2) group by b.local_id_digest
"""
_BRING = """
insert into child_brought (child_digest, local_id_digest, authority)
select d, l, $3 from unnest($1::text[], $2::text[]) as n(d, l)
on conflict (child_digest, authority) do update set brought_at = excluded.brought_at
"""
# Until an import has registered most of its children, its claim alone tells of it.
UNDER_WAY: Final = timedelta(minutes=2)
# Fewer changed dates of birth are corrections, however few children the authority has.
FEWEST_OTHER_BIRTHS: Final = 5
# Two claims of the same children wait for each other: the second sees what the first has brought.
_CLAIM_LOCK: Final = 7_236


class Resolve(Strict):
    """Ask for the pseudonyms of local ids; with `create`, those the register lacks are made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authority": "E08000025", "kind": "child", "local_ids": ["SAMPLE1"], "create": True}]
        },
    )

    authority: Authority
    kind: Kind = "child"
    local_ids: Annotated[list[LocalId], Field(max_length=5_000)]
    create: bool = False


class Resolved(BaseModel):
    """Pseudonyms by local id; one that is unknown and was not created is absent.

    `sealed` are local ids of earlier records of adopted children: no pseudonym is told, and no new subject made.
    """

    subjects: dict[str, UUID]
    created: int = 0
    sealed: list[str] = []


@router.post("/subjects/resolve", summary="Pseudonyms of local ids, in bulk.")
async def resolve(
    asked: Resolve, request: Request, who: Annotated[Caller, Security(caller, scopes=("import", "social-work"))]
) -> Resolved:
    who.may_for(asked.authority, "import", "social-work")
    running = request.app.state.running
    context = context_of(who, running.store.source, asked.authority, new_id(), origin="import", role=("import",))
    return await resolve_all(running.store, asked, context)


@router.get("/subjects", summary="Every child an authority has registered, but those whose records are sealed.")
async def subjects(
    authority: Authority, request: Request, who: Annotated[Caller, Security(caller, scopes=("import", "operations"))]
) -> list[UUID]:
    who.may_for(authority, "import", "operations")
    return [row["subject"] for row in await request.app.state.running.pool.fetch(_LISTED, authority, SEALED)]


class BroughtChild(Strict):
    """A child as the Header of a return names it."""

    local_id: LocalId
    born: date


class Tally(Strict):
    """What is known of the children of the parts so far.

    `children` of them were brought by returns of other authorities, `authorities` says how many by each; `known` are
    registered for this authority from earlier returns, `other_births` of these with another date of birth; `asked` is
    how many there were in all.
    """

    children: Annotated[int, Field(ge=0)] = 0
    authorities: dict[Authority, int] = Field(default_factory=dict)
    asked: Annotated[int, Field(ge=0)] = 0
    known: Annotated[int, Field(ge=0)] = 0
    other_births: Annotated[int, Field(ge=0)] = 0


class Claim(Strict):
    """Say which children a return brings for its authority, a part of them at a time.

    `of` is how many it brings in all, `counted` the tally of the parts before this one. `also_loaded_for` are other
    authorities under which a person confirms that these children stand as well; with `births_corrected` a person
    confirms that they are the children known by these local ids. With `hold` false it is only asked.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"authority": "E08000025", "of": 1, "children": [{"local_id": "SAMPLE1", "born": "2012-03-09"}]}
            ]
        },
    )

    authority: Authority
    of: Annotated[int, Field(ge=1)]
    children: Annotated[list[BroughtChild], Field(max_length=5_000)]
    counted: Tally = Tally()
    also_loaded_for: list[Authority] = Field(default_factory=list, max_length=400)
    births_corrected: bool = False
    hold: bool = True


class Digests(NamedTuple):
    """A child of a claim: the digest for all authorities, and the register's."""

    child: str
    local_id: str


@router.post(
    "/returns/claims",
    summary="Claim the children of a return, so that it is not loaded for another authority.",
    responses=problems(Refusal),
)
async def claim(asked: Claim, request: Request, who: Annotated[Caller, Security(caller, scopes=("import",))]) -> Tally:
    who.may_for(asked.authority, "import")
    running = request.app.state.running
    digest = running.keys.digest
    digests = {
        Digests(digest(f"{child.born}/{child.local_id}"), digest(_of_register(asked.authority, child.local_id)))
        for child in asked.children
    }
    async with running.pool.acquire() as connection, connection.transaction():
        return await claim_children(connection, sorted(digests), asked)


async def claim_children(connection: asyncpg.Connection, digests: Sequence[Digests], asked: Claim) -> Tally:
    """Count the children that other authorities' returns have brought, and remember them as this authority's too.

    Raises `Refusal` where those are more than half of the return's children, or where more than half of those whom
    this authority's returns named before have another date of birth now, and these are no mere corrections.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", _CLAIM_LOCK)
    children, local_ids = [one.child for one in digests], [one.local_id for one in digests]
    elsewhere = _elsewhere(await connection.fetch(_BROUGHT, children, UNDER_WAY), asked)
    before = _before(await connection.fetch(_BROUGHT_BEFORE, asked.authority, local_ids), digests)
    tally = _added(_added(asked.counted, elsewhere), before)
    _judge(tally, asked)
    if asked.hold:
        await connection.execute(_BRING, children, local_ids, asked.authority)
    return tally


def _judge(tally: Tally, asked: Claim) -> None:
    if tally.children * 2 > asked.of:
        raise Refusal(_told(tally, asked.of), rule="other_authority")
    if tally.asked < asked.of or asked.births_corrected or tally.other_births < FEWEST_OTHER_BIRTHS:
        return
    if tally.other_births * 2 > tally.known:
        told = f"of the {tally.known} children known of {asked.authority} by these local ids,"
        raise Refusal(
            f"{told} {tally.other_births} have another date of birth than any return before gave them",
            rule="other_births",
        )


def _before(brought: Iterable[Mapping[str, Any]], digests: Sequence[Digests]) -> Tally:
    known = {row["local_id_digest"]: row["brought"] for row in brought}
    other = sum(one.local_id in known and one.child not in known[one.local_id] for one in digests)
    return Tally(asked=len(digests), known=len(known), other_births=other)


def _elsewhere(brought: Iterable[Mapping[str, str]], asked: Claim) -> Tally:
    holders: dict[str, set[str]] = {}
    for row in brought:
        holders.setdefault(row["child_digest"], set()).add(row["authority"])
    others = [held.difference(asked.also_loaded_for) for held in holders.values() if asked.authority not in held]
    return Tally(children=sum(map(bool, others)), authorities=Counter(code for held in others for code in held))


def _added(one: Tally, other: Tally) -> Tally:
    return Tally(
        children=one.children + other.children,
        authorities=Counter(one.authorities) + Counter(other.authorities),
        asked=one.asked + other.asked,
        known=one.known + other.known,
        other_births=one.other_births + other.other_births,
    )


def _told(tally: Tally, of: int) -> str:
    codes = ", ".join(f"{code} ({count})" for code, count in sorted(tally.authorities.items()))
    return f"{tally.children} of its {of} children were brought by a return loaded for another authority: {codes}"


async def resolve_all(store: Store, asked: Resolve, context: Context) -> Resolved:
    """Get or create; the same local id is given the same pseudonym whoever asks first, and none once it is sealed."""
    digests = {local_id: store.keys.digest(_of_register(asked.authority, local_id)) for local_id in asked.local_ids}
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
                _count(unit.append(_registered(created, subjects), context))
            known = dict(await unit.connection.fetch(_FIND, *find))
        closed = await sealed_among(unit.connection, known.values()) if asked.kind == "child" else set()
    found = {local_id: known[digest] for local_id, digest in digests.items() if digest in known}
    sealed = sorted(local_id for local_id, subject in found.items() if subject in closed)
    return Resolved(
        subjects={one: subject for one, subject in found.items() if subject not in closed},
        created=len(created),
        sealed=sealed,
    )


def _of_register(authority: str, local_id: str) -> str:
    return f"{authority}:{local_id}"


def _count(recorded: Sequence[Recorded]) -> None:
    for (source, topic), facts in Counter((fact.source, fact.topic) for fact in recorded).items():
        telemetry.FACTS_RECORDED.labels(source, topic).inc(facts)


def _registered(created: Sequence[UUID], local_ids: dict[UUID, str]) -> list[Draft]:
    bodies = ((subject, SubjectRegistered(local_id=local_ids[subject])) for subject in created)
    return [Draft(subject, body, None, body.destination()) for subject, body in bodies]
