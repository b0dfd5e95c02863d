"""The families' commands over HTTP: one a family, and the corrections of all of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial, reduce
from operator import or_
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request, Response, Security
from pydantic import AfterValidator, ConfigDict, Field, create_model

from carejourney.access import Caller, caller
from carejourney.answering import answer_command
from carejourney.families.closed import Closed
from carejourney.families.correcting import Reason, correct, retract
from carejourney.families.deciding import record
from carejourney.families.lines import line_router
from carejourney.families.recording import Recording, Statement, dated, effective_of, fitting
from carejourney.families.restricting import restrict
from carejourney.http import command_id, expected_version
from carejourney.membership import check_membership

Who = Annotated[Caller, Depends(caller)]
Route = TypeVar("Route", bound=Callable[..., Any])
CommandId = Annotated[UUID, Depends(command_id)]
Expected = Annotated[int | None, Depends(expected_version)]
Effective = Annotated[
    str,
    AfterValidator(effective_of),
    Field(description="ISO day, or instant with its offset, on which it was so.", max_length=40),
]
FACT = "0197a3c2-5d20-7b14-8a1e-0c5e3d9f7a42"


class Stated(Closed):
    """A fact of the published language that somebody states; see its type for the content."""

    type: str
    effective: str | None = None
    content: Any
    concerns: Annotated[tuple[UUID, ...], Field(max_length=100, description="Other subjects that are touched.")] = ()
    causation: Annotated[UUID | None, Field(description="The fact, of any service, because of which it is.")] = None


class Correct(Closed):
    """What was so instead: the whole new content."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"corrects": FACT, "effective": "2026-05-14", "replacement": {}}]},
    )

    corrects: Annotated[UUID, Field(description="The fact, or a correction of it.")]
    effective: Annotated[Effective | None, Field(description="The day it was so; as before where absent.")] = None
    replacement: dict[str, Any]


class Retract(Closed):
    """It never was so."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"corrects": FACT, "reason": "wrong_child"}]})

    corrects: Annotated[UUID, Field(description="The fact, or a correction of it.")]
    reason: Reason


class Restrict(Closed):
    """It is for those only who may read the restricted twin of its topic."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"fact": FACT}]})

    fact: Annotated[UUID, Field(description="The fact, or a correction of it.")]


def recording_router(recording: Recording) -> APIRouter:
    """The commands of one service: its families', corrections, retractions, and facts of any kind line by line."""
    router = APIRouter(tags=["facts"])
    families: dict[str, list[Any]] = {}
    for cls in recording.facts.values():
        families.setdefault(cls.plural, []).append(cls)
    for plural, classes in sorted(families.items()):
        _add_family(router, recording, plural, classes)
    _add_corrections(router, recording)
    router.include_router(line_router(recording))
    return router


def _add_family(router: APIRouter, recording: Recording, plural: str, classes: Sequence[Any]) -> None:
    async def state_fact(
        child: UUID, stated: Any, request: Request, response: Response, who: Who, key: CommandId, at: Expected
    ) -> dict[str, Any]:
        acting = await may_record(request, recording, who, stated.type)
        effective = dated(type(stated.content), stated.content, stated.effective)
        concerns = tuple(str(one) for one in stated.concerns)
        cause = str(stated.causation) if stated.causation else None
        decide = fitting(partial(record, recording, Statement(stated.content, effective, concerns, cause)))
        return await answer_command(request, response, child, acting, key, at, decide)

    state_fact.__annotations__["stated"] = _body(recording, classes)
    _asking_for(*recording.roles, *(role for cls in classes for role in recording.also.get(cls.wire, ())))(state_fact)
    router.add_api_route(
        f"/children/{{child}}/{plural}", state_fact, methods=["POST"], status_code=201, name=f"record_{plural}",
        summary=f"Record a fact of the family {plural}: {', '.join(_words(cls) for cls in classes)}.",
    )  # fmt: skip


def _asking_for(*roles: str) -> Callable[[Route], Route]:
    """A route that refuses who has none of the roles before it judges the rest of the request."""

    def told(route: Route) -> Route:
        route.__annotations__["who"] = Annotated[Caller, Security(caller, scopes=list(roles))]
        return route

    return told


async def may_record(request: Request, recording: Recording, who: Caller, wire: str) -> Caller:
    """The caller, acting by a role of the service, or as an agency's system; raises `Forbidden` where it is neither."""
    further = recording.also.get(wire, ())
    acting = who.acting_by(*recording.roles, *further)
    if who.roles.isdisjoint(recording.roles):
        agency = replace(who, roles=who.roles & set(further))
        await check_membership(request.app.state.running.pool, agency, datetime.now(UTC).date())
    return acting


def _words(cls: Any) -> str:
    return str(cls.wire.partition(".")[2].replace("_", " "))


def _body(recording: Recording, classes: Sequence[Any]) -> Any:
    """The body of a family's command: one of its types, told apart by `type`, with an example of each."""
    examples: dict[str, Any] = {
        cls.wire: {"summary": cls.__doc__.splitlines()[0], "value": _example(recording, cls)} for cls in classes
    }
    told_apart: Any = {"discriminator": "type"} if len(classes) > 1 else {}
    return Annotated[reduce(or_, map(_stated, classes)), Body(openapi_examples=examples, **told_apart)]


def _stated(cls: Any) -> Any:
    needed = cls.dated and "year" not in cls.model_fields
    fields: dict[str, Any] = {
        "type": (Literal[cls.wire], ...),
        "effective": (Effective, ...) if needed else (Effective | None if cls.dated else None, None),
        "content": (cls, ...),
    }
    return create_model(f"State{cls.__name__}", __base__=Stated, __doc__=cls.__doc__, **fields)


def _example(recording: Recording, cls: Any) -> dict[str, Any]:
    sample = recording.sample(cls)
    day = {"effective": sample.effective} if sample.effective else {}
    return {"type": cls.wire, **day, "content": sample.content}


def _add_corrections(router: APIRouter, recording: Recording) -> None:
    @router.post("/children/{child}/corrections", status_code=201, summary="Correct a fact of this service.")
    @_asking_for(*recording.roles)
    async def correct_fact(
        child: UUID, command: Correct, request: Request, response: Response, who: Who, key: CommandId, at: Expected
    ) -> dict[str, Any]:
        decide = fitting(partial(correct, recording, str(command.corrects), command.effective, command.replacement))
        return await answer_command(request, response, child, who, key, at, decide)

    @router.post("/children/{child}/retractions", status_code=201, summary="Retract a fact of this service.")
    @_asking_for(*recording.roles)
    async def retract_fact(
        child: UUID, command: Retract, request: Request, response: Response, who: Who, key: CommandId, at: Expected
    ) -> dict[str, Any]:
        decide = partial(retract, recording, str(command.corrects), command.reason)
        return await answer_command(request, response, child, who, key, at, decide)

    @router.post("/children/{child}/restrictions", status_code=201, summary="Raise the sensitivity of a fact.")
    @_asking_for(*recording.roles)
    async def restrict_fact(
        child: UUID, command: Restrict, request: Request, response: Response, who: Who, key: CommandId, at: Expected
    ) -> dict[str, Any]:
        decide = partial(restrict, recording, str(command.fact))
        return await answer_command(request, response, child, who, key, at, decide)
