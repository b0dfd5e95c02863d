"""One command of a person over HTTP: the authority looked up and checked, carried out, answered with its ETag."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from carejourney.access import Caller
from carejourney.commands import Command, Decide, Decided, State, carry_out, context_of
from carejourney.errors import NotFound, Refusal
from carejourney.ids import derived_id

_AUTHORITY = """
select authority from lane where subject = $1
union all
select convert_from(headers, 'UTF8')::json ->> 'ce_authority' from fact where subject = $1
limit 1
"""


async def authority_of(running: Any, subject: UUID, who: Caller) -> str:
    """The authority answering for a subject, as this service last heard it.

    Raises `NotFound` where the service never heard of the subject, or the caller may not see its authority.
    """
    authority = await running.pool.fetchval(_AUTHORITY, subject)
    if authority is None or not who.sees(authority):
        raise NotFound("no child of that pseudonym is known here")
    return str(authority)


async def answer_command(
    request: Request, response: Response, subject: UUID, who: Caller, command: UUID, expected: int | None,
    decide: Decide,
) -> dict[str, Any]:  # fmt: skip
    """Carry out one command; the answer names the facts recorded, and the ETag is the record's new version."""
    running = request.app.state.running
    authority = await authority_of(running, subject, who)
    context = context_of(who, running.store.source, authority, command)
    # Two callers may well choose the same short key: it counts for one child.
    identity = derived_id("command", subject, command)
    asked = sha256(request.url.path.encode() + b"\n" + await request.body()).hexdigest()

    def noted(state: State) -> Decided:
        decided = decide(state)
        decided.notes["asked"] = asked
        return decided

    (answer,) = await carry_out(running.store, [Command(identity, subject, noted, context, expected)])
    if answer.pop("asked", asked) != asked:
        raise Refusal("this Idempotency-Key was used for another request; send a new one")
    response.headers["ETag"] = f'"{answer["version"]}"'
    return answer
